"""expected.json: which Dice a model's confidence promises, and of which weights and terms."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from saywhere.io import strict_json
from saywhere.metrics import calibration
from saywhere.metrics.calibration import Expectation, ExpectationRecord
from saywhere.runs.run_record import CheckpointState

log = logging.getLogger("saywhere")

FILE = "expected.json"
"""In a run's folder, or a model's."""
KEYS = ("n", "confidence", "dice", "threshold", "mirror", "split", "level", "weights")
"""All that a record may hold: it can come from a stranger, and no more is passed on."""
_NAME = re.compile(r"[\w .+-]{1,80}")
"""Of a split or a level, as a card may print it."""


@dataclass(frozen=True)
class Calibration:
    """What `calibrate` learned, and where it holds.

    Attributes:
        expectation: Dice by confidence.
        threshold: on the probability, that the masks were made with.
        mirror: whether the probabilities were averaged over mirrorings.
        split: that it was learned from.
    """

    expectation: Expectation
    threshold: float
    mirror: bool
    split: str

    def at(self, threshold: float, *, mirror: bool) -> Expectation | None:
        """Take the expectation where it holds.

        Args:
            threshold: of the answer. Another one makes other masks.
            mirror: of the answer. Mirroring makes other probabilities.

        Returns:
            The expectation; None on other terms than it was learned on.
        """
        return self.expectation if (threshold, mirror) == (self.threshold, self.mirror) else None


class CalibrationRecord(ExpectationRecord):
    """The file's content, with `KEYS`."""

    threshold: float
    mirror: bool
    split: str
    level: str
    weights: list[float | None]
    """step and best score of the checkpoint that it is true of; None for what JSON does not hold"""


@dataclass(frozen=True)
class Terms:
    """What an expectation depends on, beside the weights.

    Attributes:
        threshold: on the probability, in (0, 1).
        mirror: whether the probabilities were averaged over mirrorings.
        split: that it was learned from.
        level: of the prompts.
    """

    threshold: float
    mirror: bool
    split: str
    level: str


def record(expectation: Expectation, terms: Terms, state: CheckpointState) -> CalibrationRecord:
    """Make the file's content.

    Args:
        expectation: what was learned.
        terms: under which it was learned.
        state: of the checkpoint that it is true of.

    Returns:
        A document with KEYS.
    """
    document = {**expectation.record(), **asdict(terms), "weights": weights_of(state)}
    return cast(CalibrationRecord, document)


def read_record(folder: Path, state: CheckpointState) -> CalibrationRecord | None:
    """Read the file of these weights.

    Args:
        folder: of a run or model.
        state: of the checkpoint that will answer.

    Returns:
        The document, with KEYS and no other key. None where there is none; one that is damaged,
        or of earlier weights, is passed over, and the log says so.
    """
    content = usable_table(
        folder / FILE,
        lambda table: _parse(table) is not None,
        state,
        "the expected Dice in %s is %s: answers have none until `saywhere calibrate` is run again",
    )
    # Only the known keys: the record goes on into cards and pages.
    return None if content is None else cast(CalibrationRecord, {key: content[key] for key in KEYS})


def usable_table(
    path: Path, is_whole: Callable[[Any], bool], state: CheckpointState, warning: str
) -> Mapping[str, Any] | None:
    """Read what a calibration learned, if it is whole and of these weights.

    Args:
        path: of its JSON file.
        is_whole: of the file's content, of any kind: is it what a calibration writes?
        state: of the checkpoint that will answer.
        warning: logged of a file that is passed over, with its path and the reason.

    Returns:
        The table; None where there is no file, and where it is passed over.
    """
    content: Any = None
    try:
        content = strict_json.read_table(path)
    except FileNotFoundError:
        # Calibrating is optional: without a file there is nothing to warn of.
        return None
    # Damaged: said below.
    except (OSError, ValueError):
        pass
    if not is_whole(content):
        reason = "damaged"
    elif content.get("weights") != weights_of(state):
        reason = "of other weights"
    else:
        return cast(Mapping[str, Any], content)
    # A bad file must not keep the model from answering, so it is no error.
    log.warning(warning, path, reason)
    return None


def read(folder: Path, state: CheckpointState) -> Calibration | None:
    """Read what `calibrate` learned of these weights.

    Args:
        folder: of a run or model.
        state: of the checkpoint that will answer.

    Returns:
        The calibration; None as `read_record` gives it.
    """
    content = read_record(folder, state)
    return None if content is None else _parse(content)


def _parse(content: Any) -> Calibration | None:
    expectation = calibration.read(content)
    if expectation is None or not set(KEYS) <= set(content):
        return None
    names = [str(content[key]) for key in ("split", "level")]
    # Both names are printed, and the file may come from a stranger.
    if not all(_NAME.fullmatch(name) for name in names):
        return None
    threshold, mirror = content["threshold"], content["mirror"]
    if not isinstance(threshold, float) or not isinstance(mirror, bool):
        return None
    return Calibration(expectation, threshold, mirror, names[0])


def weights_of(state: CheckpointState) -> list[float | None]:
    """What tells one checkpoint of a run from another: a training that goes on may find a better
    one. None for what JSON does not hold.
    """
    # `best` is −inf until a first validation, and JSON has no such number.
    numbers = (state.get("step"), state.get("best"))
    return [number if _is_finite(number) else None for number in numbers]


def _is_finite(number: object) -> bool:
    return isinstance(number, (int, float)) and math.isfinite(number)
