"""A table whose cells are folds: the cases of all folds together, each tested once."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import cast

import numpy as np

from saywhere.errors import UsageError
from saywhere.experiments.cell_record import Case, CellResult, Results, Summary

ALL = "all folds"
"""The label of a table that has no other axis."""
_FOLD = re.compile(r"fold \d+")


def pooled(results: Results) -> tuple[Results, dict[str, str]]:
    """Join cells that differ in `data.fold` alone.

    Args:
        results: label → finished cells. Labels of folds hold "fold 1", "fold 2" … as a part.

    Returns:
        Results with these parts taken out of the labels, one cell per label and seed; and what
        was left out, since a fold of it is not finished: name → why. A table without folds is
        returned as it is.

    Raises:
        UsageError: a case was tested in two folds.
    """
    folds: dict[tuple[str, int], dict[int, CellResult]] = defaultdict(dict)
    for label, cells in results.items():
        for cell in cells:
            fold = cell["config"].get("data", {}).get("fold")
            # A line for each fold where the labels do not say so: then they are no folds of one.
            if fold is None or _without_fold(label) == label:
                return results, {}
            folds[_without_fold(label), cell["seed"]][fold] = cell
    every = set().union(*(of_seed.keys() for of_seed in folds.values()))
    joined: Results = {}
    left_out = {}
    for (label, seed), of_seed in folds.items():
        lacking = sorted(every - of_seed.keys())
        if lacking:
            left_out[f"{label}, seed {seed}"] = f"fold {lacking[0]} is not finished"
            continue
        cells = [of_seed[fold] for fold in sorted(every)]
        joined.setdefault(label, []).append(_joined(label, cells))
    # Half a table is better than none while its grid is under way.
    return (joined, left_out) if joined else (results, {})


def _without_fold(label: str) -> str:
    parts = label.split(" · ")
    others = [part for part in parts if not _FOLD.fullmatch(part)]
    if len(others) == len(parts):
        return label
    return " · ".join(others) or ALL


def _joined(label: str, cells: Sequence[CellResult]) -> CellResult:
    cases = [case for cell in cells for case in cell["cases"]]
    names = [(case["id"], case["words"]) for case in cases]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageError(
            f"case {twice[0][:80]!r} was tested in two folds",
            where=label,
            allowed="each case is tested once",
            remedy="run `saywhere check` on the manifest: ids differ, and stand in one fold",
        )
    first = cells[0]
    changed = {"label": label, "cases": cases, "summary": _summary(cells, cases)}
    # What is measured beside the cases cannot be pooled.
    return cast(CellResult, first | changed | {"mosaic": None, "spread": None})


def _summary(cells: Sequence[CellResult], cases: list[Case]) -> Summary:
    kinds = dict.fromkeys(case["words"] for case in cases)
    words = {}
    for kind in kinds:
        words[kind] = _means([case for case in cases if case["words"] == kind])
    first = cells[0]["summary"]
    n = sum(cell["summary"]["n"] for cell in cells)
    return cast(Summary, first | {"n": n, "words": words})


def _means(cases: Sequence[Case]) -> dict[str, object]:
    """As an evaluation has them: means over cases, and pooled over pixels."""
    both = sum(case.get("true_positive", 0.0) for case in cases)
    false = sum(case.get("false_positive", 0.0) for case in cases)
    missed = sum(case.get("false_negative", 0.0) for case in cases)
    union = both + false + missed
    return {
        "dice_mean": {"mean": float(np.mean([case["dice"] for case in cases]))},
        "iou_mean": {"mean": float(np.mean([case.get("iou", np.nan) for case in cases]))},
        # Nothing to find and nothing marked is right, as in `metrics.functional`.
        "dice_pooled": 2 * both / (union + both) if union else 1.0,
        "iou_pooled": both / union if union else 1.0,
    }
