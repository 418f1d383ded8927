"""Run a grid: a finished cell is never run twice, a failed one is marked and the others go on."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from saywhere.engine.grid import Cell, Grid, cells_of
from saywhere.io import files

KEPT = ("id", "words", "dice", "iou", "true_positive", "false_positive", "false_negative")
Told = Callable[[str, str], None]
"""Told (cell id, what happened)."""


def result_path(folder: Path, cell: Cell) -> Path:
    """Where a cell's result lies."""
    return folder / f"{cell.id}.json"


def run_grid(grid: Grid, results: Path, told: Told, command: str) -> list[str]:
    """Run what is left; returns the ids of failed cells. Results: results/TABLE/CELL.json."""
    folder = results / grid.table
    folder.mkdir(parents=True, exist_ok=True)
    files.write_json(folder / "table.json", grid.model_dump(mode="json"))
    waiting = [cell for cell in cells_of(grid) if not is_finished(result_path(folder, cell))]
    failed = []
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(grid.jobs, mp_context=context, initializer=_follow, initargs=(os.getpid(),)) as pool:
        futures = {pool.submit(run_cell, cell, folder, command, grid.mosaics): cell for cell in waiting}
        for future in as_completed(futures):
            cell, trouble = futures[future], future.exception() or future.result()
            told(cell.id, f"failed: {trouble}" if trouble else "finished")
            failed += [cell.id] if trouble else []
    return failed


def _follow(parent: int) -> None:
    """A worker ends with the experiment that started it, however that ended; else it would train on, unseen, beside the next one."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def is_finished(path: Path) -> bool:
    """A whole result; half a file, or a failed cell's, is run again."""
    try:
        return json.loads(path.read_text())["status"] == "finished"
    except (OSError, ValueError, KeyError, TypeError):
        return False


def run_cell(cell: Cell, folder: Path, command: str, n_mosaics: int = 0) -> str | None:
    """Train, evaluate, write the result; returns the reason where it failed."""
    workplace = Path(tempfile.mkdtemp(prefix="saywhere-cell-"))
    try:
        files.write_json(result_path(folder, cell), _measured(cell, workplace / "run", command, n_mosaics))
        return None
    except Exception as error:  # whatever it is, the other cells go on
        reason = str(error) or type(error).__name__
        found = {"status": "failed", "label": cell.label, "seed": cell.seed, "reason": reason, "trace": traceback.format_exc(limit=3)}
        files.write_json(result_path(folder, cell), found)
        return reason
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def _measured(cell: Cell, run: Path, command: str, n_mosaics: int) -> dict[str, Any]:
    import csv

    from saywhere.engine.evaluate import evaluate
    from saywhere.engine.probe.mosaic import probe_mosaic
    from saywhere.engine.train import train

    started = time.monotonic()
    train(cell.config, run)
    summary = evaluate(run)
    facts = json.loads((run / "run.json").read_text())
    with (run / "evaluation" / "cases.csv").open(newline="") as sheet:
        cases = [{key: _number(row[key]) for key in KEPT} for row in csv.DictReader(sheet)]
    history = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    about = {key: facts[key] for key in ("saywhere", "packages", "python", "platform", "device", "threads", "precision", "data", "encoder", "parameters")}
    return {
        "status": "finished",
        "label": cell.label,
        "seed": cell.seed,
        "command": command,
        "seconds": round(time.monotonic() - started),
        **about,
        "config": cell.config.model_dump(mode="json"),
        "spread": history[-1].get("spread"),
        "summary": summary,
        "mosaic": probe_mosaic(run, run / "probe", n_cases=n_mosaics)["dice_mean"] if n_mosaics else None,
        "cases": cases,
    }


def _number(text: str) -> Any:
    try:
        return round(float(text), 5)
    except ValueError:
        return text
