"""The glossary: the figure's nouns as shapes (jaxtyping), checked at run time in the tests only.

`channel` is C, the image's channels (1 or 3); the stack of image and pseudo-image has 2C.
"""

from __future__ import annotations

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
    """Where a network's inner features can be met: names as `nn.Module.get_submodule` takes them;
    each module's output is one map.
    """

    bottleneck: str
    decoder: tuple[str, ...]
    """deepest first"""
    channels_last: bool = False
    """maps are (batch, height, width, channel) instead of (batch, channel, height, width)"""


@dataclass
class Segmentation:
    """What a forward pass of a model gives."""

    logits: Logits
    """in the augmented frame"""
    pseudo_image: PseudoImage | None
    """in the original frame, [0, 1]; None for a model without one"""
