"""Two ways in turn, so that a busy moment of the machine strikes both."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypedDict

Take = Callable[[], list[float]]
"""Does some of the work one way; returns the seconds of each piece."""


class SecondsRecord(TypedDict):
    """`Seconds` as the result file has them."""

    median: float
    lowest: float
    highest: float
    n: int


@dataclass(frozen=True)
class Seconds:
    """What a way took, a piece of work.

    Attributes:
        median: seconds.
        lowest: seconds.
        highest: seconds.
        n: pieces that were timed.
    """

    median: float
    lowest: float
    highest: float
    n: int

    def to_json(self) -> SecondsRecord:
        """Make what the result file holds."""
        return {
            "median": self.median,
            "lowest": self.lowest,
            "highest": self.highest,
            "n": self.n,
        }


def summary(pieces: list[float]) -> Seconds:
    """Sum up what a way took.

    Args:
        pieces: seconds of each, one or more.

    Returns:
        Median and spread.
    """
    return Seconds(
        _rounded(statistics.median(pieces)),
        _rounded(min(pieces)),
        _rounded(max(pieces)),
        len(pieces),
    )


def _rounded(seconds: float) -> float:
    return float(f"{seconds:.4g}")


def alternate(ways: Mapping[str, Take], n_rounds: int) -> dict[str, Seconds]:
    """Take the ways in turn.

    Args:
        ways: name → what takes some pieces of work that way.
        n_rounds: how often each.

    Returns:
        Name → seconds of a piece.
    """
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(n_rounds):
        for name, take in ways.items():
            taken[name] += take()
    return {name: summary(pieces) for name, pieces in taken.items()}


def ratio(slow: Seconds, fast: Seconds) -> float:
    """How many times as long the first takes, by the medians."""
    return round(slow.median / fast.median, 2)
