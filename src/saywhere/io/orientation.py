"""How the stored pixels of a picture are turned upright, by EXIF's or TIFF's orientation."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TAG = 274
"""Of EXIF and of TIFF."""


class Turn(NamedTuple):
    """Exchange rows and columns, then flip; one table serves arrays and Pillow images."""

    exchanges: bool
    upside_down: bool
    left_right: bool


_TURNS = {
    2: Turn(False, False, True),
    3: Turn(False, True, True),
    4: Turn(False, True, False),
    5: Turn(True, False, False),
    6: Turn(True, False, True),
    7: Turn(True, True, True),
    8: Turn(True, True, False),
}
# 1, and numbers that no standard knows.
_STILL = Turn(False, False, False)


def upright(samples: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Turn stored samples.

    Args:
        samples: (height, width[, channel]), as stored.
        orientation: 1 to 8; anything else counts as 1, which is upright.

    Returns:
        The samples, upright, in one piece of memory.
    """
    turn = _TURNS.get(orientation, _STILL)
    if turn == _STILL:
        return samples
    turned = samples.swapaxes(0, 1) if turn.exchanges else samples
    rows = slice(None, None, -1 if turn.upside_down else 1)
    columns = slice(None, None, -1 if turn.left_right else 1)
    return np.ascontiguousarray(turned[rows, columns])


def as_stored(samples: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo `upright`.

    Args:
        samples: (height, width[, channel]), upright.
        orientation: As `upright` takes it.

    Returns:
        What `upright` turns into the samples.
    """
    # A quarter turn is undone by the other one, all else by itself.
    return upright(samples, {6: 8, 8: 6}.get(orientation, orientation))


def upright_picture(picture: Image.Image, orientation: int) -> Image.Image:
    """Turn a Pillow image.

    Args:
        picture: As stored.
        orientation: As `upright` takes it.

    Returns:
        The picture, upright.
    """
    turn = _TURNS.get(orientation, _STILL)
    if turn.exchanges:
        picture = picture.transpose(Image.Transpose.TRANSPOSE)
    if turn.upside_down:
        picture = picture.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    if turn.left_right:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return picture
