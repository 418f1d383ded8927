"""A picture's own grey values, for a reader who chooses which are black and white.

The model is given 8 bits by the rules of `saywhere.io.grey` and of DICOM. A person at the page may
look at other windows of the same file: for that the values come as 16 bits, in whatever unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from saywhere.io import clinic, dicom, grey, images
from saywhere.io.decode import Decoded, decode_bytes
from saywhere.io.decoding_child import Decoding
from saywhere.io.decoding_pool import shared

STEPS = 65535
"""Of 16 bits."""


@dataclass(frozen=True)
class GreyValues:
    """A picture's values as 16 bits, or its colours.

    Attributes:
        pixels: uint16 (height, width): `offset + step * pixel` is the value in the file's unit,
            and more is whiter; or uint8 (height, width, 3) of a colour picture, (height, width)
            of a grey one of 8 bits, with offset 0 and step 1.
        offset: In the file's unit.
        step: In the file's unit; negative where the least value is white.
        black: The value that is black at first.
        white: The value that is white at first.
    """

    pixels: NDArray[Any]
    offset: float
    step: float
    black: float
    white: float

    @property
    def is_deep(self) -> bool:
        """Are there more values than 8 bits hold?"""
        return self.pixels.dtype == np.uint16


def read(content: bytes) -> GreyValues:
    """Decode an uploaded picture in a child process.

    Args:
        content: All bytes of the file.

    Returns:
        Its values.

    Raises:
        UnreadableFile: It is no picture that can be read within the limits.
    """
    facts, (pixels,) = shared().run(f"{__name__}:decoded", content)
    return GreyValues(pixels, facts["offset"], facts["step"], facts["black"], facts["white"])


def decoded(content: bytes) -> Decoding:
    """Decode a picture; the child calls it.

    Args:
        content: All bytes of the file.

    Returns:
        The facts and the pixels of `GreyValues`.
    """
    # Not the sender's file name, which no message and no log may hold.
    values = _values(content, Path("image"))
    names = ("offset", "step", "black", "white")
    return {name: float(getattr(values, name)) for name in names}, [values.pixels]


def _values(content: bytes, path: Path) -> GreyValues:
    if clinic.kind_of(content) == "DICOM":
        # Refuses several frames, and says how they are read.
        shown = decode_bytes(content, path)
        if (of_file := dicom.read_values(content, path)) is not None:
            return _in_steps(*of_file)
        return _plain(shown, path)
    picture = decode_bytes(content, path)
    values = np.asarray(picture.picture)
    is_deep = values.ndim == 2 and values.dtype not in (np.dtype(np.uint8), np.dtype(bool))
    if not is_deep:
        return _plain(picture, path)
    grey.refuse_not_finite(values, path)
    return _in_steps(values.astype(np.float64), _window(picture, values), picture.is_inverted)


def _window(picture: Decoded, values: NDArray[Any]) -> grey.Range:
    low, high = picture.stated or grey.percentiles(values)
    return low, max(high, low + 1e-9)


def _plain(picture: Decoded, path: Path) -> GreyValues:
    pixels = images.image_pixels(picture, path)
    is_grey = isinstance(picture.picture, Image.Image) and picture.picture.mode in ("1", "L")
    shown = np.ascontiguousarray(pixels[..., 0]) if is_grey else pixels
    return GreyValues(shown, 0.0, 1.0, 0.0, 255.0)


def _in_steps(
    values: NDArray[np.float64], window: tuple[float, float], is_inverted: bool
) -> GreyValues:
    """As 16 bits: whole numbers exactly where they fit, else in equal steps."""
    low, high = float(values.min()), float(values.max())
    is_whole = high - low <= STEPS and bool((values == np.rint(values)).all())
    step = 1.0 if is_whole else (high - low) / STEPS or 1.0
    pixels = np.rint((values - low) / step).astype(np.uint16)
    black, white = window
    if not is_inverted:
        return GreyValues(pixels, low, step, black, white)
    # Turned round, so that more is whiter for whoever draws it.
    top = int(pixels.max())
    return GreyValues(top - pixels, low + step * top, -step, white, black)
