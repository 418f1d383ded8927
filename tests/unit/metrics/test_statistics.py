"""Intervals and tests, against scipy.stats and against the definitions by brute force."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, false_discovery_control, norm, t, ttest_1samp, wilcoxon

from saywhere import seeds
from saywhere.errors import UsageError
from saywhere.metrics import statistics
from saywhere.metrics.statistics import (
    Interval,
    PairedDifference,
    bootstrap_mean,
    crossed_interval,
    hierarchical_difference,
    holm,
    paired_difference,
    rank_biserial,
)

VALUES = np.random.default_rng(0).beta(8, 2, 100)
OTHERS = np.clip(VALUES - np.random.default_rng(1).normal(0.05, 0.1, 100), 0, 1)


def scipys_interval(values: np.ndarray, resamples: int, seed: int) -> tuple[float, float]:
    random = seeds.generator(seed, "bootstrap")
    interval = bootstrap(
        (values,), np.mean, n_resamples=resamples, method="percentile", rng=random
    ).confidence_interval
    return float(interval.low), float(interval.high)


def test_the_interval_is_scipys_percentile_bootstrap() -> None:
    interval = bootstrap_mean(VALUES, 2000, seed=7)
    assert (interval.low, interval.high) == pytest.approx(
        scipys_interval(VALUES, 2000, seed=7), abs=1e-12
    )
    assert interval.mean == pytest.approx(VALUES.mean(), abs=1e-12)
    assert interval == bootstrap_mean(VALUES, 2000, seed=7) != bootstrap_mean(VALUES, 2000, seed=8)


def test_the_interval_is_as_wide_as_the_central_limit_says() -> None:
    interval = bootstrap_mean(VALUES, 20_000, seed=0)
    half = norm.ppf(0.975) * VALUES.std() / np.sqrt(len(VALUES))
    assert interval.high - interval.low == pytest.approx(2 * half, rel=0.03)


def test_bounding_memory_does_not_change_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = (
        bootstrap_mean(VALUES[:33], 1000, seed=1),
        hierarchical_difference(VALUES.reshape(4, 25), OTHERS.reshape(4, 25), 1000, seed=1),
    )
    monkeypatch.setattr(statistics, "_CHUNK", 700)
    assert whole == (
        bootstrap_mean(VALUES[:33], 1000, seed=1),
        hierarchical_difference(VALUES.reshape(4, 25), OTHERS.reshape(4, 25), 1000, seed=1),
    )


def test_one_value_has_an_interval_of_no_width() -> None:
    assert bootstrap_mean([0.25], 100, seed=0) == Interval(0.25, 0.25, 0.25)


def test_a_paired_difference_is_scipys_bootstrap_and_wilcoxon() -> None:
    difference = paired_difference(VALUES, OTHERS, 2000, seed=3)
    assert (difference.low, difference.high) == pytest.approx(
        scipys_interval(VALUES - OTHERS, 2000, seed=3), abs=1e-12
    )
    assert difference.p == pytest.approx(wilcoxon(VALUES, OTHERS).pvalue, rel=1e-12)
    assert difference.difference == pytest.approx(VALUES.mean() - OTHERS.mean(), abs=1e-12)
    assert difference.n == 100


def test_no_case_and_equal_pairs_are_no_difference() -> None:
    assert paired_difference([], [], 100, seed=0) == PairedDifference(0.0, 0.0, 0.0, 1.0, 0)
    assert paired_difference(VALUES, VALUES, 100, seed=0) == PairedDifference(
        0.0, 0.0, 0.0, 1.0, 100
    )
    assert hierarchical_difference(
        np.zeros((0, 0)), np.zeros((0, 0)), 100, seed=0
    ) == PairedDifference(0.0, 0.0, 0.0, 1.0, 0)


@given(st.lists(st.floats(0, 1), max_size=6))
@settings(max_examples=100, deadline=None)
def test_holm_is_the_closed_test_over_all_bonferroni_intersections(p: list[float]) -> None:
    indices = range(len(p))
    subsets = [subset for size in range(1, len(p) + 1) for subset in combinations(indices, size)]
    closed = []
    for i in indices:
        bonferroni = [len(s) * min(np.take(p, s)) for s in subsets if i in s]
        closed.append(min(1.0, max(bonferroni)))
    assert holm(p) == pytest.approx(closed, abs=1e-12)


def test_holm_is_never_more_lenient_than_scipys_false_discovery_rate() -> None:
    p = np.random.default_rng(2).uniform(0, 0.2, 12)
    assert np.all(np.array(holm(p)) >= false_discovery_control(p) - 1e-12)


def test_with_equal_seeds_the_hierarchical_interval_is_the_bootstrap_over_cases() -> None:
    repeated = hierarchical_difference(
        np.tile(VALUES, (3, 1)), np.tile(OTHERS, (3, 1)), 20_000, seed=0
    )
    assert (repeated.low, repeated.high) == pytest.approx(
        scipys_interval(VALUES - OTHERS, 20_000, seed=0), abs=1.5e-3
    )
    assert repeated.p == pytest.approx(wilcoxon(VALUES, OTHERS).pvalue, rel=1e-6)


def test_with_equal_cases_the_hierarchical_interval_is_the_bootstrap_over_seeds() -> None:
    gains = np.random.default_rng(4).normal(0.05, 0.03, 10)
    repeated = hierarchical_difference(
        np.tile(gains[:, None], (1, 40)), np.zeros((10, 40)), 20_000, seed=0
    )
    assert (repeated.low, repeated.high) == pytest.approx(
        scipys_interval(gains, 20_000, seed=0), abs=1e-3
    )
    assert repeated.n == 40


def test_the_hierarchical_spread_is_the_sum_of_both_levels() -> None:
    random = np.random.default_rng(5)
    gain = random.normal(0, 0.05, (12, 1)) + random.normal(0, 0.3, (1, 150))
    by_seed, by_case = gain.mean(axis=1).std() / np.sqrt(12), gain.mean(axis=0).std() / np.sqrt(150)
    both = hierarchical_difference(gain, np.zeros_like(gain), 20_000, seed=0)
    assert both.high - both.low == pytest.approx(
        2 * norm.ppf(0.975) * np.hypot(by_seed, by_case), rel=0.05
    )


def test_with_equal_cases_the_crossed_interval_is_students_over_seeds() -> None:
    gains = np.random.default_rng(4).normal(0.05, 0.03, 4)
    assert crossed_interval(np.tile(gains[:, None], (1, 40))) == pytest.approx(
        tuple(ttest_1samp(gains, 0).confidence_interval(0.95))
    )


def test_with_equal_seeds_the_crossed_interval_is_that_over_cases() -> None:
    gains = np.random.default_rng(4).normal(0.05, 0.2, 40)
    half = norm.ppf(0.975) * gains.std(ddof=1) / np.sqrt(40)
    assert crossed_interval(np.tile(gains, (3, 1))) == pytest.approx(
        (gains.mean() - half, gains.mean() + half)
    )
    assert crossed_interval(np.full((3, 40), 0.25)) == (0.25, 0.25)


def test_the_degrees_of_freedom_are_hillis_s() -> None:
    gain = (
        np.random.default_rng(6).normal(0.1, 0.2, (3, 20))
        + np.random.default_rng(7).normal(0, 0.1, (3, 1))
        + np.random.default_rng(8).normal(0, 0.3, (1, 20))
    )
    seed_of_row = np.repeat(np.eye(3)[:, 1:], 20, axis=0)
    case_of_row = np.tile(np.eye(20)[:, 1:], (3, 1))
    design = np.hstack([np.ones((60, 1)), seed_of_row, case_of_row])
    without = {"seeds": design[:, [0, *range(3, 22)]], "cases": design[:, :3], "none": design}
    left = {
        name: float(np.linalg.lstsq(columns, gain.ravel(), rcond=None)[1][0])
        for name, columns in without.items()
    }  # sums of squares by regression
    seeds, cases, rest = (
        (left["seeds"] - left["none"]) / 2,
        (left["cases"] - left["none"]) / 19,
        left["none"] / 38,
    )
    df = (seeds + max(cases - rest, 0)) ** 2 / (seeds**2 / 2)
    half = t.ppf(0.975, df) * np.sqrt((seeds + max(cases - rest, 0)) / 60)
    assert crossed_interval(gain) == pytest.approx((gain.mean() - half, gain.mean() + half))


def test_a_sure_bootstrap_of_seeds_that_disagree_is_said_to_be_so() -> None:
    cases = np.random.default_rng(9).normal(0, 0.02, (3, 60))

    def of_seeds(*gains: float) -> PairedDifference:
        return hierarchical_difference(
            cases + np.array(gains)[:, None], np.zeros_like(cases), 2000, seed=0
        )

    torn = of_seeds(0.02, 0.3, 0.1)
    alike = of_seeds(0.2, 0.3, 0.25)
    none = of_seeds(-0.1, 0.3, 0.1)
    assert torn.low > 0
    assert [one.seeds_differ for one in (torn, alike, none)] == [True, False, False]
    assert hierarchical_difference(cases[:1], np.zeros((1, 60)), 100, seed=0).other_seeds is None


def test_one_seed_has_no_crossed_interval() -> None:
    with pytest.raises(UsageError, match="1 seeds and 3 cases"):
        crossed_interval([[0.1, 0.2, 0.3]])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_number_that_is_none_is_refused_by_place(bad: float) -> None:
    with pytest.raises(
        UsageError, match=r"values: 1 of 3 numbers are NaN or infinite, the first at \[1\]"
    ):
        bootstrap_mean([0.1, bad, 0.3], 100, seed=0)
    with pytest.raises(UsageError, match=r"b: 1 of 2 numbers .* \[0\]"):
        paired_difference([0.1, 0.2], [bad, 0.1], 100, seed=0)
    with pytest.raises(UsageError, match=r"a: 1 of 2 numbers .* \[1, 0\]"):
        hierarchical_difference([[0.1], [bad]], [[0.1], [0.2]], 100, seed=0)
    with pytest.raises(UsageError, match="p values: 1 of 2"):
        holm([0.1, bad])


def test_bad_calls_say_what_is_allowed() -> None:
    with pytest.raises(
        UsageError, match=r"a has shape \(2,\) and b \(3,\); pairs are the same cases"
    ):
        paired_difference([0.1, 0.2], [0.1, 0.2, 0.3], 100, seed=0)
    with pytest.raises(UsageError, match="no values to take a mean of"):
        bootstrap_mean([], 100, seed=0)
    with pytest.raises(UsageError, match=r"shape \(2,\); 2 dimensions"):
        hierarchical_difference([0.1, 0.2], [0.1, 0.2], 100, seed=0)
    with pytest.raises(UsageError, match=r"a p value is 1\.5; p values lie in \[0, 1\]"):
        holm([0.5, 1.5])
    with pytest.raises(UsageError, match="0 resamples; 1 or more"):
        bootstrap_mean([0.1], 0, seed=0)


@pytest.mark.parametrize("shift", [-0.3, 0.0, 0.3])
def test_the_effect_is_from_scipys_rank_sum(shift: float) -> None:
    ours, theirs = (
        np.round(OTHERS + shift, 1),
        np.round(VALUES, 1),
    )  # ties, and pairs that are equal
    more, less = (
        float(wilcoxon(a, b, alternative="greater").statistic)
        for a, b in ((ours, theirs), (theirs, ours))
    )
    assert rank_biserial(ours, theirs) == pytest.approx((more - less) / (more + less), abs=1e-12)


def test_the_effect_at_its_ends() -> None:
    assert rank_biserial(VALUES + 0.1, VALUES) == 1.0
    assert rank_biserial(VALUES, VALUES + 0.1) == -1.0
    assert rank_biserial(VALUES, VALUES) == 0.0
    with pytest.raises(UsageError, match=r"a has shape \(1,\) and b \(2,\)"):
        rank_biserial([1.0], [1.0, 2.0])
