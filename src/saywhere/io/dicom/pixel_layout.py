"""How a DICOM file's values lie in it: sizes, bits, colours, code; and what of it is refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from saywhere.errors import UnreadableFile
from saywhere.io.dicom.header import damaged, numbers, syntax_of, text
from saywhere.io.limits import MAX_PIXELS

if TYPE_CHECKING:
    from pydicom import Dataset

MAX_VOXELS = 400_000_000
"""Of all frames of a file together."""
RLE = "1.2.840.10008.1.2.5"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
UNCOMPRESSED = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", BIG_ENDIAN)
BASELINE = "1.2.840.10008.1.2.4.50"
JPEG = {
    BASELINE: "JPEG baseline",
    "1.2.840.10008.1.2.4.51": "JPEG extended",
    "1.2.840.10008.1.2.4.57": "JPEG lossless",
    "1.2.840.10008.1.2.4.70": "JPEG lossless",
}
JPEG_LS = {
    "1.2.840.10008.1.2.4.80": "JPEG-LS lossless",
    "1.2.840.10008.1.2.4.81": "JPEG-LS near-lossless",
}
JPEG_2000 = {
    "1.2.840.10008.1.2.4.90": "JPEG 2000 lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
    "1.2.840.10008.1.2.4.201": "HTJ2K lossless",
    "1.2.840.10008.1.2.4.202": "HTJ2K lossless",
    "1.2.840.10008.1.2.4.203": "HTJ2K",
}
LOSSY = frozenset({f"1.2.840.10008.1.2.4.{end}" for end in ("50", "51", "81", "91", "203")})
"""Transfer syntaxes whose values are only near those that were stored."""


@dataclass(frozen=True)
class Layout:
    """How the values lie in a file.

    Attributes:
        rows: Of a frame.
        columns: Of a frame.
        samples: 1 (grey, palette) or 3 (colour).
        frames: How many.
        allocated: Bits of a value in the file: 1, 8, 16, 32 or 64.
        n_bits: Bits of it that count.
        high_bit: The place of the highest of these.
        is_signed: Are the integers signed?
        is_float: Are they floating-point numbers?
        is_planar: Uncompressed: does the colour's red plane come first, then green, then blue?
        photometric: DICOM's PhotometricInterpretation.
        syntax: The transfer syntax's UID.
    """

    rows: int
    columns: int
    samples: int
    frames: int
    allocated: int
    n_bits: int
    high_bit: int
    is_signed: bool
    is_float: bool
    is_planar: bool
    photometric: str
    syntax: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a frame: (rows, columns), of colour (rows, columns, 3)."""
        return (self.rows, self.columns, 3)[: 3 if self.samples == 3 else 2]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the values in an uncompressed file."""
        integer = "i" if self.is_signed else "u"
        kind = "f" if self.is_float else integer
        order = ">" if self.syntax == BIG_ENDIAN else "<"
        return np.dtype(f"{order}{kind}{self.allocated // 8}")


def layout_of(dataset: Dataset, path: Path) -> Layout:
    """Read how the values lie in a file, and refuse what is over the limits.

    Args:
        dataset: As parsed.
        path: How errors name it.

    Returns:
        The layout, consistent in itself.

    Raises:
        UnreadableFile: A number is missing or impossible, or the frames are too large.
    """
    rows, columns = _count(dataset, "Rows"), _count(dataset, "Columns")
    samples = _count(dataset, "SamplesPerPixel", 1)
    is_float = "PixelData" not in dataset
    allocated = _count(dataset, "BitsAllocated", 64 if "DoubleFloatPixelData" in dataset else 32)
    n_bits = _count(dataset, "BitsStored", allocated)
    layout = Layout(
        rows=rows,
        columns=columns,
        samples=samples,
        frames=_count(dataset, "NumberOfFrames", 1) or 1,
        allocated=allocated,
        n_bits=n_bits,
        high_bit=_count(dataset, "HighBit", n_bits - 1),
        is_signed=_count(dataset, "PixelRepresentation") == 1,
        is_float=is_float,
        is_planar=_count(dataset, "PlanarConfiguration") == 1,
        photometric=(text(dataset, "PhotometricInterpretation") or "").upper(),
        syntax=syntax_of(dataset),
    )
    _check(layout, path)
    return layout


def _count(dataset: Dataset, keyword: str, default: int = 0) -> int:
    values = numbers(dataset, keyword)
    return int(values[0]) if values else default


def _check(layout: Layout, path: Path) -> None:
    sizes = (layout.rows, layout.columns, layout.frames)
    if min(sizes) < 1 or layout.samples not in (1, 3):
        raise damaged(path, "it does not say how large its picture is")
    if layout.rows * layout.columns > MAX_PIXELS:
        raise _too_large(path, f"{layout.columns} × {layout.rows} pixels", MAX_PIXELS, "a frame")
    n_voxels = layout.rows * layout.columns * layout.frames
    if n_voxels > MAX_VOXELS:
        raise _too_large(path, f"{n_voxels:,} pixels in all frames", MAX_VOXELS, "a file")
    allowed = (32, 64) if layout.is_float else (1, 8, 16, 32)
    is_fitting = 0 < layout.n_bits <= layout.allocated and (
        layout.n_bits - 1 <= layout.high_bit < layout.allocated
    )
    if layout.allocated not in allowed or not is_fitting:
        raise UnreadableFile(
            f"{layout.n_bits} bits in {layout.allocated}",
            where=path,
            allowed=f"a value has {', '.join(map(str, allowed))} bits",
            remedy="export the file again",
        )


def _too_large(path: Path, problem: str, limit: int, whose: str) -> UnreadableFile:
    return UnreadableFile(
        problem,
        where=path,
        allowed=f"{whose} has at most {limit:,} pixels",
        remedy="export fewer frames, or smaller ones",
    )
