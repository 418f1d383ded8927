"""One cell of a grid: trained, evaluated, and what a result file keeps of it."""

from __future__ import annotations

import csv
import json
import math
import shutil
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from saywhere.errors import NotWritable, OutOfMemory, SaywhereError, TooManyFaults, TrainingDiverged
from saywhere.experiments.cell_record import Case, Summary
from saywhere.experiments.frozen_document import Document
from saywhere.experiments.grid import Cell
from saywhere.experiments.rungs import PAUSED
from saywhere.experiments.scratch import workplace
from saywhere.experiments.stopwatch import Stopwatch
from saywhere.io.csv_cells import text_of

TEXTS = ("id", "words")
"""Columns that stay as they are: a case may be called 001, and another one 1."""
COLUMNS = (*TEXTS, "dice", "iou", "true_positive", "false_positive", "false_negative")
"""Of an evaluation's cases.csv; a result keeps these."""
RUN_FACTS = (
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
"""Of run.json; a result keeps these."""


@dataclass(frozen=True)
class Task:
    """A cell and how it is measured."""

    cell: Cell
    command: str
    """what the user typed"""
    n_mosaics: int = 0
    measure: str = "images"
    """images or mosaics: whose Dice the table compares"""
    pause_after: int | None = None
    """the epoch of a rung: train up to it, and measure nothing else"""


def outcome(task: Task) -> Document:
    """Train and evaluate one cell. Never raises: whatever it is, the other cells go on.

    Args:
        task: the cell; its training works in a temporary folder of its own.

    Returns:
        What a result file holds: status "finished" with all that was measured, status "paused" at
        a rung with the best validation Dice up to it, or status "failed" with the reason.
    """
    try:
        with workplace(task.cell, is_kept=task.pause_after is not None) as folder:
            if task.pause_after is not None:
                return _paused(task.cell, folder / "run", task.pause_after)
            return _measured(task, folder / "run")
    except Exception as error:
        return {
            "status": "failed",
            "reason": str(error) or type(error).__name__,
            "trace": traceback.format_exc(limit=3),
        }


def cases_of(run: Path) -> list[Case]:
    """The cases of a run's evaluation.

    Args:
        run: its directory, with evaluation/cases.csv.

    Returns:
        One record per line: measures to five digits, in the original frame.

    Raises:
        OSError: where there is no such file.
        KeyError: where it lacks a column.
    """
    with (run / "evaluation" / "cases.csv").open(newline="", encoding="utf-8") as sheet:
        return _reduced(map(_unescaped, csv.DictReader(sheet)))


def _unescaped(row: Mapping[str, str]) -> dict[str, str]:
    return {key: text_of(cell) for key, cell in row.items()}


def _paused(cell: Cell, place: Path, rung: int) -> Document:
    """Train up to a rung."""
    clock = Stopwatch(place.with_name("seconds"))
    run = _trained(cell, place, clock, rung)
    return {
        "status": PAUSED,
        "seconds": round(clock.seconds()),
        "config": cell.config.model_dump(mode="json"),
        "epoch": rung,
        "dice": _best_dice(run, rung),
    }


def _best_dice(run: Path, rung: int) -> float:
    """Of the validations up to a rung: a training keeps its best weights, not its last ones."""
    rows = map(json.loads, (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    reached = [
        row["val_dice_mean"] for row in rows if row["epoch"] <= rung and "val_dice_mean" in row
    ]
    return float(max(reached))


def _measured(task: Task, place: Path) -> Document:
    config = task.cell.config
    # Beside the run, which is removed where it cannot be gone on from.
    clock = Stopwatch(place.with_name("seconds"))
    run = _trained(task.cell, place, clock)
    facts = json.loads((run / "run.json").read_text(encoding="utf-8"))
    # It holds more than its name where it fitted something.
    policy = facts["arm"]
    on_images = task.measure == "images"
    summary, cases = _on_images(run) if on_images else _on_mosaics(run, task.n_mosaics)
    history = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return {
        "status": "finished",
        "label": task.cell.label,
        "seed": task.cell.seed,
        "command": task.command,
        "seconds": round(clock.seconds()),
        **{key: facts[key] for key in RUN_FACTS},
        **({"weights": facts["weights"]} if "weights" in facts else {}),
        **({"arm": policy} if len(policy) > 1 else {}),
        "config": config.model_dump(mode="json"),
        # The last epoch is always validated, so it has one where there is one.
        "spread": json.loads(history[-1]).get("spread"),
        "summary": summary,
        "mosaic": _mosaics_too(run, task.n_mosaics) if on_images else None,
        "cases": cases,
    }


def _trained(cell: Cell, place: Path, clock: Stopwatch, pause_after: int | None = None) -> Path:
    """Go on from what a killed attempt left there, if that can be gone on from; else anew."""
    from saywhere.training.trainer import train

    if _is_whole(place):
        try:
            return train(
                cell.config, place, resume=True, pause_after=pause_after, listen=clock.listen
            )
        except (TrainingDiverged, OutOfMemory, NotWritable, TooManyFaults):
            # A training from the start would end so, too.
            raise
        except Exception:
            # Whatever a damaged leftover raises, or data that changed since.
            pass
    # The training would go to another folder beside what is left there.
    shutil.rmtree(place, ignore_errors=True)
    clock.begin_anew()
    return train(cell.config, place, pause_after=pause_after, listen=clock.listen)


def _is_whole(place: Path) -> bool:
    """A last checkpoint, and the best one if there was one.

    Without the best one, the last would be measured in its place.
    """
    from saywhere.runs import checkpoint
    from saywhere.runs.directory import Run

    run = Run(place)
    try:
        had_no_best = checkpoint.load(run.last).state["best"] == -math.inf
        return had_no_best or bool(checkpoint.load(run.best).model)
    except (SaywhereError, OSError):
        return False


def _on_images(run: Path) -> tuple[Summary, list[Case]]:
    """The test split at its original size."""
    from saywhere.evaluation.evaluate import evaluate

    summary = evaluate(run)
    return cast(Summary, summary), cases_of(run)


def _on_mosaics(run: Path, n_mosaics: int) -> tuple[Summary, list[Case]]:
    """Mosaics of the test split, at the network's size."""
    from saywhere.evaluation.probes.mosaic import measure_mosaics
    from saywhere.evaluation.summary import summarise
    from saywhere.inference.segmenter import Segmenter
    from saywhere.metrics.statistics import Bootstrap

    segmenter = Segmenter(run)
    cases = measure_mosaics(segmenter, n_mosaics).cases
    config = segmenter.config
    bootstrap = Bootstrap(config.evaluate.bootstrap, config.train.seed)
    summary = summarise(cases, bootstrap).to_json() | {
        "frame": "mosaic",
        "split": config.data.test_split,
    }
    every = [case.to_json() for of_one_kind in cases.values() for case in of_one_kind]
    return cast(Summary, summary), _reduced(every)


def _mosaics_too(run: Path, n_mosaics: int) -> Document | None:
    """Mean Dice per kind of prompt on mosaics, of a table that compares images."""
    from saywhere.evaluation.probes.mosaic import probe_mosaic

    if not n_mosaics:
        return None
    means: Document = probe_mosaic(run, run / "probe", n_cases=n_mosaics)["dice_mean"]
    return means


def _reduced(cases: Iterable[Mapping[str, Any]]) -> list[Case]:
    return [_reduced_case(case) for case in cases]


def _reduced_case(case: Mapping[str, Any]) -> Case:
    texts = {key: case[key] for key in TEXTS}
    numbers = {key: _number(case[key]) for key in COLUMNS if key not in TEXTS}
    return cast(Case, texts | numbers)


def _number(text: Any) -> Any:
    try:
        return round(float(text), 5)
    except ValueError:
        return text
