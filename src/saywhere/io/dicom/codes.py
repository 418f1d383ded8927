"""Compressed DICOM frames → values, by the library that reads their code."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saywhere.errors import MissingExtra, UnreadableFile
from saywhere.io.dicom.pixel_layout import BASELINE, JPEG, JPEG_2000, JPEG_LS, RLE, Layout

Decode = Callable[[bytes, Layout], NDArray[Any]]
"""One frame's bytes → its values."""


def decoder(syntax: str, path: Path) -> Decode:
    """Choose the decoder of a transfer syntax.

    Args:
        syntax: Its UID.
        path: How errors name the file.

    Returns:
        A function of one frame's bytes.

    Raises:
        UnreadableFile: No decoder reads it.
    """
    if syntax == RLE:
        return _run_lengths
    for names, decode in ((JPEG, _jpeg), (JPEG_LS, _jpeg_ls), (JPEG_2000, _jpeg_2000)):
        if syntax in names:
            return decode
    from pydicom.uid import UID

    raise unsupported(UID(syntax).name if UID(syntax).is_valid else "an unknown code", path)


def unsupported(name: str, path: Path) -> UnreadableFile:
    """Make the error of a code that is not read.

    Args:
        name: Of the code.
        path: How it names the file.

    Returns:
        The error.
    """
    return UnreadableFile(
        f"a DICOM file compressed in a way that is not read ({name})",
        where=path,
        allowed="uncompressed, RLE, JPEG, JPEG-LS and JPEG 2000 are",
        remedy="export it uncompressed",
    )


def _jpeg(content: bytes, layout: Layout) -> NDArray[Any]:
    colours: dict[str, Any] = {}
    if layout.samples == 3:
        colours = {"colorspace": _colours_of(content, layout), "outcolorspace": "RGB"}
    if find_spec("imagecodecs") is not None:
        import imagecodecs

        return imagecodecs.jpeg8_decode(content, **colours)
    # Pillow reads baseline JPEG alone, and takes its colours for YCbCr.
    if layout.syntax != BASELINE or colours.get("colorspace") == "RGB":
        raise MissingExtra(
            f"{JPEG[layout.syntax]} is decoded by imagecodecs, which is not installed",
            allowed="it needs Python 3.11 or newer",
            remedy="pip install 'saywhere[clinic]'",
        )
    from PIL import Image

    picture = Image.open(BytesIO(content), formats=("JPEG",))
    return np.asarray(picture.convert("RGB" if layout.samples == 3 else "L"))


def _colours_of(content: bytes, layout: Layout) -> str:
    """What the three channels of a JPEG are: its own marks count before the header's word."""
    head = content[:4096]
    at = head.find(b"Adobe")
    # A mark that is too short has no such byte.
    if at >= 2 and int.from_bytes(head[at - 2 : at], "big") >= 14 and len(head) > at + 11:
        return "YCBCR" if head[at + 11] else "RGB"
    if b"JFIF\0" in head[:32]:
        return "YCBCR"
    return "RGB" if layout.photometric == "RGB" else "YCBCR"


def _jpeg_ls(content: bytes, layout: Layout) -> NDArray[Any]:
    if find_spec("imagecodecs") is not None:
        import imagecodecs

        return imagecodecs.jpegls_decode(content)
    import jpeg_ls

    return jpeg_ls.decode(np.frombuffer(content, np.uint8))


def _jpeg_2000(content: bytes, layout: Layout) -> NDArray[Any]:
    if find_spec("imagecodecs") is not None:
        import imagecodecs

        return imagecodecs.jpeg2k_decode(content)
    import openjpeg

    return openjpeg.decode(content)


def _run_lengths(content: bytes, layout: Layout) -> NDArray[Any]:
    """RLE: each byte of each sample is a segment of its own, the highest first."""
    starts = np.frombuffer(content[:64], "<u4")
    n_segments = int(starts[0])
    n_bytes = layout.allocated // 8
    if n_segments != n_bytes * layout.samples:
        raise ValueError("segments")
    bounds = [*map(int, starts[1 : n_segments + 1]), len(content)]
    n_pixels = layout.rows * layout.columns
    planes = [_unpacked(content[first:last], n_pixels) for first, last in pairwise(bounds)]
    stacked = np.stack(planes).reshape(layout.samples, n_bytes, n_pixels)
    words = np.ascontiguousarray(stacked.transpose(0, 2, 1)).view(f">u{n_bytes}")[..., 0]
    native = words.astype(f"u{n_bytes}").view(f"{'i' if layout.is_signed else 'u'}{n_bytes}")
    frame = native.reshape(layout.samples, layout.rows, layout.columns)
    pixels = frame.transpose(1, 2, 0) if layout.samples == 3 else frame[0]
    return meaningful(pixels, layout)


def _unpacked(content: bytes, n_pixels: int) -> NDArray[np.uint8]:
    """One segment of bytes: a count, then a byte to repeat or bytes to copy."""
    if find_spec("imagecodecs") is not None:
        import imagecodecs

        # A buffer of the right size, since runs may promise far more.
        part = imagecodecs.packbits_decode(content, out=bytearray(n_pixels))
        unpacked = np.frombuffer(part, np.uint8)
    else:
        from pydicom.pixels.decoders.rle import _rle_decode_segment

        unpacked = np.frombuffer(bytes(_rle_decode_segment(content)), np.uint8)[:n_pixels]
    if len(unpacked) < n_pixels:
        raise EOFError("truncated")
    return unpacked


def meaningful(values: NDArray[Any], layout: Layout) -> NDArray[Any]:
    """Drop the bits beside a value's own, where old files hold overlays.

    Args:
        values: As they lie in the file.
        layout: Of the file.

    Returns:
        The same shape, in the machine's byte order.
    """
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    if layout.is_float or layout.n_bits == layout.allocated:
        return values
    shift = layout.high_bit + 1 - layout.n_bits
    up = layout.allocated - layout.high_bit - 1
    # Shifted up and down again: an arithmetic shift brings the sign with it.
    return np.right_shift(np.left_shift(values, up), up + shift)
