"""A table of `saywhere compare` as a page.

It draws what each label reached, and how it differs from the reference, each on one scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from saywhere.evaluation.verdict import TOO_FEW
from saywhere.experiments.compare import Comparison, Line
from saywhere.metrics.printed import printed
from saywhere.metrics.sample_size import FEWEST_CASES
from saywhere.metrics.statistics import PairedDifference
from saywhere.report.figures import axis, forest, inner_ticks
from saywhere.report.page import render

Reach = tuple[float, float]
NOTHING = Markup("")


@dataclass(frozen=True)
class ComparedRow:
    """A label of the table, as text and as drawings.

    The last four fields are empty where there is no difference.
    """

    label: str
    n_seeds: int
    columns: list[str]
    dice: str
    dice_span: str
    dice_drawn: Markup
    difference: str = ""
    span: str = ""
    certainty: str = ""
    drawn: Markup = NOTHING


def comparison_page(comparison: Comparison) -> str:
    """Write a comparison as one self-contained HTML page.

    Args:
        comparison: the table.

    Returns:
        HTML that asks for nothing else: no script, no network.
    """
    differences = [line.difference for line in comparison.lines if line.difference]
    dice_reach = _reach([line.dice for line in comparison.lines])
    gain_reach = _reach(differences, around=0.0)
    rows = [_row(line, dice_reach, gain_reach) for line in comparison.lines]
    return render(
        "comparison.html.j2",
        {
            "title": comparison.title,
            "note": comparison.note,
            "reference": comparison.reference,
            "heads": comparison.heads,
            "rows": rows,
            "dice_axis": axis(dice_reach, inner_ticks(dice_reach)),
            "gain_axis": axis(gain_reach, inner_ticks(gain_reach)),
            "pruned": comparison.pruned,
            "left_out": comparison.left_out,
        },
    )


def _row(line: Line, dice_reach: Reach, gain_reach: Reach) -> ComparedRow:
    dice, gain = line.dice, line.difference
    is_reference = gain is None and line.is_reference
    return ComparedRow(
        label=line.label,
        n_seeds=line.n_seeds,
        columns=line.columns,
        dice=printed(dice.difference),
        dice_span=f"{printed(dice.low)} to {printed(dice.high)}",
        dice_drawn=forest(dice.difference, dice.low, dice.high, dice_reach),
        difference=_difference(gain, is_reference),
        span="" if gain is None else f"{_signed(gain.low)} to {_signed(gain.high)}",
        certainty="" if gain is None else _certainty(gain),
        drawn=NOTHING
        if gain is None
        else forest(gain.difference, gain.low, gain.high, gain_reach, zero=0.0),
    )


def _difference(gain: PairedDifference | None, is_reference: bool) -> str:
    if is_reference:
        return "reference"
    return "" if gain is None else _signed(gain.difference)


def _signed(value: float) -> str:
    return printed(value, sign="+")


def _certainty(gain: PairedDifference) -> str:
    if gain.n < FEWEST_CASES:
        return TOO_FEW
    # Before the interval, which may exclude 0 all the same.
    if gain.seeds_differ:
        return "not sure: seeds differ"
    if gain.low > 0:
        return "higher"
    return "lower" if gain.high < 0 else "not sure: holds 0"


def _reach(intervals: Sequence[PairedDifference], around: float | None = None) -> Reach:
    """The scale that holds every interval, and `around`, with some air."""
    ends = [interval.low for interval in intervals] + [interval.high for interval in intervals]
    if around is not None:
        ends.append(around)
    # A single value needs a scale of some width, too.
    air = 0.05 * (max(ends) - min(ends)) or 0.01
    return min(ends) - air, max(ends) + air
