"""Grey or colour: how many channels the pixels of a picture have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def of_channels(pixels: NDArray[np.uint8], channels: int) -> NDArray[np.uint8]:
    """Bring 8-bit pixels to grey or colour.

    Args:
        pixels: uint8 (height, width) or (height, width, 1 or 3).
        channels: 1 (grey) or 3 (colour).

    Returns:
        uint8 (height, width, channels); the same array where it has them already.
    """
    pixels = np.atleast_3d(pixels)
    if pixels.shape[-1] == channels:
        return pixels
    if channels == 3:
        return np.repeat(pixels, 3, axis=-1)
    return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
