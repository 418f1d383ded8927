"""Which Dice is to be expected of an answer that a model is so sure of? Learned from cases whose
truth is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from saywhere.errors import UsageError
from saywhere.metrics.sample_size import FEWEST_CASES


class ExpectationRecord(TypedDict):
    """An `Expectation` as JSON holds it."""

    n: int
    confidence: list[float]
    dice: list[float]


@dataclass(frozen=True)
class Expectation:
    """Dice by confidence: a rising line through its knots, flat beyond them.

    Attributes:
        confidence: rising, in [0, 1].
        dice: never falling, in [0, 1].
        n: cases that it was learned from, without changed copies of them.
    """

    confidence: tuple[float, ...]
    dice: tuple[float, ...]
    n: int

    def of(self, confidence: float | None) -> float | None:
        """Read the expected Dice of an answer.

        Args:
            confidence: of the answer, [0, 1]; None where it marks nothing.

        Returns:
            A Dice in [0, 1]; None for an answer that marks nothing.
        """
        if confidence is None:
            return None
        return float(np.interp(confidence, self.confidence, self.dice))

    def record(self) -> ExpectationRecord:
        """Make what JSON holds.

        Returns:
            Field name → value; `read` is its inverse.
        """
        return {"n": self.n, "confidence": list(self.confidence), "dice": list(self.dice)}


def fit(
    confidence: Sequence[float | None],
    dice: Sequence[float],
    copies: Sequence[tuple[float | None, float]] = (),
) -> Expectation:
    """Learn which Dice a confidence promises.

    Isotonic regression: of all never falling functions that with the least squares (Zadrozny and
    Elkan 2002, doi:10.1145/775047.775151).

    Args:
        confidence: (n,), [0, 1]; None for an answer that marks nothing: it is left out.
        dice: (n,), [0, 1].
        copies: confidence and Dice of answers to changed copies of the same pictures. All of them
            together weigh as much as the answers themselves.

    Returns:
        The expectation.

    Raises:
        UsageError: where fewer than FEWEST_CASES answers mark anything, or all are equally sure.
    """
    # Loaded late: scipy takes a second, and reading a calibration needs none of it.
    from scipy.optimize import isotonic_regression

    marked = _marked(list(zip(confidence, dice, strict=True)))
    if len(marked) < FEWEST_CASES:
        raise UsageError(
            f"{len(marked)} answers that mark anything",
            allowed=f"{FEWEST_CASES} or more, of cases whose truth is known",
            remedy="take a larger split",
        )
    changed = _marked(copies)
    every = np.concatenate([marked, changed])
    shares = [np.ones(len(marked)), np.full(len(changed), len(marked) / max(len(changed), 1))]
    weight = np.concatenate(shares)
    # Equally sure answers are one point: their mean Dice, with the weight of all.
    sure, which = np.unique(every[:, 0], return_inverse=True)
    weights = np.bincount(which, weight)
    if len(sure) == 1:
        raise UsageError(
            f"all answers are equally sure ({sure[0]:.3f})",
            allowed="answers that differ",
            remedy="the model may not be trained",
        )
    means = np.bincount(which, weight * every[:, 1]) / weights
    # Of copies, whose weights are no whole numbers, a mean may be a little above 1.
    fitted = isotonic_regression(means.clip(0, 1), weights=weights).x.clip(0, 1)
    # The inner points of a flat part say nothing more than its ends.
    is_knot = np.ones(len(sure), bool)
    rises = fitted[1:] != fitted[:-1]
    is_knot[1:-1] = rises[:-1] | rises[1:]
    return Expectation(tuple(sure[is_knot].tolist()), tuple(fitted[is_knot].tolist()), len(marked))


def _marked(pairs: Sequence[tuple[float | None, float]]) -> np.ndarray:
    # The shape is named, since an array of no pairs would have one axis only.
    return np.array([pair for pair in pairs if pair[0] is not None], float).reshape(-1, 2)


def read(record: Any) -> Expectation | None:
    """Read what `Expectation.record` gave.

    Args:
        record: anything: it comes from files.

    Returns:
        The expectation; None where `record` is none.
    """
    # The file may come from a stranger, with a model that was passed on.
    if not isinstance(record, Mapping) or not _is_count(record.get("n")):
        return None
    confidence = _shares(record.get("confidence"))
    dice = _shares(record.get("dice"))
    if not confidence or len(confidence) != len(dice):
        return None
    # `np.interp` answers wrongly, and without a word, where the knots do not rise.
    if any(np.diff(confidence) <= 0) or any(np.diff(dice) < 0):
        return None
    return Expectation(confidence, dice, record["n"])


def check(expected: ArrayLike, dice: ArrayLike) -> dict[str, float | int]:
    """Measure how good an expectation was, over answers that mark anything.

    Args:
        expected: (n,), the Dice that was expected, [0, 1].
        dice: (n,), the Dice that was measured, [0, 1].

    Returns:
        "n"; "mean" of what was expected, "dice" of what was measured, "error": their mean distance.
    """
    wanted = np.asarray(expected, float)
    measured = np.asarray(dice, float)
    return {
        "n": len(measured),
        "mean": float(wanted.mean()),
        "dice": float(measured.mean()),
        "error": float(abs(wanted - measured).mean()),
    }


def promised(record: Mapping[str, Any]) -> str:
    """Say in words how good an expectation was.

    Args:
        record: what `check` gave.

    Returns:
        A clause.
    """
    return (
        f"its expected Dice is {record['mean']:.3f} where {record['dice']:.3f} was found, "
        f"and {record['error']:.3f} off for a case"
    )


def _is_count(value: Any) -> bool:
    # Python takes a bool for an int.
    return isinstance(value, int) and not isinstance(value, bool) and value >= FEWEST_CASES


def _is_share(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def _shares(values: Any) -> tuple[float, ...]:
    """Of a list of shares; empty for anything else."""
    if not isinstance(values, list) or not all(map(_is_share, values)):
        return ()
    return tuple(map(float, values))
