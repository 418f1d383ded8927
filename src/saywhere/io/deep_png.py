"""PNGs of other depths than 8 bits: what the header says, and colours of 16 bits.

Pillow cuts 16-bit colours to their upper 8 bits, in which 12 bits of a camera look black.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from saywhere.io.grey import Range, percentiles

GREY, GREY_ALPHA = 0, 4
"""Colour types of a PNG's header."""
_CHUNK_HEAD = 8
_FIRST_CHUNK = 8
# Pillow's names for the upper and the lower byte of each sample.
_HALVES = {2: ("RGB;16B", "RGB;16L"), 6: ("RGBA;16B", "RGBA;16L")}
_SHARE_SCALED = 0.99
"""So much of a picture fits a scale of fewer bits where it was stretched from them."""


@dataclass(frozen=True)
class Head:
    """A PNG's header.

    Attributes:
        n_bits: Of one sample: 1, 2, 4, 8 or 16.
        colour_type: 0 grey, 2 colour, 3 palette, 4 and 6 with alpha.
        significant: How many bits of each sample the camera or scanner gave, by the chunk `sBIT`;
            0 where the file does not say.
    """

    n_bits: int
    colour_type: int
    significant: int = 0

    @property
    def is_deep_colour(self) -> bool:
        """Has it 16 bits and more than one channel? Then Pillow drops half of them."""
        return self.n_bits == 16 and self.colour_type != GREY


def read_head(content: bytes) -> Head:
    """Read a PNG's header.

    Args:
        content: A file's bytes, from the signature on.

    Returns:
        What it says.

    Raises:
        struct.error: The file is cut off within its header.
    """
    n_bits, colour_type = struct.unpack(">BB", content[24:26])
    significant = 0
    for name, data in _chunks_before_pixels(content):
        if name == b"sBIT" and data:
            significant = max(data[:3]) if colour_type in (2, 6) else data[0]
    return Head(n_bits, colour_type, significant)


def _chunks_before_pixels(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = _FIRST_CHUNK
    while at + _CHUNK_HEAD <= len(content):
        size, name = struct.unpack(">I4s", content[at : at + _CHUNK_HEAD])
        if name in (b"IDAT", b"IEND"):
            return
        start = at + _CHUNK_HEAD
        yield name, content[start : start + min(size, 64)]
        at = start + size + 4  # its checksum, which Pillow looks at


def stated_range(head: Head, values: NDArray[Any]) -> Range | None:
    """What the file says is black and white.

    By the standard a sample of 12 bits is stretched to 16 before it is written, and white is 65535.
    Many programs write it unstretched. The values themselves tell the two apart.

    Args:
        head: Of the file.
        values: Its 16-bit samples.

    Returns:
        The range; None where the file says nothing.
    """
    if not 8 <= head.significant < 16:
        return None
    white = 2**head.significant - 1
    if percentiles(values)[1] > white or _is_stretched(values, head.significant):
        return 0.0, 65535.0
    return 0.0, float(white)


def _is_stretched(values: NDArray[Any], n_bits: int) -> bool:
    white = 2**n_bits - 1
    # A few rows tell as much as all, and a large picture needs no copy.
    sample = values[:: max(1, len(values) // 256)].astype(np.int64)
    sample = sample[sample > 0]
    if not sample.size:
        return False
    nearest = np.rint(np.rint(sample * (white / 65535)) * (65535 / white))
    is_near = np.abs(sample - nearest) <= 1
    is_shifted = sample % (1 << (16 - n_bits)) == 0
    return float(np.mean(is_near | is_shifted)) >= _SHARE_SCALED


def read_deep_colours(first: Image.Image, second: Image.Image, head: Head) -> NDArray[np.uint16]:
    """Read all 16 bits of a colour PNG, or of a grey one with alpha.

    Args:
        first: The opened file, not yet loaded; it gives the upper bytes.
        second: The same file, opened once more; it gives the lower bytes.
        head: Its head.

    Returns:
        uint16 (height, width, channel): 3, or with alpha 2 or 4.
    """
    if head.colour_type == GREY_ALPHA:
        # Four bytes a pixel, as an 8-bit RGBA has: grey's two, then alpha's two.
        pairs = _loaded(first, "RGBA").astype(np.uint16)
        pairs[..., 0::2] <<= 8
        pairs[..., 0::2] |= pairs[..., 1::2]
        return pairs[..., 0::2]
    upper, lower = _HALVES[head.colour_type]
    high = _loaded(first, upper).astype(np.uint16)
    high <<= 8
    high |= _loaded(second, lower)
    return high


def _loaded(picture: Any, raw_mode: str) -> NDArray[np.uint8]:
    picture.tile = [tile._replace(args=raw_mode) for tile in picture.tile]
    picture.load()
    return np.asarray(picture)
