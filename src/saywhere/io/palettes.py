"""Masks whose pixels are places in a table of colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from saywhere.io.labels import StoredMask

DARK, BRIGHT = 15, 128
"""A colour of no channel above the one is background beside one that reaches the other."""


def mask_of_palette(picture: Image.Image) -> StoredMask:
    """A mask's values. Labels are indices, whatever grey or colour the palette shows them in.

    The exception is a picture of two colours one of which is black: programs that shrink PNGs, or
    reduce the colours, put either first, and a person sees which of the two is the background.

    Args:
        picture: Of mode P.

    Returns:
        Its values.
    """
    indices = np.asarray(picture)
    colours = np.asarray(picture.convert("RGB"))
    is_grey = np.ptp(colours, axis=-1).max() == 0
    if is_grey and set(np.unique(colours).tolist()) <= {0, 255}:
        is_index_0_black = not colours[indices == 0].any() and (indices == 0).any()
        shown = indices if is_index_0_black else colours[..., 0]
        return StoredMask(shown, shown, may_be_soft=False)
    if (is_dark := _dark_beside_bright(indices, colours)) is not None:
        shown = np.where(is_dark, np.uint8(0), np.uint8(1))
        return StoredMask(shown, shown, may_be_soft=False)
    # An antialiased mask that was saved with the palette of plain greys is what it was as grey.
    is_plain_grey = bool((colours == indices[..., None]).all())
    return StoredMask(indices, indices, may_be_soft=is_plain_grey)


def _dark_beside_bright(
    indices: NDArray[np.uint8], colours: NDArray[np.uint8]
) -> NDArray[np.bool_] | None:
    """The dark pixels where index 0 is bright and the only other index is dark; else None."""
    is_first = indices == 0
    others = indices[~is_first]
    if not is_first.any() or not others.size or (others != others[0]).any():
        return None
    is_bright = colours[is_first][0].max() >= BRIGHT
    return ~is_first if is_bright and colours[~is_first][0].max() <= DARK else None
