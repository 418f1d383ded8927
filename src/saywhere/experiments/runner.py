"""Run a grid.

A finished cell is never run twice, a killed one goes on, a failed one is marked and the others go
on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from saywhere.experiments import executors
from saywhere.experiments.cell_record import CellResult
from saywhere.experiments.frozen import TABLE
from saywhere.experiments.grid import Cell, Grid, cells_of
from saywhere.experiments.measured import Task, outcome
from saywhere.experiments.results import read_cell
from saywhere.experiments.scratch import sweep
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

    Args:
        grid: the table to make.
        results: folder of results; a table has its own folder there: results/TABLE/CELL.json.
        report: called after each cell.
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
    folder = results / grid.table
    waiting = [
        Task(cell, command, grid.mosaics, grid.measure) for cell in _waiting(grid, results, seeds)
    ]
    # Before the first cell, so that the table can be compared while it is made.
    files.write_json(folder / TABLE, grid.model_dump(mode="json"))
    sweep()
    failed = []
    outcomes = executors.run(
        waiting, outcome, on=on, side_by_side=jobs or grid.jobs, threads=grid.threads
    )
    for task, result in outcomes:
        cell = task.cell
        # The outcome of a failed cell names neither.
        named = {"label": cell.label, "seed": cell.seed} | result
        files.write_json(result_path(folder, cell), named)
        if result["status"] == "finished":
            report(cell.id, "finished")
        else:
            failed.append(cell.id)
            report(cell.id, f"failed: {result['reason']}")
    return failed


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
    done = []
    # Of all seeds: an edit that strikes a seed that is not asked for mixes the table all the same.
    for cell in cells_of(grid):
        path = result_path(results / grid.table, cell)
        result = finished(path)
        if result is not None:
            done.append(FinishedCell(path, cell, result))
    check_unchanged(grid, done)
    names = {one.cell.id for one in done}
    return [cell for cell in cells if cell.id not in names]
