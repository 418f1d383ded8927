"""Image and pseudo-image, one above the other."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from saywhere.errors import UsageError
from saywhere.types import Image, PseudoImage, Stack


def fuse(image: Image, pseudo_image: PseudoImage) -> Stack:
    """Concatenate along channels, the image first.

    Args:
        image: (batch, channel, height, width), [0, 1].
        pseudo_image: of the same shape, frame and range.

    Returns:
        (batch, 2·channel, height, width).

    Raises:
        UsageError: the two do not lie on one grid.
    """
    if image.shape != pseudo_image.shape:
        raise UsageError(
            f"image {tuple(image.shape)} and pseudo-image {tuple(pseudo_image.shape)} differ",
            allowed="both must have one shape, (batch, channel, height, width)",
            remedy="build the model for the image's size",
        )
    return torch.cat([image, pseudo_image], dim=1)


def spread(pseudo_image: PseudoImage) -> Float[Tensor, ""]:
    """Standard deviation over the prompts of a batch at each pixel, averaged: how much the words
    show. Below 0.01 they do not.
    """
    # No correction: a batch of one has no spread, where the corrected one would be NaN.
    return pseudo_image.std(0, correction=0).mean()
