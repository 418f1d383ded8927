"""Which Dice is to be expected of an answer that a model is so sure of? Learned from cases whose
truth is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from saywhere.errors import UsageError

N_LEAST = 20
"""cases; of fewer, one bad answer would decide"""


@dataclass(frozen=True)
class Expectation:
    """Dice by confidence, a rising line through its knots; flat beyond them."""

    confidence: tuple[float, ...]
    """rising, in [0, 1]"""
    dice: tuple[float, ...]
    """never falling, in [0, 1]"""
    n: int
    """cases that it was learned from"""

    def of(self, confidence: float | None) -> float | None:
        """Expected Dice, [0, 1]; None for an answer that marks nothing."""
        return (
            None if confidence is None else float(np.interp(confidence, self.confidence, self.dice))
        )

    def record(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"n": self.n, "confidence": list(self.confidence), "dice": list(self.dice)}


def fit(confidence: Sequence[float | None], dice: Sequence[float]) -> Expectation:
    """Isotonic regression: of all never falling functions that with the least squares (Zadrozny and
    Elkan 2002, doi:10.1145/775047.775151).

    Args:
        confidence: (n,), in [0, 1], None for an answer that marks nothing: left out. dice: (n,), in
            [0, 1].
    Raises: UsageError where fewer than N_LEAST answers mark anything, or all are equally sure.
    """
    # Loaded late: scipy takes a second, and reading a calibration needs none of it.
    from scipy.optimize import isotonic_regression

    marked = np.array(
        [(sure, found) for sure, found in zip(confidence, dice, strict=True) if sure is not None],
        float,
    ).reshape(-1, 2)
    if len(marked) < N_LEAST:
        raise UsageError(
            f"{len(marked)} answers that mark anything",
            allowed=f"{N_LEAST} or more, of cases whose truth is known",
            remedy="take a larger split",
        )
    sure, which, count = np.unique(marked[:, 0], return_inverse=True, return_counts=True)
    if len(sure) == 1:
        raise UsageError(
            f"all answers are equally sure ({sure[0]:.3f})",
            allowed="answers that differ",
            remedy="the model may not be trained",
        )
    fitted = isotonic_regression(np.bincount(which, marked[:, 1]) / count, weights=count).x
    is_knot = np.ones(len(sure), bool)
    is_knot[1:-1] = (fitted[1:-1] != fitted[:-2]) | (
        fitted[1:-1] != fitted[2:]
    )  # the inner points of a flat part say nothing more
    return Expectation(tuple(sure[is_knot].tolist()), tuple(fitted[is_knot].tolist()), len(marked))


def read(record: Any) -> Expectation | None:
    """What `Expectation.record` gave; None where it is not one: it comes from files."""
    if not isinstance(record, Mapping):
        return None
    knots = [record.get("confidence"), record.get("dice")]
    if not all(
        isinstance(values, list) and values and all(_is_share(value) for value in values)
        for values in knots
    ) or not _is_count(record.get("n")):
        return None
    sure, dice = (tuple(map(float, values)) for values in knots if values)
    if len(sure) != len(dice) or any(np.diff(sure) <= 0) or any(np.diff(dice) < 0):
        return None
    return Expectation(sure, dice, record["n"])


def check(expected: ArrayLike, dice: ArrayLike) -> dict[str, float | int]:
    """How good was it? Of n answers that mark anything: the mean of what was expected, of what was
    found, and of their distance.
    """
    wanted, found = np.asarray(expected, float), np.asarray(dice, float)
    return {
        "n": len(found),
        "mean": float(wanted.mean()),
        "dice": float(found.mean()),
        "error": float(abs(wanted - found).mean()),
    }


def promised(found: Mapping[str, Any]) -> str:
    """What `check` found, in words."""
    return (
        f"its expected Dice is {found['mean']:.3f} where {found['dice']:.3f} was found, "
        f"and {found['error']:.3f} off for a case"
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= N_LEAST


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1
