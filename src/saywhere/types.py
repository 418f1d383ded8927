"""The glossary: the figure's nouns as shapes (jaxtyping), checked at run time in the tests only.

`channel` is C, the image's channels (1 or 3); the stack of image and pseudo-image has 2C.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

Image = Float[Tensor, "batch channel height width"]
"""An image in [0, 1]."""
PseudoImage = Float[Tensor, "batch channel height width"]
"""The words as a picture, in [0, 1], in the image's original (un-augmented) frame."""
Stack = Float[Tensor, "batch stacked_channel height width"]
"""Image and pseudo-image, concatenated along channels (2C)."""
Mask = Float[Tensor, "batch 1 height width"]
"""0 or 1."""
Logits = Float[Tensor, "batch 1 height width"]
"""Before the sigmoid, in the augmented frame."""
Embedding = Float[Tensor, "batch embedding"]
"""A sentence as numbers, as its encoder gives it (not scaled)."""

ImageArray = Float[np.ndarray, "height width channel"]
MaskArray = Bool[np.ndarray, "height width"]


class Stages(NamedTuple):
    """Names of the maps that a network's `forward` hands to its argument `edit`.

    Each map is (batch, channel, height, width), and is named after the module that made it.
    """

    bottleneck: str
    decoder: tuple[str, ...]
    """deepest first"""


FeatureEdit = Callable[[str, Tensor], Tensor]
"""(stage, its map) → a map of the same shape: how something joins a network's features."""


def unedited(stage: str, feature: Tensor) -> Tensor:
    """The `FeatureEdit` that changes nothing: a network as it is.

    Args:
        stage: a name of `Stages`.
        feature: (batch, channel, height, width).
    Returns:
        `feature` itself.
    """
    return feature


@dataclass
class Segmentation:
    """What a forward pass of a model gives."""

    logits: Logits
    """in the augmented frame"""
    pseudo_image: PseudoImage | None
    """in the original frame, [0, 1]; None for a model without one"""
