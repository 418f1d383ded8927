"""Which model gave an answer: a digest of everything that the answer comes from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from saywhere.config import Config
from saywhere.metrics.picture_domain import KnownPictures
from saywhere.metrics.presence import PresenceRule
from saywhere.runs import picture_file, presence_file
from saywhere.runs.calibration_file import Calibration
from saywhere.runs.older_values import without_older


def model_digest(
    config: Config,
    encoder: Any,
    calibration: Calibration | None,
    weights: Mapping[str, np.ndarray],
    rounding: str | None = None,
    pictures: KnownPictures | None = None,
    presence: PresenceRule | None = None,
) -> str:
    """Identify a model.

    Args:
        config: That it was trained with.
        encoder: What its checkpoint says of the text encoder.
        calibration: What `calibrate` learned; None where it was not called.
        weights: Of the whole model, by name.
        rounding: How it is computed, where that changes answers beyond the last digits.
        pictures: Which ones it knows; None where that was not learned.
        presence: What its presence head means; None where it has none.

    Returns:
        sha256 of all of them.
    """
    # The model's tensors show depth and weights, and older models lack both keys.
    # `text.frame` is what became of the training's prompts: an answer does not depend on it.
    # Nor on which rows were tested.
    shown = {"network": {"depth", "weights"}, "text": {"frame"}, "data": {"fold"}}
    # An older model keeps its digest, whatever keys come.
    settings = without_older(config.model_dump(mode="json", exclude=shown))
    # Sorted: the order of keys makes no other model.
    about = json.dumps([settings, encoder], sort_keys=True)
    sha = hashlib.sha256(about.encode())
    if calibration is not None:
        sha.update(json.dumps(asdict(calibration)).encode())
    if pictures is not None:
        sha.update(picture_file.identity(pictures).encode())
    if presence is not None:
        sha.update(presence_file.identity(presence).encode())
    if rounding is not None:
        sha.update(rounding.encode())
    for name, value in sorted(weights.items()):
        # With name and shape: the same bytes in another tensor make another model.
        # Of torch's type, as digests always were.
        sha.update(f"{name} torch.{value.dtype} {value.shape}".encode())
        sha.update(np.ascontiguousarray(value).data)
    return sha.hexdigest()
