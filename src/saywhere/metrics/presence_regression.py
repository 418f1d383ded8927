"""Presence of a model without a head for it: a logistic regression on what it makes of a case."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

PENALTIES = (10.0, 1.0, 0.1, 0.01)
"""Of the squared weights of standardised features, beside the mean cross-entropy."""
Features = NDArray[np.floating]


@dataclass(frozen=True)
class PresenceRegression:
    """A line through numbers that describe a case, whose value is a logit of presence.

    Attributes:
        weights: (feature,).
        constant: added to the weighted sum.
    """

    weights: NDArray[np.float64]
    constant: float

    def logit(self, features: Features) -> NDArray[np.float64]:
        """Judge pictures with prompts.

        Args:
            features: (case, feature): mean and spread of the network's maps, and the prompt's
                vector.

        Returns:
            (case,), logits; above 0 more likely there than not.
        """
        logits: NDArray[np.float64] = features.astype(np.float64) @ self.weights + self.constant
        return logits


def regress(
    features: Features, is_there: ArrayLike, held_out: Features, held_out_is_there: ArrayLike
) -> PresenceRegression:
    """Fit a ridge logistic regression; both kinds of cases weigh alike.

    Args:
        features: (case, feature), of cases that the network may have been trained on.
        is_there: (case,), bool, with both kinds among them.
        held_out: (other case, feature), of cases that it was not trained on.
        held_out_is_there: (other case,), bool, with both kinds among them.

    Returns:
        Of `PENALTIES`, that with the least cross-entropy on the cases that were held out.
    """
    there = np.asarray(is_there, bool)
    others = np.asarray(held_out_is_there, bool)
    mean = features.mean(0)
    # A feature that never varies tells nothing; divided by 1 it stays 0.
    scale = np.where(features.std(0) > 0, features.std(0), 1.0)
    lines = [_fitted((features - mean) / scale, there, penalty) for penalty in PENALTIES]
    regressions = []
    for weights, constant in lines:
        own = weights / scale
        regressions.append(PresenceRegression(own, float(constant - mean @ own)))
    costs = [_cross_entropy(one.logit(held_out), others) for one in regressions]
    return regressions[int(np.argmin(costs))]


def _fitted(
    features: Features, there: NDArray[np.bool_], penalty: float
) -> tuple[NDArray[np.float64], float]:
    # Loaded late: scipy takes a second, and answering needs none of it.
    from scipy.optimize import minimize

    values = features.astype(np.float64)
    weight = _weights(there)

    def cost(line: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        logits = values @ line[:-1] + line[-1]
        loss = weight @ (np.logaddexp(0, logits) - there * logits)
        off = weight * (0.5 * (1 + np.tanh(logits / 2)) - there)
        slope = np.append(values.T @ off + penalty * line[:-1], off.sum())
        return float(loss + penalty / 2 * line[:-1] @ line[:-1]), slope

    start = np.zeros(values.shape[1] + 1)
    line = minimize(cost, start, jac=True, method="L-BFGS-B").x
    return line[:-1], float(line[-1])


def _cross_entropy(logits: NDArray[np.float64], there: NDArray[np.bool_]) -> float:
    return float(_weights(there) @ (np.logaddexp(0, logits) - there * logits))


def _weights(there: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(case,): each kind sums to one half."""
    return np.where(there, 0.5 / max(there.sum(), 1), 0.5 / max((~there).sum(), 1))
