"""Where a grid stands, as a page that reloads itself: finished, failed, left, and when it will end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timezone
from pathlib import Path
from statistics import fmean
from typing import Any

from saywhere.experiments.grid import Cell, Grid, cells_of
from saywhere.experiments.results import read_document
from saywhere.experiments.runner import result_path
from saywhere.io.files import write_text
from saywhere.report.page import render


def write_progress(
    grid: Grid,
    results: Path,
    seeds: Sequence[int] = (),
    side_by_side: int | None = None,
    again: Collection[str] = (),
) -> Path:
    """Write results/TABLE/progress.html from the result files that are there; returns its place. Raises NotWritable, ConfigError.

    `seeds`: those that are being run, all if none; `side_by_side`: how many cells at once: both decide when it ends. None: not known, as on a cluster,
    and no end is told. `again`: ids of cells that wait: one that failed is run again.
    """
    folder = results / grid.table
    cells = [_state(cell, folder, is_again=cell.id in again) for cell in cells_of(grid)]
    about = {
        "title": grid.title,
        "note": grid.note,
        "seeds": sorted(seeds),
        "now": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }
    page = render(
        "progress.html.j2",
        {**about, "cells": cells, **_counts(cells), "end": _end(cells, seeds, side_by_side)},
    )
    write_text(folder / "progress.html", page)
    return folder / "progress.html"


def _state(cell: Cell, folder: Path, *, is_again: bool) -> dict[str, Any]:
    """A cell as a row of the page; half a result file is one that is not there yet."""
    row: dict[str, Any] = {
        "label": cell.label,
        "seed": cell.seed,
        "state": "waiting",
        "dice": "",
        "seconds": "",
    }
    try:
        found = read_document(result_path(folder, cell))
        if found["status"] == "failed":
            return row if is_again else row | {"state": f"failed: {found['reason']}"}
        return row | {
            "state": "finished",
            "dice": f"{found['summary']['words']['right']['dice_mean']['mean']:.3f}",
            "seconds": found["seconds"],
        }
    except (OSError, ValueError, KeyError, TypeError):
        return row


def _counts(cells: list[dict[str, Any]]) -> dict[str, int]:
    done, failed = (
        sum(cell["state"].startswith(state) for cell in cells) for state in ("finished", "failed")
    )
    return {"done": done, "failed": failed, "left": len(cells) - done - failed, "total": len(cells)}


def _end(cells: list[dict[str, Any]], seeds: Sequence[int], side_by_side: int | None) -> str:
    """A waiting cell takes as long as those of its label did with other seeds, else as the mean of all; empty where nothing is known."""
    finished = [cell for cell in cells if cell["state"] == "finished"]
    waiting = [
        cell
        for cell in cells
        if cell["state"] == "waiting" and (not seeds or cell["seed"] in seeds)
    ]
    if not finished or not waiting or side_by_side is None:
        return ""
    usual = fmean(cell["seconds"] for cell in finished)
    known: dict[str, list[float]] = {}
    for cell in finished:
        known.setdefault(cell["label"], []).append(cell["seconds"])
    return _duration(
        sum(fmean(known.get(cell["label"], [usual])) for cell in waiting)
        / min(side_by_side, len(waiting))
    )


def _duration(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
