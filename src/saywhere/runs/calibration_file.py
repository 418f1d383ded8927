"""A run's expectation on the disk: which Dice its confidence promises, and of which weights and questions that is true."""

from __future__ import annotations

import json
import logging
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saywhere.config import Config
from saywhere.metrics import calibration as expected
from saywhere.metrics.calibration import Expectation

log = logging.getLogger("saywhere")

FILE = "expected.json"
"""In a run's folder, or a model's."""
KEYS = ("n", "confidence", "dice", "threshold", "mirror", "split", "level", "weights")
_NAME = re.compile(r"[\w .+-]{1,80}")  # of a split or a level, as a card may print it


@dataclass(frozen=True)
class Kept:
    """What `calibrate` learned, and where it holds."""

    expectation: Expectation
    threshold: float
    mirror: bool
    split: str
    """that it was learned from"""

    def at(self, threshold: float, *, mirror: bool) -> Expectation | None:
        """None where the question is another one: another threshold makes other masks, and mirroring other probabilities."""
        return self.expectation if (threshold, mirror) == (self.threshold, self.mirror) else None


def record(
    expectation: Expectation, config: Config, state: dict[str, Any], split: str
) -> dict[str, Any]:
    """As JSON holds it."""
    terms = {
        "threshold": config.evaluate.threshold,
        "mirror": config.evaluate.mirror,
        "split": split,
        "level": config.text.evaluate_prompts,
    }
    return expectation.record() | terms | {"weights": _weights(state)}


def found(folder: Path, state: dict[str, Any]) -> dict[str, Any] | None:
    """The record of these weights; None where there is none. One of earlier weights, or a damaged one, is passed over, and the log says so.

    Only what is known of a record is passed on: it may come from a stranger.
    """
    path = folder / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):  # lists in lists without end
        content = None
    why = (
        "damaged"
        if _kept(content) is None
        else "of other weights"
        if content["weights"] != _weights(state)
        else None
    )
    if why is None:
        return {key: content[key] for key in KEYS}
    log.warning(
        "the expected Dice in %s is %s: answers have none until `saywhere calibrate` is run again",
        path,
        why,
    )
    return None


def read(folder: Path, state: dict[str, Any]) -> Kept | None:
    """The same, to be asked."""
    kept = found(folder, state)
    return None if kept is None else _kept(kept)


def _kept(record: Any) -> Kept | None:
    expectation = expected.read(record)
    if (
        expectation is None
        or not set(KEYS) <= set(record)
        or not all(_NAME.fullmatch(str(record[key])) for key in ("split", "level"))
    ):
        return None
    if not isinstance(record["threshold"], float) or not isinstance(record["mirror"], bool):
        return None
    return Kept(expectation, record["threshold"], record["mirror"], str(record["split"]))


def _weights(state: dict[str, Any]) -> list[Any]:
    """What tells one checkpoint of a run from another: a training that goes on may find a better one. None for what JSON does not hold."""
    return [
        value if isinstance(value, (int, float)) and math.isfinite(value) else None
        for value in (state.get("step"), state.get("best"))
    ]
