"""Each target of a test split alone, as lines of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saywhere.metrics.statistics import with_span

WRONG = {"empty": "no prompt", "shuffled": "another's", "contradictory": "opposite"}
"""Prompt condition → its heading: short, so that a line fits into 80 columns."""
NONE = "–"


def target_table(summary: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """List what an evaluation found of each target.

    Args:
        summary: of an evaluation.

    Returns:
        Headings, and a line a target: its name, its images with it, and mean Dice per image of
        these with the right prompt and with each wrong one that was measured. No lines where the
        test split has one target, or its manifest does not say what each mask shows.
    """
    targets = summary.get("targets") or {}
    if len(targets) < 2:
        return [], []
    conditions = set().union(*(one["words"] for one in targets.values()))
    measured = [kind for kind in WRONG if kind in conditions]
    heads = ["target", "n", "right prompt [95 %]", *(WRONG[kind] for kind in measured)]
    return heads, [[name, *_numbers(one["words"], measured)] for name, one in targets.items()]


def _numbers(words: Mapping[str, Any], measured: list[str]) -> list[str]:
    right = words["right"]["positives"]
    span = NONE if right["dice_mean"] is None else with_span(**right["dice_mean"])
    wrong = (words[kind]["positives"]["dice_mean"] if kind in words else None for kind in measured)
    means = (NONE if mean is None else f"{mean['mean']:.3f}" for mean in wrong)
    return [f"{right['n']:,}", span, *means]
