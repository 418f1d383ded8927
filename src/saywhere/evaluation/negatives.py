"""Cases without a target, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saywhere.metrics.statistics import with_span


def negatives_in_words(summary: Mapping[str, Any], condition: str = "right") -> str:
    """Tell the cases without a target apart from those with one.

    Args:
        summary: Of an evaluation. One of an earlier version does not tell them apart.
        condition: Of the prompts.

    Returns:
        One sentence, without an end stop; empty where every case has a target.
    """
    numbers = summary["words"].get(condition, {})
    negatives = numbers.get("negatives")
    if not negatives or not negatives["n"]:
        return ""
    n, left_empty = negatives["n"], negatives["left_empty"]
    empty = f"cases without a target: {n}, of which left empty: {left_empty} ({left_empty / n:.0%})"
    positives = numbers["positives"]
    if positives["dice_mean"] is None:
        return empty
    dice = with_span(**positives["dice_mean"])
    return f"{empty}; with a target: {positives['n']}, mean Dice of these {dice}"
