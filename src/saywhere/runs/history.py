"""The rows of metrics.jsonl: one per epoch, typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import cast

from saywhere.errors import BadCheckpoint
from saywhere.runs.run_record import EpochRecord


@dataclass(frozen=True)
class EpochRow:
    """What one epoch of a training gave.

    Attributes:
        epoch: from 1.
        loss: mean total loss of the epoch's steps.
        segmentation_loss: mean of its first term (augmented frame).
        roi_loss: mean of its second term, without its weight (original frame).
        learning_rate: base rate of the last step.
        val_dice_mean: mean Dice per image on the validation rows, [0, 1], at the network's size;
            None where this epoch was not validated.
        val_dice_pooled: Dice over the pixels of all of them, [0, 1].
        val_loss: mean total loss on them.
        spread: of the pseudo-image between prompts; None for a model without one.
        presence_loss: mean of the presence term, without its weight; None without a head.
    """

    epoch: int
    loss: float
    segmentation_loss: float
    roi_loss: float
    learning_rate: float
    val_dice_mean: float | None = None
    val_dice_pooled: float | None = None
    val_loss: float | None = None
    spread: float | None = None
    presence_loss: float | None = None

    @property
    def was_validated(self) -> bool:
        """True where the epoch ended with a validation."""
        return self.val_dice_mean is not None

    def to_json(self) -> EpochRecord:
        """Make the line of metrics.jsonl; an epoch without validation has fewer keys.

        Returns:
            Field name → number.
        """
        document = asdict(self)
        if not self.was_validated:
            document = {key: document[key] for key in document if key not in _VALIDATED}
        if self.presence_loss is None:
            del document["presence_loss"]
        return cast(EpochRecord, document)


# `spread` is measured by the validation.
_VALIDATED = ("val_dice_mean", "val_dice_pooled", "val_loss", "spread")


def read_history(rows: Sequence[Mapping[str, object]], where: Path) -> list[EpochRow]:
    """Read the rows that a checkpoint holds.

    Args:
        rows: what `EpochRow.to_json` gave; further keys are passed over.
        where: the checkpoint, for the message.

    Returns:
        One row per epoch.

    Raises:
        BadCheckpoint: for a row that lacks a key.
    """
    try:
        return [_read_row(row) for row in rows]
    except TypeError as error:
        raise BadCheckpoint(
            f"its history lacks a number ({error})",
            where=where,
            remedy="use another checkpoint, or train again",
        ) from None


def _read_row(row: Mapping[str, object]) -> EpochRow:
    names = {field.name for field in fields(EpochRow)}
    numbers = {key: value for key, value in row.items() if key in names}
    # A checkpoint's check has seen that rows are tables, not what each key holds.
    return EpochRow(**numbers)  # type: ignore[arg-type]
