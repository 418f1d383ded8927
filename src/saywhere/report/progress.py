"""Where a grid stands, as a page that reloads itself.

It shows what is finished, failed and left, and when it will end.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from statistics import fmean

from saywhere.errors import duration
from saywhere.experiments.grid import Cell, Grid, cells_of
from saywhere.experiments.results import read_document
from saywhere.experiments.rungs import PAUSED, PRUNED
from saywhere.experiments.runner import result_path
from saywhere.io.files import write_text
from saywhere.report.page import render


@dataclass(frozen=True)
class CellState:
    """A cell as a row of the page; Dice and seconds are known of finished ones."""

    label: str
    seed: int
    state: str = "waiting"
    """waiting, paused or pruned with its epoch, finished, or failed with its reason"""
    dice: str = ""
    seconds: float | None = None

    @property
    def is_finished(self) -> bool:
        """Is its result there?"""
        return self.state == "finished"

    @property
    def is_failed(self) -> bool:
        """Did it end without a result?"""
        return self.state.startswith("failed")

    @property
    def is_pruned(self) -> bool:
        """Was it stopped early?"""
        return self.state.startswith(PRUNED)


def write_progress(
    grid: Grid,
    results: Path,
    seeds: Sequence[int] = (),
    side_by_side: int | None = None,
    again: Collection[str] = (),
) -> Path:
    """Write results/TABLE/progress.html from the result files that are there.

    Args:
        grid: the table's cells.
        results: the folder of all tables.
        seeds: those that are being run; all if empty. They decide when the grid ends.
        side_by_side: how many cells run at once. None: not known, as on a cluster; no end is shown.
        again: ids of failed cells that are run again, and so count as waiting.

    Returns:
        The page's path.

    Raises:
        NotWritable: the folder takes no file.
        ConfigError: a cell's configuration is wrong.
    """
    folder = results / grid.table
    # Of all seeds: the page shows the whole grid.
    cells = [_state(cell, folder, is_again=cell.id in again) for cell in cells_of(grid)]
    n_done = sum(cell.is_finished for cell in cells)
    n_failed = sum(cell.is_failed for cell in cells)
    n_pruned = sum(cell.is_pruned for cell in cells)
    page = render(
        "progress.html.j2",
        {
            "title": grid.title,
            "note": grid.note,
            "seeds": sorted(seeds),
            "now": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
            "cells": cells,
            "done": n_done,
            "failed": n_failed,
            "pruned": n_pruned,
            "left": len(cells) - n_done - n_failed - n_pruned,
            "total": len(cells),
            "end": _end(cells, seeds, side_by_side),
        },
    )
    write_text(folder / "progress.html", page)
    return folder / "progress.html"


def _state(cell: Cell, folder: Path, *, is_again: bool) -> CellState:
    """Half a result file is one that is not there yet."""
    waiting = CellState(cell.label, cell.seed)
    try:
        result = read_document(result_path(folder, cell))
        if result["status"] == "failed":
            failed = CellState(cell.label, cell.seed, f"failed: {result['reason']}")
            return waiting if is_again else failed
        if result["status"] in (PAUSED, PRUNED):
            stands = f"{result['status']} after epoch {result['epoch']}"
            reached = f" (validation Dice {result['dice']:.3f})"
            return CellState(cell.label, cell.seed, stands + reached)
        dice = result["summary"]["words"]["right"]["dice_mean"]["mean"]
        return CellState(cell.label, cell.seed, "finished", f"{dice:.3f}", result["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return waiting


def _end(cells: list[CellState], seeds: Sequence[int], side_by_side: int | None) -> str:
    """The time that is left; empty where nothing is known of it.

    A waiting cell takes as long as those of its label did with other seeds, else as the mean of
    all.
    """
    if any(cell.is_pruned or cell.state.startswith(PAUSED) for cell in cells):
        # Whoever waits may be stopped early, or have trained for the most part.
        return ""
    waiting = [
        cell for cell in cells if cell.state == "waiting" and (not seeds or cell.seed in seeds)
    ]
    took: dict[str, list[float]] = {}
    for cell in cells:
        if cell.is_finished and cell.seconds is not None:
            took.setdefault(cell.label, []).append(cell.seconds)
    if not took or not waiting or side_by_side is None:
        return ""
    usual = fmean([seconds for label in took.values() for seconds in label])
    left = sum(fmean(took.get(cell.label, [usual])) for cell in waiting)
    # Fewer cells than places leave places empty.
    return duration(max(60.0, left / min(side_by_side, len(waiting))))
