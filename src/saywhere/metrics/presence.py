"""Is what the prompt names in the image? How well a score tells, and which probability it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from saywhere.errors import UsageError
from saywhere.metrics.sample_size import FEWEST_CASES

if TYPE_CHECKING:
    from saywhere.metrics.statistics import Interval

# On new cases 0.002 cost 0.005, which is the most that we want: benchmarks/results/presence.json.
MOST_COST = 0.002
"""Mean Dice that emptied masks may cost where the target is there, on the cases learned from."""
N_BINS = 10
_LARGEST = 30.0
"""A logit beyond it is as good as this one: its probability is 1 to 13 digits."""


@dataclass(frozen=True)
class PresenceRule:
    """What a logit of presence means (Platt 1999), and below what a mask is emptied.

    Attributes:
        slope: of the line that a logit goes through before the sigmoid.
        offset: of that line.
        threshold: a mask is emptied where the probability is below it; 0 empties none.
        weights: of a network's features and the prompt's vector, whose weighted sum is the logit
            of a model without a head; empty for a model with one.
    """

    slope: float = 1.0
    offset: float = 0.0
    threshold: float = 0.0
    weights: tuple[float, ...] = ()

    def logit(
        self, head: NDArray[np.floating] | None, described: NDArray[np.floating] | None
    ) -> NDArray[np.floating] | None:
        """Find the logits of a batch.

        Args:
            head: (batch,), logits of a presence head; None without one.
            described: (batch, feature + embedding); None where the network names no maps.

        Returns:
            (batch,), logits; None for a model that neither has a head nor learned weights.
        """
        if not self.weights:
            return head
        if described is None or described.shape[1] != len(self.weights):
            return None
        logits: NDArray[np.float64] = described.astype(np.float64) @ np.array(self.weights)
        return logits

    def of(self, logit: ArrayLike) -> NDArray[np.float64]:
        """Turn logits into probabilities.

        Args:
            logit: of the head, of any shape.

        Returns:
            Probabilities of that shape, [0, 1].
        """
        line = self.slope * np.asarray(logit, float) + self.offset
        return 1 / (1 + np.exp(-line.clip(-_LARGEST, _LARGEST)))


def fit(
    logit: Sequence[float], dice: Sequence[float | None], most_cost: float = MOST_COST
) -> PresenceRule:
    """Learn a rule from cases whose truth is known.

    The line is that of the least cross-entropy, with Platt's targets. The threshold is the highest
    one at which emptied masks cost `most_cost` of mean Dice or less where the target is there.

    Args:
        logit: (n,) of the head.
        dice: (n,), [0, 1], of the mask as it was before; None where the target is not there.
        most_cost: mean Dice, [0, 1].

    Returns:
        The rule.

    Raises:
        UsageError: where fewer than FEWEST_CASES cases have a target, or have none.
    """
    # Loaded late: scipy takes a second, and reading a rule needs none of it.
    from scipy.optimize import minimize

    scores = np.asarray(logit, float).clip(-_LARGEST, _LARGEST)
    is_there = np.array([one is not None for one in dice])
    _refuse_few(int(is_there.sum()), int((~is_there).sum()))
    # Not 1 and 0: of so few cases no certainty can be learned.
    n_there = is_there.sum()
    n_absent = (~is_there).sum()
    wanted = np.where(is_there, (n_there + 1) / (n_there + 2), 1 / (n_absent + 2))

    def cost(line: NDArray[np.float64]) -> float:
        values = line[0] * scores + line[1]
        return float(np.mean(np.logaddexp(0, values) - wanted * values))

    # A negative slope would call the likelier case the less likely one.
    bounds = [(1e-3, 100.0), (-_LARGEST, _LARGEST)]
    slope, offset = minimize(cost, (1.0, 0.0), bounds=bounds).x
    rule = PresenceRule(float(slope), float(offset))
    present = np.array([one for one in dice if one is not None])
    chosen = _threshold(rule.of(scores[is_there]), present, most_cost)
    return PresenceRule(rule.slope, rule.offset, chosen)


def _refuse_few(n_there: int, n_absent: int) -> None:
    if min(n_there, n_absent) < FEWEST_CASES:
        raise UsageError(
            f"{n_there} cases with a target and {n_absent} without",
            allowed=f"{FEWEST_CASES} or more of each",
            remedy="take a larger split, or one with images that hold nothing",
        )


def _threshold(
    probability: NDArray[np.float64], dice: NDArray[np.float64], most_cost: float
) -> float:
    """At most so high that the masks below it hold `most_cost` of mean Dice."""
    order = np.argsort(probability, kind="stable")
    lost = np.cumsum(dice[order]) / len(dice)
    n_emptied = int(np.searchsorted(lost, most_cost, side="right"))
    if n_emptied == len(order):
        # No present case forbids a threshold: the surest one is left.
        n_emptied -= 1
    return float(probability[order[n_emptied]])


def auroc(score: ArrayLike, is_there: ArrayLike, resamples: int = 2000, seed: int = 0) -> Interval:
    """Measure how well a score tells: the probability that it is higher where the target is.

    Args:
        score: (n,), higher where the target is likelier there.
        is_there: (n,), bool; both kinds are among them.
        resamples: of the bootstrap. Cases with and without a target are drawn apart.
        seed: of the bootstrap.

    Returns:
        The area under the receiver operating characteristic, [0, 1], with its interval.
    """
    # Late as in `fit`: it loads scipy.
    from saywhere.metrics.statistics import Interval, span_95

    scores = np.asarray(score, float)
    there = np.asarray(is_there, bool)
    present = np.sort(scores[there])
    absent = np.sort(scores[~there])
    random = np.random.default_rng(seed)
    values = [_auroc(_drawn(present, random), _drawn(absent, random)) for _ in range(resamples)]
    low, high = span_95(np.array(values))
    return Interval(_auroc(present, absent), low, high)


def _auroc(present: NDArray[np.float64], absent: NDArray[np.float64]) -> float:
    """Of sorted scores: the share of pairs in which the present one is higher; a tie is half."""
    below = np.searchsorted(absent, present)
    up_to = np.searchsorted(absent, present, "right")
    return float((below + up_to).mean() / 2 / len(absent))


def _drawn(values: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    return np.sort(values[random.integers(len(values), size=len(values))])


def calibration_error(
    probability: ArrayLike, is_there: ArrayLike, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Measure how far probabilities are from what happens (expected calibration error).

    Cases are put into `N_BINS` bins of equal size by their probability; the error is the mean
    distance between a bin's mean probability and its share of present targets. With few cases it
    is above 0 even for a perfect model.

    Args:
        probability: (n,), [0, 1].
        is_there: (n,), bool.
        resamples: of the bootstrap over cases.
        seed: of the bootstrap.

    Returns:
        The error, [0, 1], with its interval.
    """
    from saywhere.metrics.statistics import Interval, span_95

    values = np.asarray(probability, float)
    there = np.asarray(is_there, float)
    random = np.random.default_rng(seed)
    drawn = (random.integers(len(values), size=len(values)) for _ in range(resamples))
    errors = [_error(values[chosen], there[chosen]) for chosen in drawn]
    return Interval(_error(values, there), *span_95(np.array(errors)))


def _error(probability: NDArray[np.float64], is_there: NDArray[np.float64]) -> float:
    order = np.argsort(probability, kind="stable")
    parts = np.array_split(order, min(N_BINS, len(order)))
    gaps = [abs(probability[part].mean() - is_there[part].mean()) * len(part) for part in parts]
    return float(sum(gaps) / len(order))
