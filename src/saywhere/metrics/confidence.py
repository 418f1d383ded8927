"""Does a model know when it is wrong? What its confidence in an answer says of its Dice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import spearmanr

from saywhere.errors import UsageError
from saywhere.metrics.sample_size import FEWEST_CASES
from saywhere.metrics.statistics import Interval, drawn_shares, span_95

SUREST = 0.8
"""Share of the answers that are kept where a person looks at the rest."""


@dataclass(frozen=True)
class Trust:
    """What confidence is worth, over n answers to the right prompts.

    Attributes:
        n: answers.
        confidence: mean over the answers that mark anything, [0, 1]; None where none does.
        precision: share of the marked pixels that are right, a mean over the same. `confidence`
            would equal it if it were calibrated.
        spearman: rank correlation of confidence and Dice; None where either is the same in every
            case.
        share: of the answers that are kept where a person looks at the rest.
        surest: mean Dice of the surest `share`.
        gain: that minus the mean of all.
    """

    n: int
    confidence: float | None
    precision: float | None
    spearman: float | None
    share: float
    surest: Interval
    gain: Interval

    @property
    def tells(self) -> bool:
        """True where the surest answers are surely better than all; False of too few cases."""
        return self.n >= FEWEST_CASES and self.gain.low > 0

    def record(self) -> dict[str, object]:
        """Make what summary.json holds.

        Returns:
            Field name → value, and `tells`.
        """
        return asdict(self) | {"tells": self.tells}


def sure_and_right(record: Mapping[str, Any]) -> str:
    """Say in words how sure a model is, and how right.

    Args:
        record: what `Trust.record` gave.

    Returns:
        A clause; empty where no answer marks anything.
    """
    if record["confidence"] is None:
        return ""
    return (
        f"it is {record['confidence']:.0%} sure of what it marks, "
        f"and {record['precision']:.0%} of that is right"
    )


def trust(
    confidence: ArrayLike,
    dice: ArrayLike,
    precision: ArrayLike,
    resamples: int,
    seed: int,
    share: float = SUREST,
) -> Trust:
    """Measure selective prediction (El-Yaniv and Wiener 2010, JMLR 11:1605).

    The least sure answers go to a person, and the others are kept. Intervals are percentile
    bootstraps over cases, each resample ordered anew. Of answers of equal confidence at the border,
    all count in equal part.

    Args:
        confidence: (n,), [0, 1]; 0 for an answer that marks nothing: it is the first that a person
            looks at.
        dice: (n,), [0, 1].
        precision: (n,), [0, 1].
        resamples: of the bootstrap.
        seed: of the bootstrap.
        share: of the answers that are kept, in (0, 1].

    Returns:
        The measures.

    Raises:
        UsageError: for no case, arrays of different length, NaN or inf.
    """
    sure, right, marked_right = _columns(confidence, dice, precision)
    n = len(right)
    mean = float(right.mean())
    draws = [
        # Both means of one resample, so that their difference is paired.
        (_surest(shares, sure, right, share), shares @ right)
        for shares in drawn_shares(n, resamples, seed, "trust")
    ]
    surest, everything = (np.concatenate(parts) for parts in zip(*draws))
    # Every case once: the measure itself, without a resample.
    best = float(_surest(np.full((1, n), 1 / n), sure, right, share)[0])
    marks = sure > 0
    # A constant has no rank correlation: SciPy would warn, and give NaN.
    varies = np.ptp(sure) and np.ptp(right)
    return Trust(
        n=n,
        confidence=float(sure[marks].mean()) if marks.any() else None,
        precision=float(marked_right[marks].mean()) if marks.any() else None,
        spearman=float(spearmanr(sure, right).statistic) if varies else None,
        share=share,
        surest=Interval(best, *span_95(surest)),
        gain=Interval(best - mean, *span_95(surest - everything)),
    )


def _columns(*values: ArrayLike) -> list[np.ndarray]:
    columns = [np.asarray(column, dtype=float) for column in values]
    shape = (len(columns[0]),)
    is_sound = all(column.shape == shape for column in columns) and shape != (0,)
    if not is_sound or not np.isfinite(columns).all():
        raise UsageError(
            "confidence, Dice and precision do not belong together",
            allowed="finite numbers, one of each a case, for one case or more",
        )
    return columns


def _surest(shares: np.ndarray, sure: np.ndarray, dice: np.ndarray, share: float) -> np.ndarray:
    """(resample,): mean Dice of the surest `share` of each resample's weight; equally sure cases
    are taken together, in part at the border.
    """
    # Stable, so that equally sure cases have one order on every machine.
    order = np.argsort(-sure, kind="stable")
    ranked, weights = sure[order], shares[:, order]
    # Infinity in front: the first case always begins a group.
    starts = np.flatnonzero(np.diff(ranked, prepend=np.inf))
    weight = np.add.reduceat(weights, starts, axis=1)
    worth = np.add.reduceat(weights * dice[order], starts, axis=1)
    taken = np.clip(share - (np.cumsum(weight, axis=1) - weight), 0, weight)
    # A resample may have drawn none of a group.
    part = np.divide(taken, weight, out=np.zeros_like(taken), where=weight > 0)
    means: np.ndarray = (part * worth).sum(axis=1) / share
    return means
