"""The rows of metrics.jsonl."""

from __future__ import annotations

from pathlib import Path

import pytest

from saywhere.errors import BadCheckpoint
from saywhere.runs.history import EpochRow, read_history

PLAIN = EpochRow(1, 0.5, 0.4, 1.0, 1e-3)
VALIDATED = EpochRow(2, 0.5, 0.4, 1.0, 1e-3, 0.8, 0.9, 0.3, None)


def test_an_epoch_without_validation_has_fewer_keys() -> None:
    keys = ["epoch", "loss", "segmentation_loss", "roi_loss", "learning_rate"]
    assert list(PLAIN.to_json()) == keys
    more = ["val_dice_mean", "val_dice_pooled", "val_loss", "spread"]
    assert list(VALIDATED.to_json()) == keys + more


def test_what_was_written_is_read_and_further_keys_are_passed_over() -> None:
    rows = [PLAIN.to_json() | {"later": 1}, VALIDATED.to_json()]
    assert read_history(rows, Path("run")) == [PLAIN, VALIDATED]


def test_a_row_that_lacks_a_number_is_a_bad_checkpoint() -> None:
    with pytest.raises(BadCheckpoint, match=r"its history lacks a number .* in run"):
        read_history([{"epoch": 1}], Path("run"))
