"""Folds of a grid: the cases of all folds together, each tested once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saywhere.errors import UsageError
from saywhere.experiments.compare import compare
from saywhere.experiments.pooled_folds import ALL, pooled
from table_files import cell, written

FOLDS = (1, 2, 3)


def of_fold(label: str, seed: int, fold: int, dice: np.ndarray) -> dict[str, Any]:
    one = cell(f"fold {fold} · {label}" if label else f"fold {fold}", seed, dice)
    one["config"]["data"]["fold"] = fold
    for number, case in enumerate(one["cases"]):
        case |= {"id": f"{fold}-{number}", "iou": 0.1 * fold}
        case |= {"true_positive": 10.0 * fold, "false_positive": 5.0, "false_negative": 5.0}
    return one


def grid(labels: list[str], seeds: int = 2) -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    return [
        of_fold(label, seed, fold, random.uniform(0.2, 0.9, 5 + fold))
        for label in labels
        for seed in range(seeds)
        for fold in FOLDS
    ]


def test_each_label_is_one_line_over_the_cases_of_all_folds(tmp_path: Path) -> None:
    cells = grid(["image", "text"])
    comparison = compare(written(tmp_path, cells))
    assert [(line.label, line.n_seeds) for line in comparison.lines] == [("image", 2), ("text", 2)]
    for line in comparison.lines:
        dice = [
            case["dice"]
            for one in cells
            if one["label"].endswith(line.label)
            for case in one["cases"]
        ]
        assert line.dice.difference == pytest.approx(np.mean(dice))
        assert line.dice.n == 6 + 7 + 8
    assert comparison.lines[1].difference is not None
    assert "21 test cases" in comparison.note


def test_pixels_are_pooled_over_folds() -> None:
    results: Any = {one["label"]: [one] for one in grid([""], seeds=1)}
    joined, left_out = pooled(results)
    (one,) = joined[ALL]
    right = one["summary"]["words"]["right"]
    both = 6 * 10 + 7 * 20 + 8 * 30
    assert right["dice_pooled"] == pytest.approx(2 * both / (2 * both + 21 * 10))
    assert right["iou_pooled"] == pytest.approx(both / (both + 21 * 10))
    assert right["iou_mean"]["mean"] == pytest.approx((6 * 0.1 + 7 * 0.2 + 8 * 0.3) / 21)
    assert left_out == {}


def test_a_seed_without_a_fold_is_left_out(tmp_path: Path) -> None:
    comparison = compare(written(tmp_path, grid(["image", "text"])[:-1]))
    assert [line.n_seeds for line in comparison.lines] == [2, 1]
    assert comparison.left_out == {"text, seed 1": "fold 3 is not finished"}


def test_a_case_of_two_folds_is_refused(tmp_path: Path) -> None:
    cells = grid(["image"])
    cells[1]["cases"][0]["id"] = cells[0]["cases"][0]["id"]
    with pytest.raises(UsageError, match="case '1-0' was tested in two folds"):
        compare(written(tmp_path, cells))


def test_a_table_without_folds_stays_as_it_is() -> None:
    results: Any = {"image": [cell("image", 0, np.ones(3))]}
    assert pooled(results) == (results, {})
