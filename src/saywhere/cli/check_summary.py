"""What `saywhere check` counts, and the tables that it prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from rich.table import Table

    from saywhere.data.checks import CheckReport
    from saywhere.text.distances import Distance

SHOWN = 20
"""Faults that are printed; quarantine.jsonl holds all."""


class PromptCounts(TypedDict):
    """Of one prompt level."""

    texts: int
    distinct: int
    blank: int
    positions: dict[str, int]
    """position word → how often it stands there"""


class SplitCounts(TypedDict):
    """Of one split."""

    rows: int
    clean: int


class CheckSummary(TypedDict):
    """What `saywhere check --json` prints, but for the distances of opposite words."""

    manifest: str
    rows: int
    clean: int
    quarantined: int
    quarantine: str | None
    """the list of faults; None where there are none"""
    splits: dict[str, SplitCounts]
    kinds: dict[str, int]
    """kind of fault → how many"""
    levels: dict[str, PromptCounts]
    warnings: list[str]


def levels_table(levels: dict[str, PromptCounts]) -> Table:
    """A line per prompt level.

    Args:
        levels: name → its counts.

    Returns:
        A table for a terminal.
    """
    from rich.markup import escape
    from rich.table import Table

    table = Table("prompts", "texts", "distinct", "blank", "position words")
    for name, counts in levels.items():
        positions = " · ".join(f"{word} {n:,}" for word, n in counts["positions"].items())
        numbers = [f"{n:,}" for n in (counts["texts"], counts["distinct"], counts["blank"])]
        # The levels are named by whoever wrote the manifest, and rich reads [brackets] as markup.
        table.add_row(escape(name), *numbers, positions or "none")
    return table


def opposites_table(opposites: list[Distance]) -> Table:
    """A line per pair of opposite words.

    Args:
        opposites: their cosines, before and after scaling.

    Returns:
        A table for a terminal.
    """
    from rich.table import Table

    table = Table(
        "opposite words",
        "sentences",
        "cosine as encoded",
        "cosine after scaling",
        title="does the encoder tell them apart? (1: not at all; the model reads the scaled ones)",
    )
    for pair in opposites:
        cosines = f"{pair.cosine_before:.3f}", f"{pair.cosine_after:.3f}"
        table.add_row(pair.pair, str(pair.n), *cosines)
    return table


def faults_table(summary: CheckSummary, report: CheckReport) -> Table:
    """The first faults.

    Args:
        summary: counts them by kind.
        report: lists them.

    Returns:
        A table for a terminal.
    """
    from rich.markup import escape
    from rich.table import Table

    from saywhere.errors import counted

    kinds = " · ".join(f"{kind} {n:,}" for kind, n in summary["kinds"].items())
    title = f"{counted(len(report.faults), 'fault')}: {kinds}"
    table = Table("row", "id", "fault", "reason", "remedy", title=title)
    for fault in report.faults[:SHOWN]:
        table.add_row(
            str(fault.row), escape(fault.id), fault.kind, escape(fault.reason), fault.remedy
        )
    if len(report.faults) > SHOWN:
        table.add_row("…", "", "", f"and {len(report.faults) - SHOWN:,} more", "")
    return table
