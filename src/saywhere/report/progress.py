"""Where a grid stands, as a page that reloads itself: finished, failed, left, and when it will end."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from saywhere.engine.experiment import result_path
from saywhere.engine.grid import Cell, Grid, cells_of
from saywhere.io.files import write_text
from saywhere.report.page import render


def write_progress(grid: Grid, results: Path) -> Path:
    """Write results/TABLE/progress.html from the result files that are there; returns its place. Raises NotWritable, ConfigError."""
    folder = results / grid.table
    cells = [_state(cell, folder) for cell in cells_of(grid)]
    page = render("progress.html.j2", {"title": grid.title, "note": grid.note, "cells": cells, **_counts(cells, grid.jobs)})
    write_text(folder / "progress.html", page)
    return folder / "progress.html"


def _state(cell: Cell, folder: Path) -> dict[str, Any]:
    """A cell as a row of the page; half a result file is one that is not there yet."""
    row: dict[str, Any] = {"label": cell.label, "seed": cell.seed, "state": "waiting", "dice": "", "seconds": ""}
    try:
        found = json.loads(result_path(folder, cell).read_text(encoding="utf-8"))
        if found["status"] == "failed":
            return row | {"state": f"failed: {found['reason']}"}
        return row | {"state": "finished", "dice": f"{found['summary']['words']['right']['dice_mean']['mean']:.3f}", "seconds": found["seconds"]}
    except (OSError, ValueError, KeyError, TypeError):
        return row


def _counts(cells: list[dict[str, Any]], jobs: int) -> dict[str, Any]:
    seconds = [cell["seconds"] for cell in cells if cell["state"] == "finished"]
    n_failed = sum(cell["state"].startswith("failed") for cell in cells)
    n_left = len(cells) - len(seconds) - n_failed
    remaining = n_left / jobs * sum(seconds) / len(seconds) if seconds else None
    return {
        "done": len(seconds),
        "failed": n_failed,
        "left": n_left,
        "total": len(cells),
        "end": _duration(remaining) if remaining else "",
        "now": datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _duration(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
