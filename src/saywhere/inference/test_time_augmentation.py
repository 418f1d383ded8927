"""Mirroring at prediction: segment four times, image and prompt mirrored alike, and average.

Only where the prompt is mirrored with the image can "left" stay left.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import torch
from torch import Tensor

from saywhere.errors import UsageError
from saywhere.modeling.changes import Changes
from saywhere.modeling.model import Model
from saywhere.transforms.geometry import Geometry
from saywhere.types import Image, PseudoImage


def refuse_mirrors(model: Model) -> None:
    """Refuse a model whose prompt cannot be mirrored: it would be told "left" of the right.

    Args:
        model: The model that is to be mirrored.

    Raises:
        UsageError: Where its prompt cannot be mirrored with the image.
    """
    if not model.can_mirror:
        raise UsageError(
            "mirroring, and the prompts of this run are not transformed with its images",
            allowed="early fusion with the prompt policy fuse-first, or image only",
            remedy="leave mirroring off",
        )


class Mirrored(NamedTuple):
    """What a model answers, in the image's own frame.

    Attributes:
        probability: (batch, 1, height, width), [0, 1].
        pseudo_image: As the model gives it.
        presence: (batch,), logits; None for a model without a head for it.
    """

    probability: Tensor
    pseudo_image: PseudoImage | None
    presence: Tensor | None


def mirrored(model: Model, image: Image, embedding: Tensor) -> Mirrored:
    """Segment an image as it is, left-right, upside down, and both; average the answers.

    Test-time mirroring as nnU-Net does it (DOI 10.1038/s41592-020-01008-z), but of the stack: the
    pseudo-image is mirrored with the image.

    Args:
        model: One that `refuse_mirrors` lets pass.
        image: float32 (batch, channel, height, width), [0, 1].
        embedding: As the model's `forward` takes it.

    Returns:
        Means over the mirrorings; the pseudo-image is the same in each.
    """
    answers = []
    presences = []
    pseudo_image = None
    for across, down in itertools.product((0, 1), repeat=2):
        geometry = Geometry.alike(len(image), horizontal_flip=across, vertical_flip=down)
        segmentation = model(image, embedding, Changes(geometry))
        answers.append(geometry.undo(segmentation.logits.sigmoid()))
        presences.append(segmentation.presence)
        # In the original frame, the same each time.
        pseudo_image = segmentation.pseudo_image
    is_there = None if presences[0] is None else torch.stack(presences).mean(0)
    return Mirrored(torch.stack(answers).mean(0), pseudo_image, is_there)
