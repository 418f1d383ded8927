"""Run a grid: a finished cell is never run twice, a killed one goes on, a failed one is marked and the others go on."""

from __future__ import annotations

import json
import math
import shutil
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saywhere.config import Config
from saywhere.errors import NotWritable, OutOfMemory, SaywhereError, TooManyFaults, TrainingDiverged
from saywhere.experiments import executors as workers
from saywhere.experiments.grid import Cell, Grid, cells_of
from saywhere.experiments.results import read_cell
from saywhere.experiments.scratch import sweep, workplace
from saywhere.experiments.stopwatch import Stopwatch
from saywhere.experiments.unchanged import check_unchanged
from saywhere.io import files

KEPT = ("id", "words", "dice", "iou", "true_positive", "false_positive", "false_negative")
ABOUT = (
    "saywhere",
    "commit",
    "packages",
    "python",
    "platform",
    "device",
    "threads",
    "precision",
    "data",
    "encoder",
    "parameters",
)
"""Of run.json, beside what the arm reported."""
Told = Callable[[str, str], None]
"""Told (cell id, what happened)."""


@dataclass(frozen=True)
class Task:
    """A cell and how it is measured."""

    cell: Cell
    command: str
    n_mosaics: int = 0
    measure: str = "images"


def result_path(folder: Path, cell: Cell) -> Path:
    """Where a cell's result lies."""
    return folder / f"{cell.id}.json"


def run_grid(
    grid: Grid,
    results: Path,
    told: Told,
    command: str,
    seeds: Sequence[int] = (),
    on: str = workers.LOCAL,
    jobs: int | None = None,
) -> list[str]:
    """Run what is left, of all seeds or of these; returns the ids of failed cells. Results: results/TABLE/CELL.json, written here, wherever a cell ran.

    `on`: see `workers.run`. `jobs`: cells side by side here, in place of the grid's.
    Raises ConfigError, before anything is run or written, for a bad grid, and where finished cells were made from other settings.
    """
    folder = results / grid.table
    waiting = [
        Task(cell, command, grid.mosaics, grid.measure) for cell in _waiting(grid, results, seeds)
    ]
    files.write_json(folder / "table.json", grid.model_dump(mode="json"))
    sweep()
    failed = []
    for task, found in workers.run(
        waiting, outcome, on=on, side_by_side=jobs or grid.jobs, threads=grid.threads
    ):
        cell = task.cell
        files.write_json(
            result_path(folder, cell), {"label": cell.label, "seed": cell.seed} | found
        )
        told(cell.id, "finished" if found["status"] == "finished" else f"failed: {found['reason']}")
        failed += [cell.id] if found["status"] != "finished" else []
    return failed


def waiting_ids(grid: Grid, results: Path, seeds: Sequence[int] = ()) -> list[str]:
    """Cells that `run_grid` would run, failed ones again. Raises ConfigError for a bad grid, and where finished cells were made from other settings."""
    return [cell.id for cell in _waiting(grid, results, seeds)]


def _waiting(grid: Grid, results: Path, seeds: Sequence[int]) -> list[Cell]:
    cells = cells_of(grid, seeds)
    places = [(result_path(results / grid.table, cell), cell) for cell in cells_of(grid)]
    done = [(place, cell, found) for place, cell in places if (found := finished(place))]
    check_unchanged(grid, done)
    names = {cell.id for _, cell, _ in done}
    return [cell for cell in cells if cell.id not in names]


def finished(path: Path) -> dict[str, Any] | None:
    """A whole result; None for half a file, or a failed cell's, which is run again."""
    found = read_cell(path)
    return None if isinstance(found, str) else found


def outcome(task: Task) -> dict[str, Any]:
    """Train and evaluate one cell: what a results file holds, or the reason why it failed. Never raises: whatever it is, the other cells go on."""
    try:
        with workplace(task.cell) as folder:
            return _measured(task, folder / "run")
    except Exception as error:
        return {
            "status": "failed",
            "reason": str(error) or type(error).__name__,
            "trace": traceback.format_exc(limit=3),
        }


def _measured(task: Task, place: Path) -> dict[str, Any]:
    config, clock = task.cell.config, Stopwatch(place.with_name("seconds"))
    run = _trained(config, place, clock)
    facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
    arm = facts["arm"]  # with more than its name, where it fitted something
    summary, cases = (
        _on_images(run) if task.measure == "images" else _on_mosaics(run, task.n_mosaics)
    )
    history = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {
        "status": "finished",
        "label": task.cell.label,
        "seed": task.cell.seed,
        "command": task.command,
        "seconds": round(clock.seconds()),
        **{key: facts[key] for key in ABOUT},
        **({"weights": facts["weights"]} if "weights" in facts else {}),
        **({"arm": arm} if len(arm) > 1 else {}),
        "config": config.model_dump(mode="json"),
        "spread": history[-1].get("spread"),
        "summary": summary,
        "mosaic": _mosaics_too(run, task.n_mosaics)
        if task.n_mosaics and task.measure == "images"
        else None,
        "cases": cases,
    }


def _trained(config: Config, place: Path, clock: Stopwatch) -> Path:
    """Go on from what a killed attempt left there, if that can be gone on from; else anew."""
    from saywhere.training.trainer import train

    if _is_whole(place):
        try:
            return train(config, place, resume=True, listen=clock.listen)
        except (TrainingDiverged, OutOfMemory, NotWritable, TooManyFaults):
            raise  # so it would anew
        except Exception:  # whatever a damaged leftover raises, or data that changed since
            pass
    shutil.rmtree(place, ignore_errors=True)
    clock.begin_anew()
    return train(config, place, listen=clock.listen)


def _is_whole(place: Path) -> bool:
    """A last checkpoint, and the best one if there was one: without it, the last would be measured in its place."""
    from saywhere.runs import checkpoint
    from saywhere.runs import directory as run

    here = run.Run(place)
    try:
        return checkpoint.load(here.last).state["best"] == -math.inf or bool(
            checkpoint.load(here.best).model
        )
    except (SaywhereError, OSError):
        return False


def _on_images(run: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The test split at its original size."""
    import csv

    from saywhere.evaluation.evaluate import evaluate

    summary = evaluate(run)
    with (run / "evaluation" / "cases.csv").open(newline="") as sheet:
        return summary, _kept(csv.DictReader(sheet))


def _on_mosaics(run: Path, n_mosaics: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Mosaics of the test split, at the network's size."""
    from saywhere.evaluation.probes.mosaic import measure_mosaics
    from saywhere.evaluation.summary import summarise
    from saywhere.inference.segmenter import Segmenter

    segmenter = Segmenter(run)
    cases = measure_mosaics(segmenter, n_mosaics).cases
    summary = summarise(cases, segmenter.config).to_json() | {
        "frame": "mosaic",
        "split": segmenter.config.data.test_split,
    }
    return summary, _kept(case.to_json() for group in cases.values() for case in group)


def _mosaics_too(run: Path, n_mosaics: int) -> dict[str, Any]:
    from saywhere.evaluation.probes.mosaic import probe_mosaic

    found: dict[str, Any] = probe_mosaic(run, run / "probe", n_cases=n_mosaics)["dice_mean"]
    return found


def _kept(cases: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{key: _number(case[key]) for key in KEPT} for case in cases]


def _number(text: Any) -> Any:
    try:
        return round(float(text), 5)
    except ValueError:
        return text
