"""Mirroring at prediction: ask four times, words and all, and average. Only where the words turn with the image can left stay left."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from saywhere.errors import UsageError
from saywhere.modeling.model import Model
from saywhere.transforms.geometry import Geometry
from saywhere.types import Image, PseudoImage


def refuse_mirrors(model: Model) -> None:
    """Raises UsageError where the words cannot be mirrored with the image, so that "left" would be asked of the right."""
    if not model.can_mirror:
        raise UsageError(
            "mirroring, and the words of this run do not turn with its images",
            allowed="early fusion with the arm fuse-first, or image only",
            remedy="leave mirroring off",
        )


def mirrored(model: Model, image: Image, embedding: Tensor) -> tuple[Tensor, PseudoImage | None]:
    """Mean probability over the image as it is, left-right, upside down, and both, in the image's own frame; and its pseudo-image.

    Args:
        image: float32 (batch, channel, height, width), [0, 1]. embedding: as the model's `forward` takes it.
    Test-time mirroring as nnU-Net does it (DOI 10.1038/s41592-020-01008-z), but of the stack: the words' picture is mirrored too.
    """
    answers, pseudo_image = [], None
    for across, down in itertools.product((0, 1), repeat=2):
        geometry = Geometry.alike(len(image), horizontal_flip=across, vertical_flip=down)
        found = model(image, embedding, geometry)
        answers.append(geometry.undo(found.logits.sigmoid()))
        pseudo_image = found.pseudo_image  # in the original frame, the same each time
    return torch.stack(answers).mean(0), pseudo_image
