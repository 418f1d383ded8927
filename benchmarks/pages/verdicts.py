"""What the committed results say of a claim: figures with their interval, and a verdict by a rule.
`question_tables.py` makes the pages' tables of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from saywhere.experiments.cell_record import Results
from saywhere.experiments.compare import gap
from saywhere.experiments.paired import case_difference, seed_differences, words_gap
from saywhere.experiments.results import read_results
from saywhere.metrics.statistics import Interval, PairedDifference, drawn_shares, span_95, with_span

RESAMPLES = 2000
RESULTS = Path(__file__).parents[1] / "results"
BOTH, AUG = "image + text + augmentation", "image + augmentation"
TENTH = ", a tenth of the images"
NETWORKS = ("UNet", "UNet++", "TransUNet", "MISSFormer")
PAPERS = ("reproduced", "contradicted", "not reproduced")  # of a claim of the paper
OURS = ("yes", "no, worse", "not settled")  # of a question that it leaves, or that we ask
POLICIES = {
    "words turned with the image (the paper)": "pseudo-image transformed with the image",
    "words left behind": "prompt not transformed",
}
"""How the labels that a demo's results have are called on a page."""


class Found(NamedTuple):
    """What was measured, and what it means for the claim."""

    measured: str
    verdict: str


Look = Callable[[], Found]


@cache  # a page asks a table for claim after claim, and its files are large
def _read(folder: Path) -> Results:
    return read_results(folder).results


def results_of(name: str) -> Results:
    """A table's finished cells. Raises MissingFile."""
    return _read(RESULTS / name)


class Gain(NamedTuple):
    """A label's cells minus the reference's, with right words: over the seeds that both have, and
    each seed's own.
    """

    found: PairedDifference
    seeds: tuple[float, ...]


def gained(name: str, label: str, reference: str, measure: str = "dice") -> Gain:
    """Raises MissingFile; KeyError of a label that has no finished cell."""
    ours, theirs = results_of(name)[label], results_of(name)[reference]
    return Gain(case_difference(ours, theirs, measure), seed_differences(ours, theirs, measure))


def verdict(
    found: PairedDifference,
    n_seeds: int,
    verdicts: tuple[str, str, str] = PAPERS,
    claimed: float | None = None,
) -> str:
    """By the 95 % interval of a difference: above 0, below 0, or holding 0; `claimed`: and whether
    the paper's figure lies in it.
    """
    said = verdicts[0] if found.low > 0 else verdicts[1] if found.high < 0 else verdicts[2]
    if found.seeds_differ:
        said += " (seeds differ)"
    if claimed is not None:
        said += f"; the paper's {claimed:+.4f} lies {'in' if found.low <= claimed <= found.high else 'outside of'} the interval"
    return tagged(said, n_seeds)


def tagged(said: str, n_seeds: int) -> str:
    """One seed is less than a verdict, and it says so."""
    return said if n_seeds > 1 else f"{said} (one seed)"


def seeds(n: int) -> str:
    return f"{n} seed{'s' if n > 1 else ''}"


def each(differences: tuple[float, ...]) -> str:
    """The number of seeds, and with several what each gave: an interval over so few is narrower
    than what another seed may give.
    """
    own = f" ({', '.join(f'{one:+.3f}' for one in differences)})" if len(differences) > 1 else ""
    return seeds(len(differences)) + own


def between(
    name: str,
    label: str,
    reference: str,
    verdicts: tuple[str, str, str] = PAPERS,
    measure: str = "dice",
    claimed: float | None = None,
) -> Look:
    """Dice (or "iou") with right words: a label's cells minus the reference's."""

    def look() -> Found:
        found, own = gained(name, label, reference, measure)
        shown = {"dice": "Dice", "iou": "IoU"}[measure]
        return Found(
            f"{gap(found)} {shown}, {each(own)}, `{name}`",
            verdict(found, len(own), verdicts, claimed),
        )

    return look


def better(name: str, label: str, reference: str) -> Look:
    """The same of a question."""
    return between(name, label, reference, OURS)


def hearing(cells: list[dict[str, Any]]) -> list[PairedDifference]:
    """Right − contradictory words, a cell each: heard is a seed whose own interval lies above 0."""
    return [words_gap([cell], "contradictory") for cell in cells]


def heard(
    name: str,
    label: str,
    verdicts: tuple[str, str, str] = ("heard", "not heard", "heard with {} of {} seeds"),
) -> Look:
    """Right minus contradictory words, of one label's cells, and with how many seeds they are
    heard.
    """

    def look() -> Found:
        cells = results_of(name)[label]
        own = hearing(cells)
        n_heard = sum(one.low > 0 for one in own)
        n = len(own)
        said = (
            verdicts[0]
            if n_heard == n
            else verdicts[1]
            if not n_heard
            else verdicts[2].format(n_heard, n)
        )
        found = words_gap(cells, "contradictory")
        shown = each(tuple(one.difference for one in own))
        differ = " (seeds differ)" if n_heard == n and found.seeds_differ else ""
        return Found(
            f"right − contradictory {gap(found)} Dice, {shown}, `{name}`", tagged(said + differ, n)
        )

    return look


def alive(
    name: str,
    label: str,
    verdicts: tuple[str, str, str] = ("heard", "not heard", "heard with {} of {} seeds"),
) -> Look:
    """The same, and how much the pseudo-images of different sentences differ."""
    look_at = heard(name, label, verdicts)

    def look() -> Found:
        found = look_at()
        cells = results_of(name)[label]
        return Found(
            f"spread {sum(cell['spread'] for cell in cells) / len(cells):.4f}, {found.measured}",
            found.verdict,
        )

    return look


def silenced(name: str, label: str) -> Look:
    """Is the pseudo-image alive, where the region term is the published one?"""
    return alive(
        name,
        label,
        ("it does not silence them here", "it silences the prompt", "heard with {} of {} seeds"),
    )


def arms() -> Found:
    """The demo's three short runs: intervals of two independent means that do not touch."""
    rows = {
        row["label"]: row["dice_mean"]
        for row in json.loads((RESULTS / "demo_phantoms.json").read_text())["comparison"]["rows"]
    }
    turned, behind = list(rows.values())[:2]  # in the demo's order, whatever it calls them
    named = {POLICIES.get(label, label): dice for label, dice in rows.items()}
    shown = " · ".join(f"{label} {with_span(**dice)}" for label, dice in named.items())
    return Found(
        f"{shown}; one seed, `demo_phantoms`",
        tagged("reproduced" if turned["low"] > behind["high"] else "not reproduced", 1),
    )


def _dice(cells: list[dict[str, Any]], seeds: set[int]) -> np.ndarray:
    """A case's Dice with right words, mean over these seeds."""
    chosen = [
        {case["id"]: case["dice"] for case in cell["cases"] if case["words"] == "right"}
        for cell in cells
        if cell["seed"] in seeds
    ]
    return np.array([[found[name] for name in sorted(chosen[0])] for found in chosen]).mean(axis=0)


def _mean_over(sets: list[np.ndarray]) -> Interval:
    """Mean over sets of their means, 95 % by bootstrap over the cases of each."""
    draws = [
        np.concatenate(
            [shares @ dice for shares in drawn_shares(len(dice), RESAMPLES, 0, f"set {k}")]
        )
        for k, dice in enumerate(sets)
    ]
    return Interval(
        float(np.mean([dice.mean() for dice in sets])), *span_95(np.mean(draws, axis=0))
    )


def mean_of_sets(label: str, reference: str, sets: dict[str, str], mark: float) -> Look:
    """`lite` at 224 px: the mean over the sets of a label's mean Dice, beside a rival's mean over
    six sets, and beside the same without words.

    Of the seeds that all cells have, so that no set counts with others than the rest.
    """

    def look() -> Found:
        tables = {key: results_of(f"{key}_lite_224") for key in sets}
        shared = set.intersection(
            *(
                {cell["seed"] for cell in found[which]}
                for found in tables.values()
                for which in (label, reference)
            )
        )
        dice, without = (
            {key: _dice(found[which], shared) for key, found in tables.items()}
            for which in (label, reference)
        )
        mean = _mean_over(list(dice.values()))
        shown = " · ".join(f"{sets[key]} {values.mean():.3f}" for key, values in dice.items())
        measured = (
            f"{with_span(mean.mean, mean.low, mean.high)} ({shown}), {seeds(len(shared))}; "
            f"without a prompt {np.mean([values.mean() for values in without.values()]):.3f}, `*_lite_224`"
        )
        return Found(
            measured,
            tagged(
                "above it"
                if mean.low > mark
                else "below it"
                if mean.high < mark
                else "not settled",
                len(shared),
            ),
        )

    return look


LITTLE = 0.01  # of a network's arithmetic: what may be called efficient


def cost(network: str) -> Look:
    """What the words add to a network at the paper's size, counted; reproduced where the arithmetic
    grows by less than 1 %.
    """

    def look() -> Found:
        found = json.loads((RESULTS / "cost.json").read_text())
        image, both = (
            found["networks"][network]["image"],
            found["networks"][network]["image and words"],
        )
        more = {key: both[key] / image[key] - 1 for key in ("parameters", "gflop")}
        shown = f"{more['parameters']:+.2%} weights and {more['gflop']:+.2%} arithmetic"
        once = f"{found['encoder']['gflop']:.1f} GFLOP once a sentence (BERT-base) beside {image['gflop']:.1f} an image"
        return Found(
            f"{shown}; and {once}, `cost`",
            "reproduced (below 1 %)" if more["gflop"] < LITTLE else "not reproduced (1 % or more)",
        )

    return look


def beyond(why: str) -> Look:
    """A claim that this machine cannot test."""
    return lambda: Found("–", f"not testable here: {why}")
