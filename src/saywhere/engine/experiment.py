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
from collections.abc import Callable, Iterable, Mapping, Sequence
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


def run_grid(grid: Grid, results: Path, told: Told, command: str, seeds: Sequence[int] = ()) -> list[str]:
    """Run what is left, of all seeds or of these; returns the ids of failed cells. Results: results/TABLE/CELL.json."""
    folder = results / grid.table
    folder.mkdir(parents=True, exist_ok=True)
    files.write_json(folder / "table.json", grid.model_dump(mode="json"))
    waiting = [cell for cell in cells_of(grid, seeds) if not is_finished(result_path(folder, cell))]
    failed = []
    context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
    with ProcessPoolExecutor(grid.jobs, mp_context=context, initializer=_follow, initargs=(os.getpid(),)) as pool:
        futures = {pool.submit(run_cell, cell, folder, command, grid.mosaics, grid.measure): cell for cell in waiting}
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


def run_cell(cell: Cell, folder: Path, command: str, n_mosaics: int = 0, measure: str = "images") -> str | None:
    """Train, evaluate, write the result; returns the reason where it failed."""
    workplace = Path(tempfile.mkdtemp(prefix="saywhere-cell-"))
    try:
        files.write_json(result_path(folder, cell), _measured(cell, workplace / "run", command, n_mosaics, measure))
        return None
    except Exception as error:  # whatever it is, the other cells go on
        reason = str(error) or type(error).__name__
        found = {"status": "failed", "label": cell.label, "seed": cell.seed, "reason": reason, "trace": traceback.format_exc(limit=3)}
        files.write_json(result_path(folder, cell), found)
        return reason
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def _measured(cell: Cell, run: Path, command: str, n_mosaics: int, measure: str) -> dict[str, Any]:
    from saywhere.engine.train import train

    started = time.monotonic()
    train(cell.config, run)
    facts = json.loads((run / "run.json").read_text())
    summary, cases = _on_images(run) if measure == "images" else _on_mosaics(run, n_mosaics)
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
        "mosaic": _mosaics_too(run, n_mosaics) if n_mosaics and measure == "images" else None,
        "cases": cases,
    }


def _on_images(run: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The test split at its original size."""
    import csv

    from saywhere.engine.evaluate import evaluate

    summary = evaluate(run)
    with (run / "evaluation" / "cases.csv").open(newline="") as sheet:
        return summary, _kept(csv.DictReader(sheet))


def _on_mosaics(run: Path, n_mosaics: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Mosaics of the test split, at the network's size."""
    from saywhere.engine.evaluate import summarise
    from saywhere.engine.predict import Segmenter
    from saywhere.engine.probe.mosaic import measure_mosaics

    segmenter = Segmenter(run)
    cases = measure_mosaics(segmenter, n_mosaics).cases
    summary = summarise(cases, segmenter.config) | {"frame": "mosaic", "split": segmenter.config.data.test_split}
    return summary, _kept(case for found in cases.values() for case in found)


def _mosaics_too(run: Path, n_mosaics: int) -> dict[str, Any]:
    from saywhere.engine.probe.mosaic import probe_mosaic

    found: dict[str, Any] = probe_mosaic(run, run / "probe", n_cases=n_mosaics)["dice_mean"]
    return found


def _kept(cases: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{key: _number(case[key]) for key in KEPT} for case in cases]


def _number(text: Any) -> Any:
    try:
        return round(float(text), 5)
    except ValueError:
        return text
