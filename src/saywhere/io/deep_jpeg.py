"""JPEGs of other depths than 8 bits, which Pillow does not read: 12 bits, and lossless ones."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from saywhere.errors import UnreadableFile
from saywhere.io.orientation import TAG

_LOSSLESS = 0xC3
# Beginnings of a frame; the three codes left out are tables.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SCAN, _APP1 = 0xDA, 0xE1
# Marks that stand alone, without a length.
_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_EXIF = b"Exif\0\0"


@dataclass(frozen=True)
class Head:
    """A JPEG's header.

    Attributes:
        n_bits: Of one sample.
        height: In pixels.
        width: In pixels.
        is_lossless: Is it coded without loss (not the JPEG of photographs)?
        orientation: EXIF's, 1 to 8.
    """

    n_bits: int
    height: int
    width: int
    is_lossless: bool
    orientation: int

    @property
    def is_read_here(self) -> bool:
        """Would Pillow refuse it?"""
        return self.n_bits != 8 or self.is_lossless

    def described(self) -> str:
        """How messages call it, as `a JPEG of 12 bits`."""
        kind = "a lossless JPEG" if self.is_lossless else "a JPEG"
        return f"{kind} of {self.n_bits} bits"


def read_head(content: bytes) -> Head | None:
    """Read a JPEG's header.

    Args:
        content: A file's bytes.

    Returns:
        What it says; None where no frame begins in it.
    """
    at, orientation = 2, 1
    while at + 4 <= len(content) and content[at] == 0xFF:
        mark = content[at + 1]
        if mark == 0xFF or mark in _ALONE:
            at += 1 if mark == 0xFF else 2
            continue
        (size,) = struct.unpack(">H", content[at + 2 : at + 4])
        body = content[at + 4 : at + 2 + size]
        if mark == _APP1 and body.startswith(_EXIF):
            orientation = _orientation(body)
        if mark in _FRAMES and len(body) >= 5:
            n_bits, height, width = struct.unpack(">BHH", body[:5])
            return Head(n_bits, height, width, mark == _LOSSLESS, orientation)
        if mark == _SCAN or size < 2:
            return None
        at += 2 + size
    return None


def _orientation(body: bytes) -> int:
    exif = Image.Exif()
    try:
        exif.load(body)
        return int(exif.get(TAG, 1))
    except Exception:  # damaged EXIF does not spoil the pixels
        return 1


def read_samples(content: bytes, head: Head, path: Path) -> NDArray[Any]:
    """Decode the pixels.

    Args:
        content: A file's bytes.
        head: Its head; width × height is within the limits.
        path: How errors name it.

    Returns:
        Unsigned integers (height, width) or (height, width, 3), as stored: not turned upright.

    Raises:
        UnreadableFile: A library is missing, or does not read it.
    """
    try:
        from imagecodecs import jpeg_decode, ljpeg_decode
    except ImportError:
        raise UnreadableFile(
            head.described(),
            where=path,
            allowed="without imagecodecs, JPEGs of 8 bits are read",
            remedy='pip install "saywhere[clinic]", or save it as 16-bit PNG or TIFF',
        ) from None
    decode = ljpeg_decode if head.is_lossless else jpeg_decode
    try:
        samples = np.asarray(decode(content))
    except Exception as error:  # the libraries' own types
        raise UnreadableFile(
            f"{head.described()} that cannot be decoded",
            where=path,
            remedy="save it as 16-bit PNG or TIFF",
        ) from error
    if samples.shape[:2] != (head.height, head.width):
        raise UnreadableFile(
            f"{head.described()} with pixels of shape {samples.shape}",
            where=path,
            allowed=f"its head says {head.height} × {head.width}",
            remedy="export the file again",
        )
    return samples
