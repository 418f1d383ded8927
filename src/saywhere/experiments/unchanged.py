"""Were a table's finished cells made from the grid of today? An edit of it, or of its base, would mix two experiments in one table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saywhere.errors import ConfigError
from saywhere.experiments.grid import Cell, Grid
from saywhere.runs.config_diff import Change, differences

FREE = {"train.device", "train.threads", "evaluate.batch_size"}
"""Where and how fast a result is made, not which."""
SHOWN = 3


def check_unchanged(grid: Grid, finished: Sequence[tuple[Path, Cell, dict[str, Any]]]) -> None:
    """Refuse a table whose finished cells (result file, today's cell, what the file holds) were made from other settings. Raises ConfigError."""
    found = [
        (path, cell, changes)
        for path, cell, result in finished
        if (changes := _changes(result, cell, grid))
    ]
    if not found:
        return
    named = "; ".join(f"{cell.id}: {_said(changes)}" for _, cell, changes in found[:SHOWN])
    more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    count = "a finished cell was" if len(found) == 1 else f"{len(found)} finished cells were"
    raise ConfigError(
        f"{count} made from other settings ({named}{more})",
        where=f"table {grid.table}",
        allowed="a table's cells share one grid and its base",
        remedy=f"move the result file{'s' * (len(found) > 1)} away (the first is {found[0][0]}), or undo the edit",
    )


def _changes(result: dict[str, Any], cell: Cell, grid: Grid) -> dict[str, Change]:
    """Of the configuration, and of what was measured."""
    changes = differences(result.get("config", {}), cell.config, FREE)
    summary = result.get("summary", {})
    before = ("mosaics", summary.get("n")) if summary.get("frame") == "mosaic" else ("images", None)
    after = ("mosaics", grid.mosaics) if grid.measure == "mosaics" else ("images", None)
    measured = {
        key: (old, new)
        for key, old, new in zip(("measure", "mosaics"), before, after)
        if old != new
    }
    return changes | measured


def _said(changes: dict[str, Change]) -> str:
    told = [f"{key} {_shown(old)} → {_shown(new)}" for key, (old, new) in changes.items()]
    return ", ".join(told[:SHOWN]) + (
        f" and {len(told) - SHOWN} more keys" if len(told) > SHOWN else ""
    )


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:60]
