"""Confidence beside Dice: against a bootstrap written out, scipy, and answers of known worth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap, spearmanr

from saywhere.errors import UsageError
from saywhere.metrics.confidence import trust
from saywhere.metrics.sample_size import FEWEST_CASES

N = 60


@pytest.fixture
def cases() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidence that knows something of Dice."""
    random = np.random.default_rng(3)
    confidence = random.uniform(0.5, 1, N)
    dice = np.clip(confidence + random.normal(0, 0.15, N), 0, 1)
    return confidence, dice, random.uniform(0, 1, N)


def test_the_surest_are_those_that_are_left_when_the_least_sure_are_handed_over(
    cases: tuple[np.ndarray, ...],
) -> None:
    confidence, dice, precision = cases
    found = trust(confidence, dice, precision, 200, 0)
    kept = dice[confidence >= np.sort(confidence)[N // 5]]
    assert len(kept) == 48
    assert found.surest.mean == pytest.approx(kept.mean())
    assert found.gain.mean == pytest.approx(kept.mean() - dice.mean())
    assert found.spearman == pytest.approx(spearmanr(confidence, dice).statistic)
    assert (found.confidence, found.precision) == (
        pytest.approx(confidence.mean()),
        pytest.approx(precision.mean()),
    )
    assert found.tells


def test_the_interval_is_the_bootstrap_of_the_whole_procedure(
    cases: tuple[np.ndarray, ...],
) -> None:
    confidence, dice, precision = cases

    def gain(sure: np.ndarray, right: np.ndarray) -> float:
        return float(
            right[np.argsort(-sure, kind="stable")][: round(0.8 * N)].mean() - right.mean()
        )

    expected = bootstrap(
        (confidence, dice),
        gain,
        paired=True,
        vectorized=False,
        n_resamples=4000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    found = trust(confidence, dice, precision, 4000, 0)
    assert (found.gain.low, found.gain.high) == (
        pytest.approx(expected.low, abs=0.003),
        pytest.approx(expected.high, abs=0.003),
    )


def test_confidence_that_knows_nothing_does_not_tell() -> None:
    random = np.random.default_rng(0)
    tells = [
        trust(random.random(N), random.random(N), random.random(N), 300, 0).tells for _ in range(60)
    ]
    assert sum(tells) <= 6  # 2.5 % of 60 are expected


def test_a_few_cases_tell_nothing() -> None:
    """Confidence and Dice are equal: with one case more, that is shown."""
    for n, tells in ((FEWEST_CASES - 1, False), (FEWEST_CASES, True)):
        dice = np.linspace(0.1, 0.9, n)
        measured = trust(dice, dice, dice, 200, 0)
        assert measured.gain.low > 0
        assert measured.tells is tells


def test_a_case_at_the_border_counts_in_part() -> None:
    assert trust([0.9, 0.5], [1.0, 0.0], [1, 1], 10, 0, share=0.75).surest.mean == pytest.approx(
        2 / 3
    )
    assert trust([0.9, 0.5], [1.0, 0.0], [1, 1], 10, 0, share=1).gain.mean == 0


def test_answers_that_are_equally_sure_count_alike_in_whatever_order_they_come() -> None:
    sure = np.array([0.0] * 40 + [0.9] * 60)
    dice = np.array([1.0] * 20 + [0.0] * 20 + [0.9] * 60)
    found = trust(sure, dice, dice, 500, 0)
    assert found.surest.mean == pytest.approx((60 * 0.9 + 20 * 0.5) / 80)
    order = np.r_[20:40, 0:20, 40:100]
    other = trust(sure[order], dice[order], dice[order], 500, 0)
    assert other.surest.mean == pytest.approx(found.surest.mean)
    assert (other.gain.low, other.gain.high) == (
        pytest.approx(found.gain.low, abs=0.01),
        pytest.approx(found.gain.high, abs=0.01),
    )


def test_an_answer_that_marks_nothing_is_looked_at_first_and_has_no_precision() -> None:
    found = trust([0.9, 0, 0.8, 0.7, 0.6], [0.9, 0, 0.8, 0.7, 0.6], [0.9, 0, 0.8, 0.7, 0.6], 10, 0)
    assert found.surest.mean == pytest.approx(0.75)
    assert found.precision == found.confidence == pytest.approx(0.75)
    nothing = trust([0, 0], [0, 1], [0, 1], 10, 0)
    assert (nothing.confidence, nothing.precision, nothing.spearman, nothing.tells) == (
        None,
        None,
        None,
        False,
    )


@pytest.mark.parametrize(
    "bad", [([], [], []), ([1, 2], [1], [1]), ([np.nan], [1], [1])], ids=["none", "lengths", "nan"]
)
def test_what_does_not_belong_together_is_refused(bad: tuple[list[float], ...]) -> None:
    with pytest.raises(UsageError, match="do not belong together"):
        trust(*bad, 10, 0)
