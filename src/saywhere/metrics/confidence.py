"""Does a model know when it is wrong?
What its confidence in an answer says of that answer's Dice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import spearmanr

from saywhere.errors import UsageError
from saywhere.metrics.statistics import FEWEST_CASES, Interval, drawn_shares, span_95

SUREST = 0.8
"""Share of the answers that are kept where a person looks at the rest."""


@dataclass(frozen=True)
class Trust:
    """Of n answers to the right words."""

    n: int
    confidence: float | None
    """mean over the answers that mark anything; None where none does"""
    precision: float | None
    """the share of the marked pixels that are right, a mean over the same: what `confidence` would
    equal if it were calibrated
    """
    spearman: float | None
    """rank correlation of confidence and Dice; None where either is the same in every case"""
    share: float
    surest: Interval
    """mean Dice of the surest `share`"""
    gain: Interval
    """that minus the mean of all"""

    @property
    def tells(self) -> bool:
        """Are the surest answers surely better than all? False of too few cases to tell."""
        return self.n >= FEWEST_CASES and self.gain.low > 0

    def record(self) -> dict[str, Any]:
        """As summary.json holds it."""
        return asdict(self) | {"tells": self.tells}


def sure_and_right(found: Mapping[str, Any]) -> str:
    """Of a record, in words; empty where no answer marks anything."""
    return (
        ""
        if found["confidence"] is None
        else (
            f"it is {found['confidence']:.0%} sure of what it marks, "
            f"and {found['precision']:.0%} of that is right"
        )
    )


def trust(
    confidence: ArrayLike,
    dice: ArrayLike,
    precision: ArrayLike,
    resamples: int,
    seed: int,
    share: float = SUREST,
) -> Trust:
    """Selective prediction (El-Yaniv and Wiener 2010, JMLR 11:1605): hand the least sure answers to
    a person, keep the others.

    Intervals are percentile bootstraps over cases, each resample ordered anew. Of answers of equal
    confidence at the border, all count in equal part.

    Args:
        confidence: (n,), 0 for an answer that marks nothing: it is the first that a person looks
            at. dice, precision: (n,) in [0, 1]. share: in (0, 1].
    Raises: UsageError for no case, arrays of different length, NaN or inf.
    """
    columns = [np.asarray(values, dtype=float) for values in (confidence, dice, precision)]
    if (
        any(values.shape != (len(columns[0]),) for values in columns)
        or not len(columns[0])
        or not np.isfinite(columns).all()
    ):
        raise UsageError(
            "confidence, Dice and precision do not belong together",
            allowed="finite numbers, one of each a case, for one case or more",
        )
    sure, found, right = columns
    n, mean = len(found), float(found.mean())
    draws = [
        (_surest(shares, sure, found, share), shares @ found)
        for shares in drawn_shares(n, resamples, seed, "trust")
    ]
    surest, everything = (np.concatenate(parts) for parts in zip(*draws))
    kept = float(_surest(np.full((1, n), 1 / n), sure, found, share)[0])
    marks = sure > 0
    return Trust(
        n=n,
        confidence=float(sure[marks].mean()) if marks.any() else None,
        precision=float(right[marks].mean()) if marks.any() else None,
        spearman=float(spearmanr(sure, found).statistic)
        if np.ptp(sure) and np.ptp(found)
        else None,
        share=share,
        surest=Interval(kept, *span_95(surest)),
        gain=Interval(kept - mean, *span_95(surest - everything)),
    )


def _surest(shares: np.ndarray, sure: np.ndarray, dice: np.ndarray, share: float) -> np.ndarray:
    """(resample,): mean Dice of the surest `share` of each resample's weight; equally sure cases
    are taken together, in part at the border.
    """
    order = np.argsort(-sure, kind="stable")
    ranked, weights = sure[order], shares[:, order]
    starts = np.flatnonzero(np.diff(ranked, prepend=np.inf))
    weight = np.add.reduceat(weights, starts, axis=1)
    worth = np.add.reduceat(weights * dice[order], starts, axis=1)
    taken = np.clip(share - (np.cumsum(weight, axis=1) - weight), 0, weight)
    part = np.divide(taken, weight, out=np.zeros_like(taken), where=weight > 0)
    means: np.ndarray = (part * worth).sum(axis=1) / share
    return means
