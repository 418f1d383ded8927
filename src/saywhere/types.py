"""The glossary: the figure's nouns as shapes (jaxtyping).

Shapes are checked at run time in the tests only. `channel` is C, the image's channels (1 or 3).
The stack of image and pseudo-image has 2C.
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
"""The prompt as a picture, in [0, 1], in the image's original (un-augmented) frame."""
Stack = Float[Tensor, "batch stacked_channel height width"]
"""Image and pseudo-image, concatenated along channels (2C)."""
Mask = Float[Tensor, "batch 1 height width"]
"""The target: 0 or 1."""
Logits = Float[Tensor, "batch 1 height width"]
"""Before the sigmoid, in the augmented frame."""
Embedding = Float[Tensor, "batch embedding"]
"""A sentence as numbers, as its encoder gives it (not scaled)."""

ImageArray = Float[np.ndarray, "height width channel"]
"""One image in [0, 1], as NumPy holds it."""
MaskArray = Bool[np.ndarray, "height width"]
"""One mask, as NumPy holds it."""


class Stages(NamedTuple):
    """Names of the maps that a network's `forward` hands to its argument `edit`.

    Each map is (batch, channel, height, width), and is named after the module that made it.

    Attributes:
        bottleneck: The deepest map.
        decoder: The decoder's maps, deepest first.
    """

    bottleneck: str
    decoder: tuple[str, ...]


FeatureEdit = Callable[[str, Tensor], Tensor]
"""(stage, its map) → a map of the same shape: how something joins a network's features."""


def unedited(stage: str, feature: Tensor) -> Tensor:
    """The `FeatureEdit` that changes nothing: a network as it is.

    Args:
        stage: A name of `Stages`.
        feature: (batch, channel, height, width).

    Returns:
        `feature` itself.
    """
    return feature


@dataclass
class Segmentation:
    """What a forward pass of a model gives.

    Attributes:
        logits: (batch, 1, height, width), in the augmented frame.
        pseudo_image: (batch, channel, height, width) in [0, 1], in the original frame; None for a
            model without one.
        presence: (batch,), logits: is what the words name in the image? None for a model without
            a head for it.
    """

    logits: Logits
    pseudo_image: PseudoImage | None
    presence: Tensor | None = None
