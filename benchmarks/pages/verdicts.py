"""What the committed results say of a claim: figures with their interval, and a verdict by a rule.

`claims.py` says which cells decide what; `question_tables.py` makes the pages' tables of both.
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
from saywhere.metrics.printed import printed
from saywhere.metrics.statistics import Interval, PairedDifference, drawn_shares, span_95, with_span

RESAMPLES = 2000
RESULTS = Path(__file__).parents[1] / "results"
BOTH = "image + text + augmentation"
AUG = "image + augmentation"
TENTH = ", a tenth of the images"
NETWORKS = ("UNet", "UNet++", "TransUNet", "MISSFormer")
LITTLE = 0.01
"""Of a network's arithmetic: what may be called efficient."""
Verdicts = tuple[str, str, str]
"""Of an interval above 0, below 0, and one that holds 0; or heard, not heard, and by some seeds."""
PAPERS: Verdicts = ("reproduced", "contradicted", "not reproduced")
"""Of a claim of the paper."""
OURS: Verdicts = ("yes", "no, worse", "not settled")
"""Of a question that the paper leaves, or that we ask."""
HEARING: Verdicts = ("heard", "not heard", "heard with {} of {} seeds")
SILENCING: Verdicts = ("it does not silence it here", "it silences the prompt", HEARING[2])
POLICIES = {
    "words turned with the image (the paper)": "pseudo-image transformed with the image",
    "words left behind": "prompt not transformed",
}
"""How the labels that a demo's older results have are called on a page."""


class Found(NamedTuple):
    """What was measured, and what it means for the claim."""

    measured: str
    verdict: str


Look = Callable[[], Found]
"""Reads the results when a page is made, not when the claim is written down."""


class Gain(NamedTuple):
    """A label's cells minus the reference's, with the right prompt, over the seeds of both."""

    paired: PairedDifference
    seeds: tuple[float, ...]
    """each seed's own difference"""


@cache  # a page asks a table for claim after claim, and its files are large
def _read(folder: Path) -> Results:
    return read_results(folder).results


def results_of(name: str) -> Results:
    """A table's finished cells.

    Args:
        name: the table's name in `benchmarks/results`.

    Returns:
        Label → its cells, one a seed.

    Raises:
        MissingFile: there is no such table.
    """
    return _read(RESULTS / name)


def gained(name: str, label: str, reference: str, measure: str = "dice") -> Gain:
    """How far a label's cells are ahead of the reference's.

    Args:
        name: the table's name.
        label: the cells that a claim is about.
        reference: the cells that they are compared with.
        measure: "dice" or "iou", in [0, 1] per image.

    Returns:
        The difference with its 95 % interval, and each seed's own.

    Raises:
        MissingFile: there is no such table.
        KeyError: a label has no finished cell.
    """
    ours = results_of(name)[label]
    theirs = results_of(name)[reference]
    return Gain(case_difference(ours, theirs, measure), seed_differences(ours, theirs, measure))


def verdict(
    paired: PairedDifference,
    n_seeds: int,
    verdicts: Verdicts = PAPERS,
    claimed: float | None = None,
) -> str:
    """By the 95 % interval of a difference: above 0, below 0, or holding 0.

    Args:
        paired: the difference.
        n_seeds: of how many seeds it is.
        verdicts: what to call the three cases.
        claimed: the paper's figure; whether it lies in the interval is said, too.

    Returns:
        The verdict, with what limits it in parentheses.
    """
    given = _side(paired.low, paired.high, 0, verdicts)
    if paired.seeds_differ:
        given += " (seeds differ)"
    if claimed is not None:
        place = "in" if paired.low <= claimed <= paired.high else "outside of"
        given += f"; the paper's {claimed:+.4f} lies {place} the interval"
    return tagged(given, n_seeds)


def _side(low: float, high: float, mark: float, verdicts: Verdicts) -> str:
    """The first verdict of an interval above the mark, the second below it, the third around."""
    if low > mark:
        return verdicts[0]
    if high < mark:
        return verdicts[1]
    return verdicts[2]


def tagged(given: str, n_seeds: int) -> str:
    """A verdict that says so where it rests on one seed, which is less than a verdict."""
    return given if n_seeds > 1 else f"{given} (one seed)"


def seeds(n: int) -> str:
    """ "1 seed", "3 seeds"."""
    return f"{n} seed{'s' if n > 1 else ''}"


def each(differences: tuple[float, ...]) -> str:
    """The number of seeds, and with several what each gave.

    An interval over so few is narrower than what another seed may give.
    """
    if len(differences) == 1:
        return seeds(1)
    own = ", ".join(printed(one, sign="+") for one in differences)
    return f"{seeds(len(differences))} ({own})"


def between(
    name: str,
    label: str,
    reference: str,
    verdicts: Verdicts = PAPERS,
    measure: str = "dice",
    claimed: float | None = None,
) -> Look:
    """With the right prompt: a label's cells minus the reference's. Arguments as of `gained`."""

    def look() -> Found:
        paired, own = gained(name, label, reference, measure)
        shown = {"dice": "Dice", "iou": "IoU"}[measure]
        measured = f"{gap(paired)} {shown}, {each(own)}, `{name}`"
        return Found(measured, verdict(paired, len(own), verdicts, claimed))

    return look


def better(name: str, label: str, reference: str) -> Look:
    """As `between`, of a question of ours instead of a claim of the paper."""
    return between(name, label, reference, OURS)


def hearing(cells: list[dict[str, Any]]) -> list[PairedDifference]:
    """Right − contradictory prompt, a cell each.

    A seed whose own interval lies above 0 hears the prompt.
    """
    return [words_gap([cell], "contradictory") for cell in cells]


def heard(name: str, label: str, verdicts: Verdicts = HEARING) -> Look:
    """Right minus contradictory prompt, of one label's cells, and how many seeds hear it."""

    def look() -> Found:
        cells = results_of(name)[label]
        own = hearing(cells)
        n = len(own)
        n_heard = sum(one.low > 0 for one in own)
        given = _by_seeds(n_heard, n, verdicts)
        paired = words_gap(cells, "contradictory")
        if n_heard == n and paired.seeds_differ:
            given += " (seeds differ)"
        shown = each(tuple(one.difference for one in own))
        measured = f"right − contradictory {gap(paired)} Dice, {shown}, `{name}`"
        return Found(measured, tagged(given, n))

    return look


def _by_seeds(n_heard: int, n: int, verdicts: Verdicts) -> str:
    if n_heard == n:
        return verdicts[0]
    if not n_heard:
        return verdicts[1]
    return verdicts[2].format(n_heard, n)


def alive(name: str, label: str, verdicts: Verdicts = HEARING) -> Look:
    """As `heard`, and how much the pseudo-images of different sentences differ."""
    look_at = heard(name, label, verdicts)

    def look() -> Found:
        measured, given = look_at()
        cells = results_of(name)[label]
        spread = sum(cell["spread"] for cell in cells) / len(cells)
        return Found(f"spread {spread:.4f}, {measured}", given)

    return look


def silenced(name: str, label: str) -> Look:
    """Is the pseudo-image alive, where the region term is the published one?"""
    return alive(name, label, SILENCING)


def arms() -> Found:
    """The demo's three short runs: intervals of two independent means that do not touch."""
    demo = json.loads((RESULTS / "demo_phantoms.json").read_text(encoding="utf-8"))
    rows = {row["label"]: row["dice_mean"] for row in demo["comparison"]["rows"]}
    turned, behind = list(rows.values())[:2]  # in the demo's order, whatever it calls them
    named = {POLICIES.get(label, label): dice for label, dice in rows.items()}
    shown = " · ".join(f"{label} {with_span(**dice)}" for label, dice in named.items())
    given = "reproduced" if turned["low"] > behind["high"] else "not reproduced"
    return Found(f"{shown}; one seed, `demo_phantoms`", tagged(given, 1))


def mean_of_sets(label: str, reference: str, sets: dict[str, str], mark: float) -> Look:
    """`lite` at 224 px over several sets, beside a rival's mean over six sets.

    Of the seeds that all cells have, so that no set counts with others than the rest.

    Args:
        label: the cells with a prompt.
        reference: the cells without.
        sets: a set's key in the tables' names → what it is called.
        mark: the rival's mean Dice.

    Returns:
        What looks it up.
    """

    def look() -> Found:
        tables = {key: results_of(f"{key}_lite_224") for key in sets}
        both = [cells[one] for cells in tables.values() for one in (label, reference)]
        shared = _shared_seeds(both)
        dice = {key: _dice(cells[label], shared) for key, cells in tables.items()}
        without = [_dice(cells[reference], shared).mean() for cells in tables.values()]
        mean = _mean_over(list(dice.values()))
        shown = " · ".join(f"{sets[key]} {values.mean():.3f}" for key, values in dice.items())
        overall = f"{with_span(mean.mean, mean.low, mean.high)} ({shown})"
        beside = f"without a prompt {np.mean(without):.3f}, `*_lite_224`"
        given = _side(mean.low, mean.high, mark, ("above it", "below it", "not settled"))
        measured = f"{overall}, {seeds(len(shared))}; {beside}"
        return Found(measured, tagged(given, len(shared)))

    return look


def _shared_seeds(labels: list[list[dict[str, Any]]]) -> set[int]:
    """The seeds that the cells of each label have."""
    return set.intersection(*map(_seeds_of, labels))


def _seeds_of(cells: list[dict[str, Any]]) -> set[int]:
    return {cell["seed"] for cell in cells}


def _dice(cells: list[dict[str, Any]], chosen: set[int]) -> np.ndarray:
    """Each image's Dice with the right prompt, mean over these seeds."""
    scores = [_scores(cell) for cell in cells if cell["seed"] in chosen]
    return np.array(scores).mean(axis=0)


def _scores(cell: dict[str, Any]) -> list[float]:
    """Each image's Dice with the right prompt, in the order of the images' names."""
    dice = {case["id"]: case["dice"] for case in cell["cases"] if case["words"] == "right"}
    return [dice[name] for name in sorted(dice)]


def _mean_over(sets: list[np.ndarray]) -> Interval:
    """Mean over sets of their means, 95 % by bootstrap over the images of each."""
    draws = [_resampled(dice, f"set {number}") for number, dice in enumerate(sets)]
    mean = float(np.mean([dice.mean() for dice in sets]))
    return Interval(mean, *span_95(np.mean(draws, axis=0)))


def _resampled(dice: np.ndarray, purpose: str) -> np.ndarray:
    """Means of `RESAMPLES` resamples; each set draws by its own purpose, apart from the others."""
    shares = drawn_shares(len(dice), RESAMPLES, 0, purpose)
    return np.concatenate([share @ dice for share in shares])


def cost(network: str) -> Look:
    """What a prompt adds to a network at the paper's size, counted.

    Reproduced where the arithmetic grows by less than 1 %.
    """

    def look() -> Found:
        counted = json.loads((RESULTS / "cost.json").read_text(encoding="utf-8"))
        image = counted["networks"][network]["image"]
        both = counted["networks"][network]["image and words"]
        more = {key: both[key] / image[key] - 1 for key in ("parameters", "gflop")}
        shown = f"{more['parameters']:+.2%} weights and {more['gflop']:+.2%} arithmetic"
        once = f"{counted['encoder']['gflop']:.1f} GFLOP once a sentence (BERT-base)"
        beside = f"{once} beside {image['gflop']:.1f} an image"
        is_little = more["gflop"] < LITTLE
        given = "reproduced (below 1 %)" if is_little else "not reproduced (1 % or more)"
        return Found(f"{shown}; and {beside}, `cost`", given)

    return look


def beyond(why: str) -> Look:
    """A claim that this machine cannot test."""
    return lambda: Found("–", f"not testable here: {why}")
