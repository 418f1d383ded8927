"""The tables that `saywhere probe` prints, one a probe."""

from __future__ import annotations

from rich.table import Table

from saywhere.cli.progress import SPREAD
from saywhere.evaluation.probes.probe_record import (
    GeneratorRecord,
    HalfMeasure,
    HalvesRecord,
    InvarianceRecord,
    MosaicRecord,
)
from saywhere.metrics.statistics import with_span

_HALVES: dict[HalfMeasure, str] = {
    "inside": "of the mask, inside the named half",
    "dice": "Dice with what lies there",
    "empty_area": "marked where nothing lies",
    "presence": "presence, where something lies",
    "empty_presence": "presence, where nothing lies",
}
"""Measure of the halves → its line in the table."""


def _table(first: str, *others: str, title: str) -> Table:
    """The first column alone may take several lines: the others hold intervals."""
    table = Table(first, title=title)
    for heading in others:
        table.add_column(heading, no_wrap=True)
    return table


def generator_table(summary: GeneratorRecord) -> Table:
    """Draw how well the pseudo-image alone says where.

    Args:
        summary: What was measured.

    Returns:
        The table, to be printed.
    """
    title = f"does it say where? {summary['n']} test prompts, {summary['steps']} steps"
    # In 80 columns: two columns of words, or a heading in one line, would cut the numbers off.
    headings = ("AUC [95 %]", "Dice at the best\nthreshold [95 %]", "spread")
    table = _table("prompts: pseudo-image", *headings, title=title)
    for level, stages in summary["prompt_sets"].items():
        for stage, score in stages.items():
            auc, dice = with_span(**score["auc"]), with_span(**score["dice"])
            table.add_row(f"{level}: {stage}", auc, dice, f"{score['spread']:.3f}")
    table.caption = SPREAD
    return table


def invariance_table(summary: InvarianceRecord) -> Table:
    """Draw how alike the masks of an image and of its turned copies are.

    Args:
        summary: What was measured.

    Returns:
        The table, to be printed.
    """
    title = f"how alike the masks are, {summary['n']} test cases"
    table = _table("transform: way", "Dice [95 %]", title=title)
    # A line a way, not a column: four intervals side by side are wider than a terminal.
    for name, agreement in summary["agreement"].items():
        for way, dice in agreement.items():
            table.add_row(f"{name}: {way}", with_span(**dice))
    return table


def mosaic_table(summary: MosaicRecord) -> Table:
    """Draw how well words find their tile among others.

    Args:
        summary: What was measured.

    Returns:
        The table, to be printed.
    """
    title = f"{summary['n']} mosaics of {summary['side']}×{summary['side']} test images"
    table = _table("words", "Dice with the named tile's lesion [95 %]", title=title)
    for condition, interval in summary["dice_mean"].items():
        table.add_row(condition, with_span(**interval))
    return table


def halves_table(summary: HalvesRecord) -> Table:
    """Draw how well words are kept to the half that they name.

    Args:
        summary: What was measured.

    Returns:
        The table, to be printed.
    """
    title = f"words that name one half alone, {summary['n']} test images"
    table = _table("measure", "[95 %]", title=title)
    for measure, label in _HALVES.items():
        interval = summary[measure]
        table.add_row(label, with_span(**interval) if interval else "no such case")
    return table
