"""presence.json: what a model's presence means, and of which weights that is true."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypedDict, cast

from saywhere.metrics.presence import PresenceRule
from saywhere.runs.calibration_file import usable_table, weights_of
from saywhere.runs.run_record import CheckpointState

FILE = "presence.json"
"""In a run's folder, or a model's."""
_SHARES: tuple[str, ...] = (
    "threshold",
    "auroc",
    "auroc_low",
    "auroc_high",
    "error",
    "error_low",
    "error_high",
)
_SHARES += ("left_empty", "cost")
_COUNTS = ("n", "n_absent")
_MOST_FEATURES = 100_000
"""A stranger's file may name more; the networks here have some thousand."""
_NAME = re.compile(r"[\w .+-]{1,80}")
"""Of a split, as a card may print it."""


class PresenceRecord(TypedDict):
    """The file's content. All but slope and offset are in [0, 1] or counts."""

    slope: float
    offset: float
    threshold: float
    n: int
    """cases with a target, that it was learned from"""
    n_absent: int
    """and without"""
    split: str
    auroc: float
    auroc_low: float
    auroc_high: float
    error: float
    """expected calibration error, on the cases that it was learned from"""
    error_low: float
    error_high: float
    left_empty: float
    """share of the cases without a target that the rule empties, or that were empty"""
    cost: float
    """mean Dice that the rule costs where the target is there"""
    features: list[float]
    """weights of the network's features and of the prompt's vector, of a model without a head;
    empty for one with a head
    """


class StoredPresence(PresenceRecord):
    """The whole file."""

    weights: list[float | None]
    """step and best score of the checkpoint that it is true of"""


def content(record: PresenceRecord, state: CheckpointState) -> StoredPresence:
    """Make the file's content.

    Args:
        record: what was learned.
        state: of the checkpoint that it is true of.

    Returns:
        A document for JSON.
    """
    return {**record, "weights": weights_of(state)}


def read_record(folder: Path, state: CheckpointState) -> PresenceRecord | None:
    """Read the file of these weights.

    Args:
        folder: of a run or model.
        state: of the checkpoint that will answer.

    Returns:
        The record. None where there is none; one that is damaged, or of earlier weights, is passed
        over, and the log says so.
    """
    document = usable_table(
        folder / FILE,
        _is_whole,
        state,
        "%s is %s: presence is not calibrated, and empties no mask, until `saywhere calibrate` is "
        "run again",
    )
    if document is None:
        return None
    # Files of before hold no weights of features: their models have a head.
    whole = {"features": [], **document}
    # Only the known keys: the record goes on into cards.
    return cast(PresenceRecord, {key: whole[key] for key in PresenceRecord.__annotations__})


def read(folder: Path, state: CheckpointState) -> PresenceRule:
    """Read the rule of these weights.

    Args:
        folder: of a run or model.
        state: of the checkpoint that will answer.

    Returns:
        The rule; where none was learned, one that takes the head at its word and empties no mask.
    """
    record = read_record(folder, state)
    if record is None:
        return PresenceRule()
    return PresenceRule(
        record["slope"], record["offset"], record["threshold"], tuple(record["features"])
    )


def identity(rule: PresenceRule) -> str:
    """Identify a rule, for the digest of a model.

    Args:
        rule: any.

    Returns:
        Its numbers in full; empty for that of a model which learned none.
    """
    if rule == PresenceRule():
        return ""
    numbers = asdict(rule)
    # A model with a head keeps the digest that it always had.
    if not rule.weights:
        del numbers["weights"]
    return repr(numbers)


def _is_whole(document: Any) -> bool:
    """The file may come from a stranger, with a model that was passed on."""
    if not isinstance(document, Mapping):
        return False
    numbers = [document.get(key) for key in ("slope", "offset", *_SHARES)]
    if not all(isinstance(number, float) and math.isfinite(number) for number in numbers):
        return False
    counts = [document.get(key) for key in _COUNTS]
    if not all(type(count) is int and count >= 0 for count in counts):
        return False
    weights = document.get("features", [])
    if not isinstance(weights, list) or len(weights) > _MOST_FEATURES:
        return False
    if not all(isinstance(weight, float) and math.isfinite(weight) for weight in weights):
        return False
    is_share = all(-1 <= document[key] <= 1 for key in _SHARES)
    is_rising = document["slope"] > 0 and document["threshold"] >= 0
    return is_share and is_rising and bool(_NAME.fullmatch(str(document.get("split"))))
