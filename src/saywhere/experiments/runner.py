"""Run a grid.

A finished cell is never run twice, a killed one goes on, a failed one is marked and the others go
on. Where the grid is pruned, cells that fall behind are marked and trained no further.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

from saywhere.config import Document
from saywhere.errors import ConfigError
from saywhere.experiments import executors
from saywhere.experiments.cell_record import CellResult
from saywhere.experiments.frozen import TABLE
from saywhere.experiments.grid import Cell, Grid, cells_of
from saywhere.experiments.measured import Task, outcome
from saywhere.experiments.results import read_cell, read_document
from saywhere.experiments.rungs import PAUSED, PRUNED, judged, rungs_of
from saywhere.experiments.scratch import forget, sweep
from saywhere.experiments.unchanged import FinishedCell, check_unchanged
from saywhere.io import files

Report = Callable[[str, str], None]
"""Called with (cell id, what happened)."""


def result_path(folder: Path, cell: Cell) -> Path:
    """Where a cell's result lies.

    Args:
        folder: of the table.
        cell: of its grid.

    Returns:
        FOLDER/CELL.json; of a frozen table there is no such file.
    """
    return folder / f"{cell.id}.json"


def run_grid(
    grid: Grid,
    results: Path,
    report: Report,
    command: str,
    seeds: Sequence[int] = (),
    on: str = executors.LOCAL,
    jobs: int | None = None,
) -> list[str]:
    """Run the cells that are not finished. Each result is written here, wherever a cell ran.

    Where the grid is pruned, all cells train up to its first rung; those that pass go on to the
    next one, and the others are marked as pruned.

    Args:
        grid: the table to make.
        results: folder of results; a table has its own folder there: results/TABLE/CELL.json.
        report: called after each cell, and where the grid is pruned after each cell's rung.
        command: what the user typed; each result keeps it.
        seeds: those of the grid's to run; none: all of them.
        on: local, ray, or a Ray cluster's address; see `executors.run`.
        jobs: cells side by side on this machine, in place of the grid's number.

    Returns:
        The ids of failed cells.

    Raises:
        ConfigError: before anything is run or written, for a bad grid, and where finished cells
            were made from other settings.
    """
    left = _waiting(grid, results, seeds)
    # Before the first cell, so that the table can be compared while it is made.
    files.write_json(results / grid.table / TABLE, grid.record())
    sweep()
    work = _Work(grid, results / grid.table, report, command, on, jobs or grid.jobs)
    for rung in rungs_of(grid, cells_of(grid)):
        left = work.up_to(rung, left)
    work.run(left)
    return work.failed


class _Work:
    """A grid that is being run: its cells, stage by stage."""

    def __init__(
        self, grid: Grid, folder: Path, report: Report, command: str, on: str, side_by_side: int
    ) -> None:
        self.grid, self.folder, self.report = grid, folder, report
        self.command, self.on, self.side_by_side = command, on, side_by_side
        self.failed: list[str] = []

    def run(self, cells: Sequence[Cell], pause_after: int | None = None) -> None:
        """Train cells to the end, or up to a rung, and write what each gave."""
        grid = self.grid
        tasks = [
            Task(cell, self.command, grid.mosaics, grid.measure, pause_after) for cell in cells
        ]
        outcomes = executors.run(
            tasks, outcome, on=self.on, side_by_side=self.side_by_side, threads=grid.threads
        )
        for task, result in outcomes:
            self._keep(task.cell, result)

    def up_to(self, rung: int, cells: Sequence[Cell]) -> list[Cell]:
        """Train cells up to a rung, and mark those that do not pass it.

        Returns:
            The cells that go on.
        """
        reached = self._kept(cells)
        due = [cell for cell in cells if str(rung) not in reached[cell.id].get("rungs", {})]
        self.run(due, rung)
        every = cells_of(self.grid)
        assert self.grid.prune is not None
        decided = judged(self.grid.prune, rung, every, self._kept(every))
        for cell in cells:
            if cell.id in decided.pruned:
                self._prune(cell, rung)
        return [cell for cell in cells if cell.id in decided.going_on]

    def _kept(self, cells: Sequence[Cell]) -> dict[str, Document]:
        return {cell.id: cell_document(result_path(self.folder, cell)) for cell in cells}

    def _keep(self, cell: Cell, result: Document) -> None:
        """Write an outcome, with what the cell reached at the rungs before."""
        # The outcome of a failed cell names neither.
        named: Document = {"label": cell.label, "seed": cell.seed}
        rungs = (
            cell_document(result_path(self.folder, cell)).get("rungs", {})
            if self.grid.prune
            else {}
        )
        if result["status"] == PAUSED:
            rungs = rungs | {str(result["epoch"]): result["dice"]}
        if rungs:
            # A failed cell's rungs count only for the settings that they were reached with.
            named |= {"config": cell.config.model_dump(mode="json"), "rungs": rungs}
        files.write_json(result_path(self.folder, cell), named | result)
        if result["status"] == "failed":
            self.failed.append(cell.id)
            self.report(cell.id, f"failed: {result['reason']}")
        elif result["status"] == PAUSED:
            reached = f"validation Dice {result['dice']:.3f}"
            self.report(cell.id, f"{PAUSED} after epoch {result['epoch']}, {reached}")
        else:
            self.report(cell.id, result["status"])

    def _prune(self, cell: Cell, rung: int) -> None:
        assert self.grid.prune is not None
        place = result_path(self.folder, cell)
        document = cell_document(place) | {
            "status": PRUNED,
            "epoch": rung,
            "prune": self.grid.prune.model_dump(mode="json"),
        }
        # Measured on no test case.
        document |= {"dice": document["rungs"][str(rung)], "cases": []}
        files.write_json(place, document)
        forget(cell)
        self.report(cell.id, f"{PRUNED} after epoch {rung}, with the others ahead")


def cell_document(path: Path) -> Document:
    """What a cell's file holds, whatever its status.

    Args:
        path: FOLDER/CELL.json.

    Returns:
        The record; empty where there is none, or half a file.
    """
    try:
        document = read_document(path)
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def waiting_ids(grid: Grid, results: Path, seeds: Sequence[int] = ()) -> list[str]:
    """The cells that `run_grid` would run, failed ones again.

    Args:
        grid: the table to make.
        results: folder of results.
        seeds: those of the grid's that count; none: all of them.

    Returns:
        Their ids, in the order of running.

    Raises:
        ConfigError: for a bad grid, and where finished cells were made from other settings.
    """
    return [cell.id for cell in _waiting(grid, results, seeds)]


def finished(path: Path) -> CellResult | None:
    """A finished cell's result.

    Args:
        path: FOLDER/CELL.json; see `read_cell`.

    Returns:
        None for half a file, or a failed cell's: both are run again.
    """
    result = read_cell(path)
    return None if isinstance(result, str) else result


def _waiting(grid: Grid, results: Path, seeds: Sequence[int]) -> list[Cell]:
    cells = cells_of(grid, seeds)
    # Of all seeds: an edit that strikes a seed that is not asked for mixes the table all the same.
    every = cells_of(grid)
    if rungs_of(grid, every) and seeds:
        raise ConfigError(
            "one seed of a grid that is pruned",
            where=grid.place,
            allowed="all seeds: a rung is decided over the mean of them",
            remedy="leave --seed out, or take [prune] out of the grid",
        )
    done, begun = [], []
    for cell in every:
        path = result_path(results / grid.table, cell)
        result = finished(path)
        if result is not None:
            done.append(FinishedCell(path, cell, result))
            continue
        document = cell_document(path)
        # A failed cell without a rung holds no result that could mix.
        if document.get("status") == PRUNED or "rungs" in document:
            begun.append(FinishedCell(path, cell, cast(CellResult, document)))
    check_unchanged(grid, done + begun)
    over = {one.cell.id for one in done}
    over |= {one.cell.id for one in begun if one.result["status"] == PRUNED}
    return [cell for cell in cells if cell.id not in over]
