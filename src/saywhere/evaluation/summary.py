"""What an evaluation comes to: means with intervals, and whether the prompt is heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from saywhere.evaluation.cases import DISTANCE, MEASURES, Case
from saywhere.evaluation.negatives import negatives_in_words
from saywhere.evaluation.summary_record import (
    CasesRecord,
    ConditionRecord,
    ExpectedRecord,
    ListeningRecord,
    TrustRecord,
)
from saywhere.evaluation.verdict import Verdict, least_favourable, verdict
from saywhere.metrics.calibration import check as check_expected
from saywhere.metrics.confidence import trust
from saywhere.metrics.functional import pooled
from saywhere.metrics.statistics import Bootstrap, Interval, PairedDifference, with_span
from saywhere.runs.status import RunStatus

NOT_COMPARED = ("right", "unseen")
"""Conditions whose prompts are right: nothing is to be gained over them."""


@dataclass(frozen=True)
class Distances:
    """Of the 95 % Hausdorff distance, which is infinite where one mask is empty.

    Attributes:
        median: Over all cases, px; None where it is infinite.
        mean_finite: Over the cases where it is finite, px; None where there is none.
        n_infinite: Cases.
    """

    median: float | None
    mean_finite: float | None
    n_infinite: int


@dataclass(frozen=True)
class Positives:
    """The cases whose true mask marks something.

    Attributes:
        n: Cases.
        dice_mean: Over them, with a 95 % bootstrap interval; None where there are none.
    """

    n: int
    dice_mean: Interval | None


@dataclass(frozen=True)
class Negatives:
    """The cases whose true mask is empty: normal images, denials, absent targets.

    Attributes:
        n: Cases.
        left_empty: Of these, how many the model left empty as well.
    """

    n: int
    left_empty: int


@dataclass(frozen=True)
class ConditionSummary:
    """How right the masks were under one prompt condition.

    A case without a target has Dice 1 or 0. A model that marks nothing would earn the share of
    such cases as its mean Dice, so positives and negatives are told apart as well.

    Attributes:
        n: Cases.
        means: Measure, as "dice" → its mean over all cases, with a 95 % bootstrap interval.
        distances: Of the boundaries.
        pooled: "dice_pooled" and "iou_pooled": over the pixels of all cases together.
        positives: The cases with a target.
        negatives: The cases without.
    """

    n: int
    means: Mapping[str, Interval]
    distances: Distances
    pooled: Mapping[str, float]
    positives: Positives
    negatives: Negatives

    def to_json(self) -> ConditionRecord:
        """Returns the numbers as summary.json holds them."""
        means = {f"{name}_mean": asdict(interval) for name, interval in self.means.items()}
        document = {"n": self.n, **means, DISTANCE: asdict(self.distances), **self.pooled}
        document |= {"positives": asdict(self.positives), "negatives": asdict(self.negatives)}
        return cast(ConditionRecord, document)


@dataclass(frozen=True)
class Listening:
    """What right prompts are worth over those of another condition.

    Attributes:
        difference: Dice with right prompts minus Dice with these, over the cases of both that
            have a target.
        verdict: The same in words.
    """

    difference: PairedDifference
    verdict: Verdict

    def to_json(self) -> ListeningRecord:
        """Returns the numbers and the verdict as summary.json holds them."""
        return cast(ListeningRecord, asdict(self.difference) | {"verdict": self.verdict})


@dataclass(frozen=True)
class Summary:
    """What the cases of an evaluation come to.

    Attributes:
        n: Cases with right prompts.
        conditions: Prompt condition → how right the masks were; those that have cases.
        listening: Prompt condition → what right prompts are worth over it.
        decisive: The condition that the verdict rests on; None where none was compared.
    """

    n: int
    conditions: Mapping[str, ConditionSummary]
    listening: Mapping[str, Listening]
    decisive: str | None

    @property
    def verdict(self) -> Verdict | None:
        """Whether the prompt is heard; None where nothing was compared."""
        return self.listening[self.decisive].verdict if self.decisive else None

    def to_json(self) -> CasesRecord:
        """Returns the summary as summary.json holds it."""
        return {
            "n": self.n,
            # `experiments.measured` says another frame of mosaics.
            "frame": "original",
            "words": {kind: one.to_json() for kind, one in self.conditions.items()},
            "listening": {kind: one.to_json() for kind, one in self.listening.items()},
            "verdict": self.verdict,
            "verdict_by": self.decisive,
        }


class EvaluationSummary(dict[str, Any]):
    """What run/evaluation/summary.json holds; printed as a table, one line per condition."""

    def __repr__(self) -> str:
        about = f"{self['n']} cases of split {self['split']!r}, prompts {self['level']!r}"
        head = f"{about}, original size; prompt: {self['verdict'] or 'not compared'}"
        columns = f"{'prompt':14}{'cases':>6}   Dice per case [95 %]    right − this [95 %]"
        below = [] if self.get("unfinished") is None else [unfinished_in_words(self)]
        apart = negatives_in_words(self)
        below += [apart] if apart else []
        return "\n".join([head, columns, *map(self._line, self["words"]), *below])

    def _line(self, condition: str) -> str:
        numbers = self["words"][condition]
        against = self["listening"].get(condition)
        gap = ""
        if against:
            span = with_span(against["difference"], against["low"], against["high"], "+")
            gap = f"{span}  {against['verdict']}"
        mean = with_span(**numbers["dice_mean"])
        return f"{condition:14}{numbers['n']:>6}   {mean}    {gap}".rstrip()


def unfinished_in_words(summary: Mapping[str, Any], run: str | Path = "RUN") -> str:
    """Warn that the training had not ended when its weights were evaluated.

    Args:
        summary: Of an evaluation, with "unfinished".
        run: As a command should call it.

    Returns:
        One sentence, without an end stop.
    """
    facts = summary["unfinished"]
    status = RunStatus(
        facts["status"], facts.get("epochs_done"), facts.get("step"), facts["epochs"]
    )
    return (
        f"{status.in_words()}; measured are the weights of epoch {facts['epoch']} of "
        f"{facts['epochs']}; {status.advice(run)}"
    )


def summarise(cases: Mapping[str, Sequence[Case]], bootstrap: Bootstrap) -> Summary:
    """Take means over cases, and compare the conditions with right prompts.

    Args:
        cases: Prompt condition → its cases. "right" is one of them.
        bootstrap: Makes the intervals.

    Returns:
        Means with 95 % bootstrap intervals over images, pooled figures, and paired differences.
    """
    # Where nothing is to be marked, a wrong prompt is as right as the row's own.
    right = {case.id: case.dice for case in cases["right"] if not case.is_negative}
    listening: dict[str, Listening] = {}
    for condition, group in cases.items():
        if condition in NOT_COMPARED:
            continue
        compared = [case for case in group if case.id in right]
        # A condition may apply to no row at all, as where nothing can be contradicted.
        if compared:
            listening[condition] = _listening(right, compared, bootstrap)
    conditions = {kind: _condition(group, bootstrap) for kind, group in cases.items() if group}
    verdicts = {condition: one.verdict for condition, one in listening.items()}
    return Summary(len(cases["right"]), conditions, listening, least_favourable(verdicts))


def by_target(
    cases: Mapping[str, Sequence[Case]], names: Mapping[str, str], bootstrap: Bootstrap
) -> dict[str, CasesRecord]:
    """Take means over the cases of each target alone.

    A mean over several targets is one of whichever has most rows.

    Args:
        cases: Prompt condition → its cases. "right" is one of them.
        names: Row id → what the row's mask shows.
        bootstrap: Makes the intervals.

    Returns:
        Target → its summary as summary.json holds it, in the rows' order.
    """
    own: dict[str, dict[str, list[Case]]] = {}
    for condition, group in cases.items():
        for case in group:
            of_target = own.setdefault(names[case.id], {})
            of_target.setdefault(condition, []).append(case)
    return {name: summarise(of_target, bootstrap).to_json() for name, of_target in own.items()}


def trust_in(cases: Sequence[Case], bootstrap: Bootstrap) -> TrustRecord:
    """Does the model's confidence in an answer say how good that is?

    Args:
        cases: With right prompts, and a confidence each.
        bootstrap: Makes the intervals.

    Returns:
        What `metrics.confidence.trust` measures, as summary.json holds it.
    """
    # An empty mask is the least sure answer that there is.
    confidence = [case.confidence or 0.0 for case in cases]
    dice = [case.dice for case in cases]
    precision = [case.precision for case in cases]
    measured = trust(confidence, dice, precision, bootstrap.resamples, bootstrap.seed)
    return cast(TrustRecord, measured.record())


def expected_in(cases: Mapping[str, Sequence[Case]]) -> dict[str, ExpectedRecord]:
    """How good was the expected Dice?

    Args:
        cases: Prompt condition → its cases.

    Returns:
        Prompt condition → what `metrics.calibration.check` measures; empty for a model that was
        not calibrated.
    """
    checked: dict[str, ExpectedRecord] = {}
    for condition, group in cases.items():
        # An answer that marks nothing is promised no Dice.
        pairs = [(c.expected_dice, c.dice) for c in group if c.expected_dice is not None]
        if pairs:
            expected, dice = zip(*pairs)
            checked[condition] = cast(ExpectedRecord, check_expected(expected, dice))
    return checked


def _listening(
    right: Mapping[str, float], cases: Sequence[Case], bootstrap: Bootstrap
) -> Listening:
    # By id: a condition that does not apply to every row has fewer cases.
    own = np.array([right[case.id] for case in cases])
    other = np.array([case.dice for case in cases])
    difference = bootstrap.difference(own, other)
    return Listening(difference, verdict(difference))


def _condition(cases: Sequence[Case], bootstrap: Bootstrap) -> ConditionSummary:
    with_target = [case for case in cases if not case.is_negative]
    without = [case for case in cases if case.is_negative]
    return ConditionSummary(
        n=len(cases),
        means={name: bootstrap.mean(_column(cases, name)) for name in MEASURES},
        distances=_distances(_column(cases, DISTANCE)),
        pooled=pooled([asdict(case) for case in cases]),
        positives=Positives(
            len(with_target), bootstrap.mean(_column(with_target, "dice")) if with_target else None
        ),
        negatives=Negatives(len(without), sum(case.is_left_empty for case in without)),
    )


def _column(cases: Sequence[Case], name: str) -> np.ndarray:
    return np.array([getattr(case, name) for case in cases], float)


def _distances(distance: np.ndarray) -> Distances:
    # One empty mask would make the mean of all cases infinite: these are counted instead.
    finite = distance[np.isfinite(distance)]
    median = float(np.median(distance))
    return Distances(
        # JSON has no infinity.
        median=median if np.isfinite(median) else None,
        mean_finite=float(finite.mean()) if len(finite) else None,
        n_infinite=int((~np.isfinite(distance)).sum()),
    )
