"""Two cells side by side with a thread each, or one after the other with two? python
benchmarks/measure/side_by_side.py → benchmarks/results/side_by_side.json

Two short cells of the tables' protocol on phantoms (200 steps), each way three times in turn; needs
`saywhere prepare phantoms --to runs/phantoms` and a quiet machine of 2 cores. What counts is the
ratio within a round.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from saywhere.experiments.grid import Choice, Grid
from saywhere.experiments.runner import run_grid
from saywhere.io.files import write_json

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "benchmarks" / "results" / "side_by_side.json"
WAYS = {"side by side": {"jobs": 2, "threads": 1}, "one after the other": {"jobs": 1, "threads": 2}}
ROUNDS = 3


def main() -> dict[str, Any]:
    """Seconds of each round, and how many times as long the second way took."""
    rounds = [_round() for _ in range(ROUNDS)]
    ratios = [round(found["one after the other"] / found["side by side"], 2) for found in rounds]
    return {
        "command": "python benchmarks/measure/side_by_side.py",
        "cells": 2,
        "steps": 200,
        "rounds": rounds,
        "ratio": sorted(ratios)[ROUNDS // 2],
        "ratios": ratios,
    }


def _round() -> dict[str, float]:
    return {name: _seconds(way) for name, way in WAYS.items()}


def _seconds(way: dict[str, int]) -> float:
    """Of both cells, their start included."""
    axis = [[Choice(label="fuse-first"), Choice(label="image only", set={"fusion.name": "none"})]]
    short = {"train.epochs": 2, "train.validate_every": 2}
    grid = Grid(
        table="side_by_side",
        title="",
        base=ROOT / "benchmarks/grids/base/phantoms.toml",
        seeds=[0],
        set=short,
        axis=axis,
        **way,
    )
    with tempfile.TemporaryDirectory() as results:
        started = time.monotonic()
        failed = run_grid(grid, Path(results), lambda cell, what: None, "")
        seconds = time.monotonic() - started
    if failed:
        raise SystemExit(f"{', '.join(failed)} failed: is runs/phantoms there?")
    return round(seconds, 1)


if __name__ == "__main__":
    write_json(RESULT, main())
