"""How sure we are: bootstrap intervals over images, and paired differences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata, t, wilcoxon

from saywhere.errors import UsageError
from saywhere.metrics.printed import printed
from saywhere.seeds import generator

_CHUNK = 4_000_000
"""Resampled values held at once: 32 MB."""
_KEPT = 6_000_000
"""Weights of one table's draws that are kept: 48 MB."""


@dataclass(frozen=True)
class Interval:
    """A mean with its 95 % bootstrap interval, from `low` to `high`."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class PairedDifference:
    """Two methods on the same cases.

    Attributes:
        difference: mean of a − b.
        low: end of its 95 % bootstrap interval.
        high: end of its 95 % bootstrap interval.
        p: two-sided, of Wilcoxon's signed-rank test.
        n: pairs.
        other_seeds: of several seeds, `crossed_interval`: it is wider where the seeds differ.
    """

    difference: float
    low: float
    high: float
    p: float
    n: int
    other_seeds: tuple[float, float] | None = None

    @property
    def seeds_differ(self) -> bool:
        """True where the bootstrap is sure of a side, and what other seeds may give is not."""
        if self.other_seeds is None or self.low <= 0 <= self.high:
            return False
        return self.other_seeds[0] <= 0 <= self.other_seeds[1]


@dataclass(frozen=True)
class Bootstrap:
    """How the intervals of a measurement are drawn.

    Attributes:
        resamples: of the cases.
        seed: of the draws.
    """

    resamples: int
    seed: int

    def mean(self, values: ArrayLike) -> Interval:
        """Take a mean over cases; see `bootstrap_mean`.

        Args:
            values: finite numbers (n,), n ≥ 1.

        Returns:
            The mean with its 95 % interval.
        """
        return bootstrap_mean(values, self.resamples, self.seed)

    def difference(self, a: ArrayLike, b: ArrayLike) -> PairedDifference:
        """Compare two methods on the same cases; see `paired_difference`.

        Args:
            a: finite numbers (n,).
            b: finite numbers (n,), entry by entry the same case.

        Returns:
            The mean of a − b with its 95 % interval.
        """
        return paired_difference(a, b, self.resamples, self.seed)


def with_span(mean: float, low: float, high: float, sign: str = "") -> str:
    """Print a number with its interval, as every table does: 0.889 [0.858, 0.915].

    Args:
        mean: the number.
        low: end of its interval.
        high: end of its interval.
        sign: "+" for differences, "" else.

    Returns:
        Three digits after the point.
    """
    mean_text, low_text, high_text = (printed(one, sign=sign) for one in (mean, low, high))
    return f"{mean_text} [{low_text}, {high_text}]"


def bootstrap_mean(values: ArrayLike, resamples: int, seed: int) -> Interval:
    """Take the mean over cases with its 95 % percentile bootstrap interval (Efron 1979).

    Args:
        values: finite numbers (n,), n ≥ 1. One value: an interval of no width.
        resamples: of the bootstrap.
        seed: of the bootstrap; the answer is a function of all three.

    Returns:
        The mean and its interval.

    Raises:
        UsageError: for no value, NaN or inf.
    """
    numbers = _finite("values", values, dimensions=1)
    if not len(numbers):
        raise UsageError(
            "no values to take a mean of", allowed="a bootstrap needs one case or more"
        )
    low, high = span_95(
        np.concatenate(
            [numbers[drawn].mean(axis=1) for drawn in _draws(len(numbers), resamples, seed)]
        )
    )
    return Interval(float(numbers.mean()), low, high)


def paired_difference(a: ArrayLike, b: ArrayLike, resamples: int, seed: int) -> PairedDifference:
    """Compare two methods on the same cases: bootstrap over cases, Wilcoxon's signed-rank test.

    Args:
        a: finite numbers (n,).
        b: finite numbers (n,), entry by entry the same case.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        a − b. No case: difference 0, interval [0, 0], p = 1, n = 0. All pairs equal: p = 1.

    Raises:
        UsageError: for NaN, inf or arrays of different length.
    """
    ours, theirs = _pair(a, b, dimensions=1)
    if not len(ours):
        return PairedDifference(0.0, 0.0, 0.0, 1.0, 0)
    interval = bootstrap_mean(ours - theirs, resamples, seed)
    return PairedDifference(
        interval.mean, interval.low, interval.high, _signed_rank(ours - theirs), len(ours)
    )


def hierarchical_difference(
    a: ArrayLike, b: ArrayLike, resamples: int, seed: int
) -> PairedDifference:
    """Compare two methods over several training seeds: resample the seeds, then the cases.

    The design is crossed (each seed sees the same images), so a resample draws one set of cases for
    all its seeds: an image that is hard for every seed stays hard. Two or three seeds are few to
    resample: where they differ, the interval is too narrow, and `other_seeds` says how far.

    Args:
        a: finite numbers (seeds, cases).
        b: finite numbers (seeds, cases), entry by entry the same seed and case.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        a − b. p is Wilcoxon's over the cases' means over seeds; n counts cases.

    Raises:
        UsageError: for NaN, inf or arrays of different shape.
    """
    ours, theirs = _pair(a, b, dimensions=2)
    if not ours.size:
        return PairedDifference(0.0, 0.0, 0.0, 1.0, 0)
    gain = ours - theirs
    n_seeds, n_cases = gain.shape
    # Streams of their own: another number of seeds leaves the draws of the cases as they are.
    seed_weights = np.concatenate(list(drawn_shares(n_seeds, resamples, seed, "seeds")))
    means = np.empty(resamples)
    start = 0
    for case_weights in drawn_shares(n_cases, resamples, seed, "cases"):
        part = slice(start, start + len(case_weights))
        # `optimize`: two matrix products instead of one loop over all three axes.
        means[part] = np.einsum(
            "rs,sn,rn->r", seed_weights[part], gain, case_weights, optimize=True
        )
        start += len(case_weights)
    low, high = span_95(means)
    other_seeds = crossed_interval(gain) if n_seeds > 1 and n_cases > 1 else None
    return PairedDifference(
        float(gain.mean()), low, high, _signed_rank(gain.mean(axis=0)), n_cases, other_seeds
    )


def crossed_interval(gain: ArrayLike) -> tuple[float, float]:
    """Compute what other seeds on other cases may give: both are random, and crossed.

    The analysis of readers and cases in diagnostic imaging (Dorfman, Berbaum and Metz 1992), with
    seeds for readers and the degrees of freedom of Hillis (2007, doi:10.1002/sim.2532), applied to
    differences of two methods.

    Args:
        gain: finite numbers (seeds, cases), two or more of each.

    Returns:
        Ends of the 95 % t interval of the mean.

    Raises:
        UsageError: for NaN, inf, or fewer.
    """
    numbers = _finite("differences", gain, dimensions=2)
    n_seeds, n_cases = numbers.shape
    if min(n_seeds, n_cases) < 2:
        raise UsageError(
            f"{n_seeds} seeds and {n_cases} cases",
            allowed="two or more of each: one does not say how much they differ",
        )
    mean = float(numbers.mean())
    by_seed, by_case = numbers.mean(axis=1, keepdims=True), numbers.mean(axis=0, keepdims=True)
    left = ((numbers - by_seed - by_case + mean) ** 2).sum() / ((n_seeds - 1) * (n_cases - 1))
    seeds, cases = n_cases * by_seed.var(ddof=1), n_seeds * by_case.var(ddof=1)
    # A variance is never negative, but its estimate may be.
    spread = seeds + max(cases - left, 0.0)
    # Seeds that agree to the last digit leave the cases' variance alone.
    freedom = (n_seeds - 1) * (spread / seeds) ** 2 if seeds else np.inf
    half = float(t.ppf(0.975, freedom) * np.sqrt(spread / numbers.size))
    return mean - half, mean + half


def rank_biserial(a: ArrayLike, b: ArrayLike) -> float:
    """Measure the effect size of Wilcoxon's signed-rank test.

    The matched-pairs rank-biserial correlation (Kerby 2014, doi:10.2466/11.IT.3.1): the share of
    the ranks of |a − b| on which a is greater, minus the share on which b is. Pairs that are equal
    do not count.

    Args:
        a: finite numbers (n,).
        b: finite numbers (n,), entry by entry the same case.

    Returns:
        1 where a wins every case, −1 where b does, 0 where no pair differs.

    Raises:
        UsageError: for NaN, inf or arrays of different length.
    """
    ours, theirs = _pair(a, b, dimensions=1)
    # Ties have no sign, as in Wilcoxon's test.
    gain = (ours - theirs)[ours != theirs]
    ranks = rankdata(np.abs(gain))
    return float((np.sign(gain) * ranks).sum() / ranks.sum()) if len(gain) else 0.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p values for their number (Holm 1979, step-down Bonferroni).

    Args:
        p_values: in [0, 1].

    Returns:
        The adjusted ones, in the given order.

    Raises:
        UsageError: for a value outside of [0, 1] or NaN.
    """
    p = _finite("p values", p_values, dimensions=1)
    if len(p) and (p.min() < 0 or p.max() > 1):
        raise UsageError(
            f"a p value is {p[(p < 0) | (p > 1)][0]}", allowed="p values lie in [0, 1]"
        )
    order = np.argsort(p, kind="stable")
    # A larger p value must not get a smaller adjusted one.
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]


def _draws(n: int, resamples: int, seed: int, purpose: str = "bootstrap") -> Iterator[np.ndarray]:
    """Indices (rows, n) of all resamples, in chunks; the chunks do not change the numbers."""
    if resamples < 1:
        raise UsageError(
            f"{resamples} resamples", allowed="1 or more", remedy="2000 is a good number"
        )
    random = generator(seed, purpose)
    # In chunks: 2,000 resamples of 2,000 cases are 4 million numbers.
    rows = max(1, _CHUNK // n)
    for start in range(0, resamples, rows):
        yield random.integers(0, n, (min(rows, resamples - start), n))


def drawn_shares(n: int, resamples: int, seed: int, purpose: str) -> Iterable[np.ndarray]:
    """Draw resamples, and count how often each case was drawn.

    Args:
        n: cases.
        resamples: of the bootstrap.
        seed: of the draws.
        purpose: of the draws; another one gives others.

    Returns:
        Chunks (rows, n) of shares; each row sums to 1. The chunks bound memory, and do not change
        the numbers.
    """
    if n * resamples <= _KEPT:
        return _kept_weights(n, resamples, seed, purpose)
    return (_shares(drawn, n) for drawn in _draws(n, resamples, seed, purpose))


@lru_cache(maxsize=4)
def _kept_weights(n: int, resamples: int, seed: int, purpose: str) -> tuple[np.ndarray, ...]:
    """A table asks for the same draws hundreds of times: drawing them took most of the time."""
    return tuple(_shares(drawn, n) for drawn in _draws(n, resamples, seed, purpose))


def _shares(drawn: np.ndarray, n: int) -> np.ndarray:
    # One count for all resamples: each has n bins of its own.
    offset = drawn + n * np.arange(len(drawn))[:, None]
    shares: np.ndarray = (
        np.bincount(offset.ravel(), minlength=len(drawn) * n).reshape(len(drawn), n) / n
    )
    shares.flags.writeable = False  # many may look at them
    return shares


def span_95(means: np.ndarray) -> tuple[float, float]:
    """Take the middle 95 % of what resamples gave: a percentile bootstrap's interval.

    Args:
        means: one number per resample.

    Returns:
        Both ends.
    """
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def _signed_rank(differences: np.ndarray) -> float:
    if not differences.any():
        return 1.0  # scipy has no answer where every pair is equal
    return float(wilcoxon(differences).pvalue)


def _pair(a: ArrayLike, b: ArrayLike, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    ours, theirs = _finite("a", a, dimensions), _finite("b", b, dimensions)
    if ours.shape != theirs.shape:
        raise UsageError(
            f"a has shape {ours.shape} and b {theirs.shape}",
            allowed="pairs are the same cases in the same order",
        )
    return ours, theirs


def _finite(name: str, values: ArrayLike, dimensions: int) -> np.ndarray:
    numbers = np.asarray(values, dtype=float)
    if numbers.ndim != dimensions:
        raise UsageError(
            f"{name}: an array of shape {numbers.shape}",
            allowed=f"{dimensions} dimension{'s' if dimensions > 1 else ''}",
        )
    bad = np.argwhere(~np.isfinite(numbers))
    if len(bad):
        place = ", ".join(str(index) for index in bad[0])
        raise UsageError(
            f"{name}: {len(bad)} of {numbers.size} numbers are NaN or infinite, "
            f"the first at [{place}]",
            allowed="a mean is taken of finite numbers only",
            remedy="infinite Hausdorff distances are counted apart; a NaN is a fault upstream",
        )
    return numbers
