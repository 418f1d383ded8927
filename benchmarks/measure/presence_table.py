"""Freeze what `presence.py` measured.

Reads runs/presence/CELL.json and writes benchmarks/results/presence.json. A score's probability
and threshold are learned on a cell's validation cases; what is said of it is of its test cases.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from saywhere.io.files import write_json
from saywhere.metrics.presence import auroc, calibration_error, fit
from saywhere.metrics.statistics import bootstrap_mean

RUNS = Path("runs/presence")
RESULT = Path(__file__).parents[1] / "results" / "presence.json"
UNSEEN = ("fold4", "fold5")
ALLOWED = (0.001, 0.002, 0.005)
MOST_COST = ALLOWED[0]
"""Of the table. `saywhere calibrate` allows 0.002 since."""
Case = dict[str, Any]


def _logit(share: float) -> float:
    inside = min(max(share, 1e-6), 1 - 1e-6)
    return float(np.log(inside / (1 - inside)))


SCORES: dict[str, Callable[[Case], float]] = {
    "presence head": lambda case: case["head"],
    "largest probability": lambda case: _logit(case["maximum"]),
    "marked area": lambda case: _logit(case["area"]),
    "regression on frozen features": lambda case: case["regression"],
}


def main() -> None:
    """Folds together, and the five sets."""
    folds = [json.loads(place.read_text()) for place in sorted(RUNS.glob("fold?.json"))]
    document: dict[str, Any] = {"command": "python benchmarks/measure/presence_table.py"}
    if folds:
        document["busi"] = _measured(folds, "question", "question")
        # MOST_COST was chosen after a look at the other ones' test cases.
        unseen = [cell for cell in folds if cell["cell"] in UNSEEN]
        head = SCORES["presence head"]
        document["busi"]["cost_unseen"] = _cost(_tested(unseen, head, MOST_COST))
    if (RUNS / "sets.json").exists():
        sets = [json.loads((RUNS / "sets.json").read_text())]
        document["sets"] = _measured(sets, "own", "foreign")
    write_json(RESULT, document)
    json.dump(document, sys.stdout, indent=1)


def _measured(cells: Sequence[dict[str, Any]], asked: str, absent: str) -> dict[str, Any]:
    config = cells[0]["config"]
    steps = config["train"]["epochs"] * config["train"]["steps_per_epoch"]
    return {
        "cells": [cell["cell"] for cell in cells],
        "command": cells[0]["command"],
        "size_px": config["data"]["size"],
        "steps": steps,
        "scores": {name: _score(cells, score, asked, absent) for name, score in SCORES.items()},
    }


def _score(
    cells: Sequence[dict[str, Any]], score: Callable[[Case], float], asked: str, absent: str
) -> dict[str, Any]:
    """What one score tells, over the test cases of all cells."""
    cases = _tested(cells, score, MOST_COST)
    there = [case for case in cases if case["kind"] == asked and case["is_there"]]
    absent_cases = [case for case in cases if case["kind"] == absent and not case["is_there"]]
    return {
        "n": len(there),
        "n_absent": len(absent_cases),
        "auroc": _auroc(there, absent_cases),
        "auroc_by_kind": {
            kind: _auroc(there, group) for kind, group in _absent_kinds(cases).items()
        },
        "calibration_error": asdict(
            calibration_error(
                [case["probability"] for case in cases], [case["is_there"] for case in cases]
            )
        ),
        "left_empty": {kind: _share(group) for kind, group in _absent_kinds(cases).items()},
        "left_empty_before": {
            kind: _empty_before(group) for kind, group in _absent_kinds(cases).items()
        },
        "dice": _dice(cases, emptied=False),
        "dice_emptied": _dice(cases, emptied=True),
        "cost": _cost(cases),
        # What is allowed on the validation cases → what it costs on those of the test.
        "cost_by_allowed": {
            str(allowed): _cost(_tested(cells, score, allowed)) for allowed in ALLOWED
        },
    }


def _absent_kinds(cases: Sequence[Case]) -> dict[str, list[Case]]:
    return _by_kind([case for case in cases if not case["is_there"]])


def _by_kind(cases: Sequence[Case]) -> dict[str, list[Case]]:
    kinds: dict[str, list[Case]] = {}
    for case in cases:
        kinds.setdefault(case["kind"], []).append(case)
    return kinds


def _auroc(there: Sequence[Case], absent: Sequence[Case]) -> dict[str, float]:
    every = [*there, *absent]
    scores = [case["probability"] for case in every]
    return asdict(auroc(scores, [case["is_there"] for case in every]))


def _share(group: Sequence[Case]) -> dict[str, float]:
    empty = [case["is_emptied"] or case["area"] == 0 for case in group]
    return {"n": len(group), **asdict(bootstrap_mean(np.array(empty, float), 2000, 0))}


def _tested(
    cells: Sequence[dict[str, Any]], score: Callable[[Case], float], most_cost: float
) -> list[Case]:
    """The test cases with a probability, by the rule of each cell's validation cases."""
    cases: list[Case] = []
    for cell in cells:
        learned = cell["cases"]["val"]
        dice = [case["dice"] for case in learned]
        rule = fit([score(case) for case in learned], dice, most_cost)
        for case in cell["cases"]["test"]:
            probability = float(rule.of(score(case)))
            is_emptied = probability < rule.threshold
            cases.append(case | {"probability": probability, "is_emptied": is_emptied})
    return cases


def _cost(cases: Sequence[Case]) -> dict[str, float]:
    lost = [case["dice"] * case["is_emptied"] for case in cases if case["is_there"]]
    return asdict(bootstrap_mean(lost, 2000, 0))


def _empty_before(group: Sequence[Case]) -> float:
    return float(np.mean([case["area"] == 0 for case in group]))


def _dice(cases: Sequence[Case], *, emptied: bool) -> dict[str, float]:
    there = _by_kind([case for case in cases if case["is_there"]])
    return {kind: _mean_dice(group, emptied=emptied) for kind, group in there.items()}


def _mean_dice(group: Sequence[Case], *, emptied: bool) -> float:
    dice = [0.0 if emptied and case["is_emptied"] else case["dice"] for case in group]
    return float(np.mean(dice))


if __name__ == "__main__":
    main()
