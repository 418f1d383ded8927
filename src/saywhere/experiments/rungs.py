"""The rungs of a grid that is pruned: which cells train up to which epoch, and who goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from saywhere.config import Document
from saywhere.errors import ConfigError
from saywhere.experiments.grid import Cell, Grid
from saywhere.experiments.pruning import Prune

PAUSED = "paused"
PRUNED = "pruned"
"""A cell's status between two rungs, and after a rung that it did not pass."""


@dataclass(frozen=True)
class Judged:
    """What a rung decided.

    Attributes:
        going_on: ids of the cells that passed it.
        pruned: ids of those that reached it and did not.
    """

    going_on: set[str]
    pruned: set[str]


def rungs_of(grid: Grid, cells: Sequence[Cell]) -> list[int]:
    """The epochs after which a grid's cells are compared.

    Args:
        grid: its pruning.
        cells: all of them.

    Returns:
        Epochs, ascending; none where the grid is not pruned.

    Raises:
        ConfigError: where a cell has no rung before its end, or no validation before the first.
    """
    prune = grid.prune
    if prune is None:
        return []
    for cell in cells:
        train = cell.config.train
        where = f"{grid.place}, cell {cell.label!r}"
        if prune.first >= train.epochs:
            raise ConfigError(
                f"prune.first is {prune.first}, and the cell trains {train.epochs} epochs",
                where=where,
                allowed="fewer epochs than the whole training",
            )
        if prune.first < train.validate_every:
            raise ConfigError(
                f"prune.first is {prune.first}, and train.validate_every {train.validate_every}: "
                "nothing is measured before the first rung",
                where=where,
                remedy=f"set prune.first = {train.validate_every}, or train.validate_every = "
                f"{prune.first}",
            )
    return prune.rungs(min(cell.config.train.epochs for cell in cells))


def judged(
    prune: Prune, rung: int, cells: Sequence[Cell], records: Mapping[str, Document]
) -> Judged:
    """Decide a rung. Cells of one group compete, a label with all its seeds.

    Args:
        prune: the grid's pruning.
        rung: epochs.
        cells: all of the grid.
        records: cell id → what its file holds; it may be of a cell that is finished or pruned.

    Returns:
        Who goes on. A label of which a seed has not reached the rung (it failed, or an earlier
        rung stopped it) is in neither of the two.
    """
    going_on, pruned = set(), set()
    for group in dict.fromkeys(cell.group for cell in cells):
        members = [cell for cell in cells if cell.group == group]
        reached = _means_at(rung, members, records)
        passed = prune.going_on(reached) if reached else set()
        going_on |= {cell.id for cell in members if cell.label in passed}
        pruned |= {cell.id for cell in members if cell.label in reached.keys() - passed}
    return Judged(going_on, pruned)


def _means_at(
    rung: int, cells: Sequence[Cell], records: Mapping[str, Document]
) -> dict[str, float]:
    """Label → mean over its seeds of the best validation Dice up to the rung."""
    values: dict[str, list[float | None]] = {}
    for cell in cells:
        reached = records.get(cell.id, {}).get("rungs", {})
        values.setdefault(cell.label, []).append(reached.get(str(rung)))
    means = {}
    for label, of_seeds in values.items():
        known = [value for value in of_seeds if value is not None]
        if len(known) == len(of_seeds):
            means[label] = fmean(known)
    return means
