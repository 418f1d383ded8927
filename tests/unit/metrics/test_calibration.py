"""Expected Dice: against the quadratic program that isotonic regression solves, and of files that
hold something else.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, minimize

from saywhere.errors import UsageError
from saywhere.metrics.calibration import Expectation, check, fit, promised, read
from saywhere.metrics.sample_size import FEWEST_CASES

N = 25


@pytest.fixture
def cases() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    confidence = random.uniform(0.5, 1, N)
    return confidence, np.clip(confidence + random.normal(0, 0.2, N), 0, 1)


def test_it_is_the_never_falling_function_of_least_squares(
    cases: tuple[np.ndarray, np.ndarray],
) -> None:
    confidence, dice = cases
    order = np.argsort(confidence)
    rises = LinearConstraint(np.eye(N)[1:] - np.eye(N)[:-1], 0, np.inf)
    solved = minimize(
        lambda x: ((x - dice[order]) ** 2).sum(),
        np.full(N, dice.mean()),
        constraints=[rises],
        method="SLSQP",
        options={"ftol": 1e-12},
    )
    found = fit(confidence.tolist(), dice.tolist())
    assert [found.of(sure) for sure in confidence[order]] == pytest.approx(solved.x, abs=1e-4)
    assert found.n == N
    assert np.mean([found.of(sure) for sure in confidence]) == pytest.approx(
        dice.mean()
    )  # no bias over what it was learned from


def test_equal_confidence_has_one_expectation_their_mean() -> None:
    found = fit([0.6] * 10 + [0.9] * 10, [0.2, 0.4] * 5 + [0.8, 1.0] * 5)
    assert (found.confidence, found.dice) == ((0.6, 0.9), (pytest.approx(0.3), pytest.approx(0.9)))
    assert found.of(0.75) == pytest.approx(0.6)  # between two, on the line
    assert (found.of(0.5), found.of(1.0)) == (
        pytest.approx(0.3),
        pytest.approx(0.9),
    )  # beyond them nothing was seen


def test_all_copies_together_weigh_as_much_as_the_answers_themselves() -> None:
    confidence, dice = [0.6] * 10 + [0.9] * 10, [0.2] * 10 + [0.8] * 10
    copies = [(0.9, 0.4)] * 3 + [(None, 0.0)] * 7
    found = fit(confidence, dice, copies)
    assert found.n == 20
    # Ten answers of 0.8, and copies of 0.4 that weigh as twenty.
    assert found.of(0.9) == pytest.approx((10 * 0.8 + 20 * 0.4) / 30)
    assert found.of(0.6) == pytest.approx(0.2)
    assert fit(confidence, dice, copies * 9).dice == pytest.approx(found.dice)
    with pytest.raises(UsageError, match="answers that mark anything"):
        fit(confidence[:19], dice[:19], copies * 9)


def test_inner_points_of_a_flat_part_are_left_out_and_nothing_changes(
    cases: tuple[np.ndarray, np.ndarray],
) -> None:
    found = fit(cases[0].tolist(), cases[1].tolist())
    assert len(found.confidence) < N
    assert (np.diff(found.confidence) > 0).all()
    assert (np.diff(found.dice) >= 0).all()


def test_answers_that_mark_nothing_are_left_out_and_expect_nothing(
    cases: tuple[np.ndarray, np.ndarray],
) -> None:
    confidence, dice = cases
    found = fit([*confidence.tolist(), None, None], [*dice.tolist(), 0.0, 0.0])
    assert found == fit(confidence.tolist(), dice.tolist())
    assert found.of(None) is None


def test_too_few_or_all_alike_are_refused() -> None:
    with pytest.raises(
        UsageError,
        match=rf"{FEWEST_CASES - 1} answers that mark anything; "
        rf"{FEWEST_CASES} or more.*larger split",
    ):
        fit([0.5 + i / 100 for i in range(FEWEST_CASES - 1)] + [None], [0.5] * FEWEST_CASES)
    with pytest.raises(UsageError, match=r"equally sure \(0\.700\)"):
        fit([0.7] * FEWEST_CASES, [0.5] * FEWEST_CASES)


def test_it_survives_a_file(cases: tuple[np.ndarray, np.ndarray]) -> None:
    found = fit(cases[0].tolist(), cases[1].tolist())
    assert read(json.loads(json.dumps(found.record()))) == found


@pytest.mark.parametrize(
    "record",
    [
        None,
        [],
        "x",
        {},
        {"n": 20},
        {"n": 20, "confidence": [0.5, 0.6], "dice": [0.5]},
        {"n": 20, "confidence": [], "dice": []},
        {"n": 20, "confidence": [0.6, 0.5], "dice": [0.5, 0.6]},
        {"n": 20, "confidence": [0.5, 0.6], "dice": [0.6, 0.5]},
        {"n": 20, "confidence": [0.5, 1.6], "dice": [0.5, 0.6]},
        {"n": 20, "confidence": [0.5, float("nan")], "dice": [0.5, 0.6]},
        {"n": 20, "confidence": [0.5, "0.6"], "dice": [0.5, 0.6]},
        {"n": 20, "confidence": [0.5, True], "dice": [0.5, 0.6]},
        {"n": "20", "confidence": [0.5, 0.6], "dice": [0.5, 0.6]},
    ],
)
def test_what_is_none_is_not_read(record: Any) -> None:
    assert read(record) is None


def test_how_good_it_was_is_the_mean_distance_from_what_was_found() -> None:
    found = check([0.8, 0.6], [0.9, 0.2])
    assert found == {
        "n": 2,
        "mean": pytest.approx(0.7),
        "dice": pytest.approx(0.55),
        "error": pytest.approx(0.25),
    }
    assert (
        promised(found)
        == "its expected Dice is 0.700 where 0.550 was found, and 0.250 off for a case"
    )


def test_one_knot_expects_the_same_of_all() -> None:
    assert Expectation((0.8,), (0.7,), 20).of(0.1) == 0.7
