"""What a presence head means, learned from cases with a known truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from saywhere import seeds
from saywhere.config import DataConfig
from saywhere.data import absences
from saywhere.data.manifest_row import Row
from saywhere.data.sampler import Sampler
from saywhere.evaluation.cases import Case
from saywhere.inference.segmenter import Segmenter
from saywhere.metrics.presence import PresenceRule, auroc, calibration_error, fit
from saywhere.metrics.sample_size import FEWEST_CASES
from saywhere.runs.presence_file import PresenceRecord
from saywhere.text.directions import contradict


@dataclass(frozen=True)
class Judged:
    """A picture with a prompt, as the head judged it.

    Attributes:
        presence: [0, 1], not calibrated.
        dice: [0, 1]; None where the target is not there.
        is_empty: Did the model mark nothing by itself?
    """

    presence: float
    dice: float | None
    is_empty: bool

    @property
    def logit(self) -> float:
        """Of `presence`."""
        inside = float(np.clip(self.presence, 1e-12, 1 - 1e-12))
        return float(np.log(inside) - np.log1p(-inside))


def learn(
    segmenter: Segmenter,
    rows: Sequence[Row],
    prompts: Sequence[str],
    cases: Sequence[Case],
    split: str,
    advance: Callable[[int], None] = lambda done: None,
) -> PresenceRecord | None:
    """Learn what presence means, and below what a mask is emptied.

    To the cases come prompts whose target is absent, as many kinds as the training had: denials,
    words of another organ, contradictions, and prompts borrowed by images without a target.

    Args:
        segmenter: The model; its `presence_rule` empties no mask yet.
        rows: The cases' rows.
        prompts: Their own.
        cases: Measured with these.
        split: Of the rows.
        advance: Called with the number of absent prompts that were just judged.

    Returns:
        What presence.json holds. None for a model without a head, and where fewer than
        FEWEST_CASES cases have a target or have none.
    """
    if not segmenter.judges_presence:
        return None
    judged = [
        Judged(case.presence or 0.0, None if case.is_negative else case.dice, case.is_left_empty)
        for case in cases
    ]
    absent = list(_absent(segmenter.config.data, rows, prompts, cases))
    judged += _judged(segmenter, absent, advance)
    n_there = sum(one.dice is not None for one in judged)
    if min(n_there, len(judged) - n_there) < FEWEST_CASES:
        return None
    return _record(judged, fit([one.logit for one in judged], [one.dice for one in judged]), split)


def _absent(
    data: DataConfig, rows: Sequence[Row], prompts: Sequence[str], cases: Sequence[Case]
) -> Iterator[tuple[Row, str]]:
    """Each row with a sentence of each kind of absence that the training had."""
    present = [prompt for prompt, case in zip(prompts, cases) if not case.is_negative]
    denials = absences.denials((data.target, *data.also_called))
    for number, (row, prompt, case) in enumerate(zip(rows, prompts, cases)):
        random = seeds.generator(0, "absent prompts", number)
        if data.denied:
            yield row, seeds.one_of(denials, random)
        if data.foreign:
            noun = seeds.one_of(data.foreign_targets, random)
            yield row, seeds.one_of(absences.foreign(noun), random)
        if data.absent and (opposite := contradict(prompt)) is not None:
            yield row, opposite
        if data.borrowed and case.is_negative and present:
            yield row, seeds.one_of(present, random)


def _judged(
    segmenter: Segmenter, pairs: Sequence[tuple[Row, str]], advance: Callable[[int], None]
) -> list[Judged]:
    judged = []
    segmenter.embed([prompt for _, prompt in pairs])
    for part in Sampler(len(pairs), segmenter.batch_size):
        results = segmenter.segment_many(
            [pairs[number][0].image for number in part],
            [pairs[number][1] for number in part],
            pseudo_images=False,
        )
        judged += [Judged(one.presence, None, not one.mask.any()) for one in results]
        advance(len(part))
    return judged


def _record(judged: Sequence[Judged], rule: PresenceRule, split: str) -> PresenceRecord:
    probability = rule.of([one.logit for one in judged])
    is_there = np.array([one.dice is not None for one in judged])
    is_emptied = probability < rule.threshold
    is_empty = is_emptied | np.array([one.is_empty for one in judged])
    dice = np.array([one.dice or 0.0 for one in judged])
    tells = auroc(probability, is_there)
    error = calibration_error(probability, is_there)
    return {
        "slope": rule.slope,
        "offset": rule.offset,
        "threshold": rule.threshold,
        "n": int(is_there.sum()),
        "n_absent": int((~is_there).sum()),
        "split": split,
        "auroc": tells.mean,
        "auroc_low": tells.low,
        "auroc_high": tells.high,
        "error": error.mean,
        "error_low": error.low,
        "error_high": error.high,
        "left_empty": float(is_empty[~is_there].mean()),
        "cost": float((dice * is_emptied)[is_there].mean()),
    }
