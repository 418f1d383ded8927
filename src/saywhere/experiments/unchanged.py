"""Were a table's finished cells made from the grid of today?

An edit of the grid, or of its base, would mix two experiments in one table.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from saywhere.errors import ConfigError, counted
from saywhere.experiments.cell_record import CellResult
from saywhere.experiments.frozen import THAW
from saywhere.experiments.grid import Cell, Grid
from saywhere.runs.config_diff import Change, differences

FREE = {"train.device", "train.threads", "evaluate.batch_size"}
"""Where and how fast a result is made, not which."""
SHOWN = 3
"""So many cells, and keys of a cell, are named."""


class FinishedCell(NamedTuple):
    """A cell of today's grid that has a result."""

    path: Path
    """its result file; a frozen cell has none"""
    cell: Cell
    result: CellResult


class _Changed(NamedTuple):
    """A finished cell whose settings are not today's."""

    path: Path
    cell: Cell
    changes: dict[str, Change]


def check_unchanged(grid: Grid, finished: Sequence[FinishedCell]) -> None:
    """Refuse a table whose finished cells were made from other settings.

    Args:
        grid: as it is today.
        finished: its cells that have a result.

    Raises:
        ConfigError: names the cells and keys that differ, and what to do.
    """
    changed = [
        _Changed(path, cell, _changes(result, cell, grid)) for path, cell, result in finished
    ]
    changed = [one for one in changed if one.changes]
    if not changed:
        return
    named = "; ".join(f"{one.cell.id}: {_listed(one.changes)}" for one in changed[:SHOWN])
    more = f"; and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
    count = counted(len(changed), "finished cell was", "finished cells were")
    raise ConfigError(
        f"{count} made from other settings ({named}{more})",
        where=f"table {grid.table}",
        allowed="a table's cells share one grid and its base",
        remedy=f"{_way_out(grid, changed)}, or undo the edit",
    )


def _way_out(grid: Grid, changed: Sequence[_Changed]) -> str:
    """What to do with the results; those of a frozen table lie in no file of their own."""
    plural = "s" * (len(changed) > 1)
    away = f"move the result file{plural} away (the first is {changed[0].path})"
    if all(one.path.is_file() for one in changed):
        return away
    return f"the table is frozen: `{THAW} {grid.table}` makes result files of it; then {away}"


def _changes(result: CellResult, cell: Cell, grid: Grid) -> dict[str, Change]:
    """Of the configuration, and of what was measured."""
    changes = differences(result.get("config", {}), cell.config, FREE)
    if "summary" not in result:
        # Between rungs, or pruned: another rule might have let it go on.
        before = result.get("prune")
        after = grid.prune.model_dump(mode="json") if grid.prune else None
        return changes | ({"prune": (before, after)} if before and before != after else {})
    summary = result["summary"]
    on_mosaics = summary.get("frame") == "mosaic"
    before = ("mosaics", summary.get("n")) if on_mosaics else ("images", None)
    after = ("mosaics", grid.mosaics) if grid.measure == "mosaics" else ("images", None)
    measured = zip(("measure", "mosaics"), before, after)
    return changes | {key: (old, new) for key, old, new in measured if old != new}


def _listed(changes: dict[str, Change]) -> str:
    each = [f"{key} {_shown(old)} → {_shown(new)}" for key, (old, new) in changes.items()]
    more = f" and {len(each) - SHOWN} more keys" if len(each) > SHOWN else ""
    return ", ".join(each[:SHOWN]) + more


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:60]
