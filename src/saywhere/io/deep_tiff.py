"""TIFFs of more than 8 bits: what the header says, and the samples that Pillow cannot give.

Pillow reads one channel of 16 bits, of signed 32 bits and of 32-bit floats. It cuts colours to 8
bits, takes signed bytes and large unsigned integers for others, and knows no 64 bits.
"""

from __future__ import annotations

import math
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin

from saywhere.errors import UnreadableFile
from saywhere.io.grey import Range

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
"""Photometric interpretations that are read here."""
LOSSY = frozenset({6, 7, 34892, 50001, 50002, 52546})
"""Compressions whose pixels are near those that were saved: JPEG, JPEG 2000, WebP, JPEG XL."""
# The kinds of samples, by the code of tag 339.
_KINDS = {1: "u", 2: "i", 3: "f", 4: "u"}
_NAMES = {"u": "unsigned integers", "i": "signed integers", "f": "floats"}
_UNCOMPRESSED = 1
_warnings_lock = threading.Lock()  # catch_warnings changes the whole process
_DEFLATE = frozenset({8, 32946})
_COMPRESSIONS = {2: "CCITT", 5: "LZW", 32773: "PackBits", 34925: "LZMA", 50000: "Zstandard"}
_BY_PIXEL, _BY_CHANNEL = 1, 2
_NO_PREDICTOR, _DIFFERENCES, _FLOAT_DIFFERENCES = 1, 2, 3
# Pillow gives these as they are: (kind, bits) of one channel.
_PILLOWS = frozenset({("u", 16), ("i", 16), ("i", 32), ("f", 32)})
_REVERSED = np.packbits(np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)[:, ::-1])
"""Each byte with its bits in the other order."""


@dataclass(frozen=True)
class Head:
    """The first directory of a TIFF.

    Attributes:
        tags: Its tags, by number.
        order: Of the bytes, "<" or ">".
        width: In pixels.
        height: In pixels.
        n_samples: Channels, alpha and others counted.
        n_bits: Of one sample, the most where they differ.
        kind: "u", "i" or "f".
    """

    tags: TiffImagePlugin.ImageFileDirectory_v2
    order: Literal["<", ">"]
    width: int
    height: int
    n_samples: int
    n_bits: int
    kind: str

    @property
    def compression(self) -> int:
        """The code of tag 259."""
        return int(self.tags.get(259, _UNCOMPRESSED))

    @property
    def is_lossy(self) -> bool:
        """Are its pixels only near those that were saved?"""
        return self.compression in LOSSY

    @property
    def photometric(self) -> int:
        """The code of tag 262."""
        return int(self.tags.get(262, BLACK_IS_ZERO))

    @property
    def is_read_here(self) -> bool:
        """Would Pillow misread it, or read it not at all?"""
        if self.photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
            return False
        if self.n_bits <= 8 and self.kind == "u":
            return False
        # libtiff unpacks to the machine's order, and Pillow then swaps all but unsigned values.
        is_swapped = self.order == ">" and self.compression != _UNCOMPRESSED and self.kind != "u"
        return self.n_samples > 1 or is_swapped or (self.kind, self.n_bits) not in _PILLOWS

    @property
    def is_by_channel(self) -> bool:
        """Do all samples of a channel stand together (planar)?"""
        return self.n_samples > 1 and int(self.tags.get(284, _BY_PIXEL)) == _BY_CHANNEL

    def described(self) -> str:
        """How messages call it, as `a TIFF of 64-bit floats`."""
        return f"a TIFF of {self.n_bits}-bit {_NAMES[self.kind]}"


@contextmanager
def quietly() -> Iterator[None]:
    """Read headers without Pillow's warnings of damaged tags, one thread at a time.

    Yields:
        Nothing.
    """
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def read_head(content: bytes) -> Head:
    """Read the first directory.

    Args:
        content: A file's bytes.

    Returns:
        What it says.

    Raises:
        Exception: Whatever Pillow raises of damaged bytes.
    """
    # The header of a BigTIFF is twice as long.
    is_big = content[2:3] == b"+" or content[3:4] == b"+"
    tags = TiffImagePlugin.ImageFileDirectory_v2(content[: 16 if is_big else 8])
    # Many programs write the directory last.
    if tags.next >= len(content):
        raise EOFError("truncated: the directory is missing")
    stream = BytesIO(content)
    stream.seek(tags.next)
    with quietly():
        tags.load(stream)
    kinds = np.atleast_1d(tags.get(339, 1))
    return Head(
        tags=tags,
        order=">" if content[:2] == b"MM" else "<",
        width=int(tags.get(256, 0)),
        height=int(tags.get(257, 0)),
        n_samples=int(tags.get(277, 1)),
        n_bits=int(np.max(np.atleast_1d(tags.get(258, 1)))),
        kind=_KINDS.get(int(kinds[0]), "u"),
    )


def stated_range(head: Head, values: NDArray[Any]) -> Range | None:
    """What the file says is black and white.

    A range counts where it is a depth, 0 to 2ⁿ − 1. Some programs write the picture's own least and
    greatest value into the same tags; that says nothing of the film, and is passed over.

    Args:
        head: Of the file.
        values: Its samples.

    Returns:
        The range; None where the file says none.
    """
    if head.kind == "u" and head.n_bits not in (8, 16, 32, 64):
        return 0.0, 2.0**head.n_bits - 1
    pairs = [
        (head.tags.get(340, 0), head.tags.get(341)),
        (head.tags.get(280, 0), head.tags.get(281)),
    ]
    for low, high in pairs:
        lowest = _least(low)
        highest = _greatest(high)
        if lowest is None or highest is None or not lowest < highest:
            continue
        if _is_depth(lowest, highest, head) or _is_declared(lowest, highest, values):
            return lowest, highest
    return None


def _least(value: Any) -> float | None:
    return None if value is None else float(np.min(value))


def _greatest(value: Any) -> float | None:
    return None if value is None else float(np.max(value))


def _is_depth(low: float, high: float, head: Head) -> bool:
    """The whole of 16 bits is the default of the tag, and says nothing."""
    if head.kind == "f":
        return (low, high) in ((0.0, 1.0), (0.0, 255.0))
    depths = [2.0**bits - 1 for bits in range(8, 32) if bits not in (16, head.n_bits)]
    return low == 0 and high in depths


def _is_declared(low: float, high: float, values: NDArray[Any]) -> bool:
    """A range around the values that is not their own, nor all that the samples can hold."""
    if values.dtype.kind in "ui":
        limits = np.iinfo(values.dtype)
        if high >= limits.max or low < limits.min:
            return False
    return low < float(values.min()) and high > float(values.max())


def read_samples(content: bytes, head: Head, path: Path) -> NDArray[Any]:
    """Read the samples of the first picture.

    Args:
        content: A file's bytes.
        head: Its head; width × height is within the limits.
        path: How errors name it.

    Returns:
        Integers or floats as stored, (height, width) or (height, width, channel).

    Raises:
        UnreadableFile: It is cut off, or packed in a way that needs a library that is missing.
    """
    if head.n_bits > 64 or (head.kind == "f" and head.n_bits not in (16, 32, 64)):
        raise _unknown(head, path)
    can = head.compression == _UNCOMPRESSED or head.compression in _DEFLATE
    samples = _own(content, head, path) if can else _by_library(content, head, path)
    return samples[..., 0] if samples.ndim == 3 and samples.shape[-1] == 1 else samples


def _unknown(head: Head, path: Path) -> UnreadableFile:
    return UnreadableFile(
        head.described(),
        where=path,
        allowed="integers of 1 to 64 bits and floats of 16, 32 and 64 bits are read",
        remedy="save it as 16-bit TIFF or PNG",
    )


def _by_library(content: bytes, head: Head, path: Path) -> NDArray[Any]:
    name = _COMPRESSIONS.get(head.compression, f"compression {head.compression}")
    try:
        from imagecodecs import tiff_decode
    except ImportError:
        raise UnreadableFile(
            f"{head.described()}, packed by {name}",
            where=path,
            allowed="without imagecodecs, uncompressed and Deflate are read",
            remedy='pip install "saywhere[clinic]", or save it without compression',
        ) from None
    try:
        samples = np.asarray(tiff_decode(content))
    except Exception as error:  # libtiff's, of damaged bytes and of what it does not know
        raise UnreadableFile(
            f"{head.described()}, packed by {name}, that cannot be unpacked",
            where=path,
            remedy="save it without compression",
        ) from error
    if head.is_by_channel and samples.ndim == 3:
        samples = np.moveaxis(samples, 0, -1)
    if samples.shape[:2] != (head.height, head.width):
        raise UnreadableFile(
            f"{head.described()} with samples of shape {samples.shape}",
            where=path,
            allowed=f"its head says {head.height} × {head.width}",
            remedy="export the file again",
        )
    return samples


@dataclass(frozen=True)
class _Piece:
    """A strip or a tile: where it stands in the picture, and in the file."""

    top: int
    left: int
    height: int
    width: int
    channel: int | None
    offset: int
    n_bytes: int


def _own(content: bytes, head: Head, path: Path) -> NDArray[Any]:
    dtype = _dtype(head)
    samples = np.zeros((head.height, head.width, head.n_samples), dtype)
    for piece in _pieces(head):
        n_channels = head.n_samples if piece.channel is None else 1
        block = _block(content, head, piece, n_channels, path)
        # A tile may reach over the border.
        height = min(piece.height, head.height - piece.top)
        width = min(piece.width, head.width - piece.left)
        rows = slice(piece.top, piece.top + height)
        columns = slice(piece.left, piece.left + width)
        channels = slice(None) if piece.channel is None else slice(piece.channel, piece.channel + 1)
        samples[rows, columns, channels] = block[:height, :width]
    return samples


def _dtype(head: Head) -> np.dtype[Any]:
    if head.n_bits <= 8:
        n_bytes = 1
    else:
        n_bytes = next(size for size in (2, 4, 8) if 8 * size >= head.n_bits)
    return np.dtype(f"{head.kind}{n_bytes}")


def _pieces(head: Head) -> Iterator[_Piece]:
    is_tiled = 322 in head.tags
    offsets = np.atleast_1d(head.tags.get(324 if is_tiled else 273, ()))
    sizes = np.atleast_1d(head.tags.get(325 if is_tiled else 279, ()))
    width = int(head.tags[322]) if is_tiled else head.width
    rows = int(head.tags[323]) if is_tiled else int(head.tags.get(278, head.height))
    rows = rows if is_tiled else min(max(rows, 1), head.height)
    across = math.ceil(head.width / width)
    down = math.ceil(head.height / rows)
    n_planes = head.n_samples if head.is_by_channel else 1
    if len(offsets) < across * down * n_planes or len(sizes) != len(offsets):
        raise EOFError("truncated: strips are missing")
    for number in range(across * down * n_planes):
        plane, place = divmod(number, across * down)
        row, column = divmod(place, across)
        top = row * rows
        yield _Piece(
            top=top,
            left=column * width,
            height=rows if is_tiled else min(rows, head.height - top),
            width=width,
            channel=plane if head.is_by_channel else None,
            offset=int(offsets[number]),
            n_bytes=int(sizes[number]),
        )


def _block(content: bytes, head: Head, piece: _Piece, n_channels: int, path: Path) -> NDArray[Any]:
    """(height, width, channel) of one strip or tile."""
    row_bytes = math.ceil(piece.width * n_channels * head.n_bits / 8)
    wanted = row_bytes * piece.height
    stored = content[piece.offset : piece.offset + piece.n_bytes]
    if head.compression in _DEFLATE:
        # Never more than the picture needs, whatever a hostile file would give.
        stored = zlib.decompressobj().decompress(stored, wanted)
    if len(stored) < wanted:
        raise EOFError("truncated: a strip is short")
    rows = np.frombuffer(stored, np.uint8, wanted).reshape(piece.height, row_bytes)
    if int(head.tags.get(266, 1)) == 2:
        rows = _REVERSED[rows]
    predictor = int(head.tags.get(317, _NO_PREDICTOR)) if head.compression in _DEFLATE else 1
    shape = (piece.height, piece.width, n_channels)
    if predictor == _FLOAT_DIFFERENCES:
        return _float_differences(rows, head, n_channels).reshape(shape)
    values = _values(rows, head, piece.width * n_channels).reshape(shape)
    if predictor == _NO_PREDICTOR:
        return values
    if predictor != _DIFFERENCES or head.kind == "f":
        raise _unknown(head, path)
    # Each value was stored as the difference from its left neighbour, modulo its range.
    return np.cumsum(values, axis=1, dtype=values.dtype)


def _values(rows: NDArray[np.uint8], head: Head, n_values: int) -> NDArray[Any]:
    """(height, n_values) in this machine's order of bytes."""
    dtype = _dtype(head)
    if head.n_bits == 8 * dtype.itemsize:
        stored = rows.view(dtype.newbyteorder(head.order))
        return stored.astype(dtype)
    # Packed without gaps within a row, the highest bit first.
    bits = np.unpackbits(rows, axis=1)[:, : n_values * head.n_bits]
    bits = bits.reshape(len(rows), n_values, head.n_bits)
    values = np.zeros((len(rows), n_values), f"u{dtype.itemsize}")
    for place in range(head.n_bits):
        values = (values << 1) | bits[..., place].astype(values.dtype)
    if head.kind == "i":
        sign = values.dtype.type(1 << (head.n_bits - 1))
        return (values ^ sign).astype(dtype) - dtype.type(int(sign))
    return values


def _float_differences(rows: NDArray[np.uint8], head: Head, n_channels: int) -> NDArray[Any]:
    """TIFF's predictor of floats: bytes of equal weight stand together, as differences."""
    summed = rows.reshape(len(rows), -1, n_channels)
    summed = np.cumsum(summed, axis=1, dtype=np.uint8).reshape(len(rows), head.n_bits // 8, -1)
    # The byte of the highest weight comes first, whatever the file's order.
    together = np.ascontiguousarray(np.moveaxis(summed, 1, -1))
    dtype = _dtype(head)
    return together.view(dtype.newbyteorder(">"))[..., 0].astype(dtype)
