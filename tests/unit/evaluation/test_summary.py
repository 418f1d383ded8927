"""Means, distances and the verdict, from cases."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from saywhere.evaluation.cases import COLUMNS, DISTANCE, MEASURES, Case
from saywhere.evaluation.negatives import negatives_in_words
from saywhere.evaluation.summary import (
    EvaluationSummary,
    expected_in,
    summarise,
)
from saywhere.evaluation.verdict import TOO_FEW
from saywhere.metrics.statistics import Bootstrap

BOOTSTRAP = Bootstrap(resamples=200, seed=0)
CASE = Case("0", "right", "", 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 1, 1, 1)


def cases(words: str, dice: list[float]) -> list[Case]:
    return [
        replace(CASE, id=str(number), words=words, dice=value) for number, value in enumerate(dice)
    ]


def test_the_verdict_is_the_worst_of_shuffled_and_contradictory() -> None:
    right = [0.9, 0.92, 0.88, 0.91] * 5
    groups = {
        "right": cases("right", right),
        "shuffled": cases("shuffled", [0.1] * 20),
        "contradictory": cases("contradictory", right),
    }
    summary = summarise(groups, BOOTSTRAP)
    assert [summary.listening[kind].verdict for kind in ("shuffled", "contradictory")] == [
        "heard",
        "not heard",
    ]
    written = summary.to_json()
    assert (written["verdict"], written["verdict_by"]) == ("not heard", "contradictory")


def test_of_few_cases_nothing_is_said() -> None:
    groups = {"right": cases("right", [0.9] * 5), "shuffled": cases("shuffled", [0.1] * 5)}
    summary = summarise(groups, BOOTSTRAP).to_json()
    assert summary["verdict"] == summary["listening"]["shuffled"]["verdict"] == TOO_FEW
    assert summary["listening"]["shuffled"]["difference"] == pytest.approx(0.8)


def test_every_measure_is_a_column_and_has_a_mean() -> None:
    assert set(MEASURES) | {DISTANCE} <= set(COLUMNS)
    numbers = summarise({"right": cases("right", [0.25, 0.75])}, BOOTSTRAP).to_json()["words"][
        "right"
    ]
    assert numbers["dice_mean"]["mean"] == 0.5
    assert [name for name in numbers if name.endswith("_mean")] == [f"{m}_mean" for m in MEASURES]
    assert numbers["dice_pooled"] == pytest.approx(0.5)


def test_infinite_distances_are_counted_apart() -> None:
    group = [replace(CASE, hausdorff_95_px=value) for value in (1.0, 3.0, math.inf)]
    found = summarise({"right": group}, BOOTSTRAP).to_json()["words"]["right"][DISTANCE]
    assert found == {"median": 3.0, "mean_finite": 2.0, "n_infinite": 1}
    group = [replace(CASE, hausdorff_95_px=math.inf)]
    found = summarise({"right": group}, BOOTSTRAP).to_json()["words"]["right"][DISTANCE]
    assert found == {"median": None, "mean_finite": None, "n_infinite": 1}


def test_a_promise_is_checked_where_one_was_made() -> None:
    promised = [replace(CASE, expected_dice=0.75), replace(CASE, expected_dice=None)]
    found = expected_in({"right": promised, "empty": [CASE]})
    assert found == {"right": {"n": 1, "mean": 0.75, "dice": 0.5, "error": 0.25}}


def test_a_training_that_goes_on_is_said_in_the_table() -> None:
    written = summarise({"right": cases("right", [0.5])}, BOOTSTRAP).to_json()
    about: dict[str, Any] = {"split": "test", "level": "p1", "unfinished": None}
    assert "training" not in repr(EvaluationSummary(written | about))
    early = {"status": "interrupted", "epoch": 3, "epochs": 10}
    # Of an earlier version: it does not say where the training stood.
    shown = repr(EvaluationSummary(written | about | {"unfinished": early}))
    assert "the training was interrupted; measured are the weights of epoch 3 of 10" in shown
    early |= {"status": "killed", "epochs_done": 4, "step": 1234}
    shown = repr(EvaluationSummary(written | about | {"unfinished": early}))
    assert (
        "its process is gone (its last checkpoint: step 1,234, 4 of 10 epochs done); measured are "
        "the weights of epoch 3 of 10; `saywhere train --resume RUN` goes on" in shown
    )


NEGATIVE = replace(CASE, true_positive=0, false_negative=0)


def with_negatives(words: str, dice: list[float], marked: list[bool]) -> list[Case]:
    negatives = [
        replace(NEGATIVE, id=f"n{number}", words=words, dice=float(not is_marked))
        for number, is_marked in enumerate(marked)
    ]
    negatives = [
        replace(case, false_positive=9 if is_marked else 0)
        for case, is_marked in zip(negatives, marked)
    ]
    return cases(words, dice) + negatives


def test_marking_nothing_on_normal_images_earns_no_dice() -> None:
    # A model that marks nothing at all: half of the images are normal.
    nothing = [replace(case, true_positive=0, false_positive=0) for case in cases("right", [0.0])]
    group = nothing + with_negatives("right", [], [False])
    numbers = summarise({"right": group}, BOOTSTRAP).to_json()["words"]["right"]
    assert numbers["dice_mean"]["mean"] == 0.5
    assert numbers["positives"]["n"] == 1
    assert numbers["positives"]["dice_mean"] is not None
    assert numbers["positives"]["dice_mean"]["mean"] == 0.0
    assert numbers["negatives"] == {"n": 1, "left_empty": 1}


def test_negatives_are_counted_and_said() -> None:
    group = with_negatives("right", [0.8, 0.6], [True, True, False, True])
    summary = summarise({"right": group}, BOOTSTRAP).to_json()
    assert summary["words"]["right"]["negatives"] == {"n": 4, "left_empty": 1}
    about: dict[str, Any] = {"split": "test", "level": "p1", "unfinished": None}
    shown = repr(EvaluationSummary(summary | about))
    assert "cases without a target: 4, of which left empty: 1 (25%)" in shown
    assert "with a target: 2, mean Dice of these 0.700" in shown


def test_where_every_case_has_a_target_nothing_is_added() -> None:
    summary = summarise({"right": cases("right", [0.5, 0.7])}, BOOTSTRAP).to_json()
    assert negatives_in_words(summary) == ""
    assert summary["words"]["right"]["negatives"] == {"n": 0, "left_empty": 0}
    # Of an earlier version.
    assert negatives_in_words({"words": {"right": {"n": 3}}}) == ""


def test_negatives_alone_have_no_dice() -> None:
    summary = summarise({"right": with_negatives("right", [], [False, True])}, BOOTSTRAP).to_json()
    assert summary["words"]["right"]["positives"] == {"n": 0, "dice_mean": None}
    assert negatives_in_words(summary) == (
        "cases without a target: 2, of which left empty: 1 (50%)"
    )


def test_listening_is_decided_by_cases_with_a_target() -> None:
    # On the normal images every prompt is left empty, which is no sign of being deaf.
    groups = {
        "right": with_negatives("right", [0.9] * 20, [False] * 200),
        "shuffled": with_negatives("shuffled", [0.1] * 20, [False] * 200),
    }
    heard = summarise(groups, BOOTSTRAP).listening["shuffled"]
    assert heard.difference.n == 20
    assert heard.difference.difference == pytest.approx(0.8)
    assert heard.verdict == "heard"
