"""The values that a DICOM file stores, frame by frame, before any of them means a grey.

Compressed frames are decoded by imagecodecs (JPEG of 8 to 16 bits, lossy or not; JPEG-LS; JPEG
2000, high throughput too), or where it is not installed by openjpeg, pyjpegls and Pillow.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from saywhere.errors import UnreadableFile
from saywhere.io.dicom.codes import decoder, meaningful, unsupported
from saywhere.io.dicom.header import damaged, quietly
from saywhere.io.dicom.pixel_layout import BIG_ENDIAN, JPEG, JPEG_2000, LOSSY, UNCOMPRESSED, Layout
from saywhere.io.foreign import refusing

if TYPE_CHECKING:
    from pydicom import Dataset


def read_frames(dataset: Dataset, layout: Layout, path: Path) -> Iterator[NDArray[Any]]:
    """Decode all frames, one after the other.

    Args:
        dataset: As parsed, with pixels.
        layout: Of it.
        path: How errors name it.

    Yields:
        Values of `layout.shape` in the machine's byte order: the file's bits, without a rescale.
        Colours of JPEG and JPEG 2000 are RGB already (`is_rgb` says so).

    Raises:
        MissingExtra: A decoder is not installed.
        UnreadableFile: A frame is damaged or missing, or is encoded in a way that is not read.
    """
    with refusing(damaged, path):
        if layout.syntax in UNCOMPRESSED or layout.syntax.endswith("1.2.1.99"):
            yield from _uncompressed(dataset, layout, path)
        else:
            decode = decoder(layout.syntax, path)
            for content in _fragments(dataset, layout, path):
                yield _checked(decode(content, layout), layout, path)


def is_rgb(layout: Layout) -> bool:
    """Are decoded colours RGB, whatever the photometric interpretation says?

    Args:
        layout: Of the file.

    Returns:
        True where the decoder has undone the colour transform itself.
    """
    is_undone = layout.photometric in ("YBR_ICT", "YBR_RCT") and layout.syntax in JPEG_2000
    return layout.syntax in JPEG or is_undone


@quietly
def _pixel_bytes(dataset: Dataset) -> bytes:
    name = next(k for k in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if k in dataset)
    return bytes(dataset[name].value or b"")


def _uncompressed(dataset: Dataset, layout: Layout, path: Path) -> Iterator[NDArray[Any]]:
    content = _in_byte_order(_pixel_bytes(dataset), dataset, layout)
    if layout.allocated == 1:
        yield from _bits(content, layout, path)
        return
    n_values = layout.rows * layout.columns * layout.samples
    # Some programs write all three samples of every pixel in spite of the name.
    if layout.photometric == "YBR_FULL_422" and len(content) < n_values * layout.frames:
        yield from _subsampled(content, layout, path)
        return
    n_bytes = n_values * layout.dtype.itemsize
    _check_length(content, n_bytes * layout.frames, path)
    for start in range(0, n_bytes * layout.frames, n_bytes):
        values = np.frombuffer(content, layout.dtype, n_values, start)
        yield meaningful(_shaped(values, layout), layout)


def _in_byte_order(content: bytes, dataset: Dataset, layout: Layout) -> bytes:
    """Big-endian files swap the bytes of a pair even where a byte is a value of its own."""
    is_swapped = layout.allocated <= 8 and layout.syntax == BIG_ENDIAN
    if not is_swapped or dataset["PixelData"].VR != "OW":
        return content
    return np.frombuffer(content[: len(content) // 2 * 2], "<u2").byteswap().tobytes()


def _shaped(values: NDArray[Any], layout: Layout) -> NDArray[Any]:
    if layout.samples == 3 and layout.is_planar:
        return values.reshape(3, layout.rows, layout.columns).transpose(1, 2, 0)
    return values.reshape(layout.shape)


def _bits(content: bytes, layout: Layout, path: Path) -> Iterator[NDArray[Any]]:
    """One bit a pixel; frames follow each other without a gap, even within a byte."""
    n_pixels = layout.rows * layout.columns
    _check_length(content, -(-n_pixels * layout.frames // 8), path)
    packed = np.frombuffer(content, np.uint8)
    for number in range(layout.frames):
        first = number * n_pixels
        part = packed[first // 8 : -(-(first + n_pixels) // 8)]
        bits = np.unpackbits(part, bitorder="little")[first % 8 :][:n_pixels]
        yield bits.reshape(layout.shape)


def _subsampled(content: bytes, layout: Layout, path: Path) -> Iterator[NDArray[Any]]:
    """Two pixels share one colour: Y Y Cb Cr."""
    n_values = layout.rows * layout.columns * 2
    if layout.allocated != 8 or layout.columns % 2:
        raise unsupported("uncompressed YBR_FULL_422 of more than 8 bits or odd width", path)
    _check_length(content, n_values * layout.frames, path)
    for start in range(0, n_values * layout.frames, n_values):
        groups = np.frombuffer(content, np.uint8, n_values, start).reshape(-1, 4)
        colours = groups[:, [0, 2, 3, 1, 2, 3]]
        yield colours.reshape(layout.shape)


def _check_length(content: bytes, n_bytes: int, path: Path) -> None:
    if len(content) < n_bytes:
        raise UnreadableFile(
            f"a truncated DICOM file ({len(content):,} of {n_bytes:,} bytes of pixels)",
            where=path,
            remedy="fetch or export the file again",
        )


def _fragments(dataset: Dataset, layout: Layout, path: Path) -> Iterator[bytes]:
    """The compressed frames."""
    from pydicom.encaps import generate_frames

    offsets = _offsets(dataset)
    content = _pixel_bytes(dataset)
    n_read = 0
    frames = generate_frames(content, number_of_frames=layout.frames, extended_offsets=offsets)
    for frame in frames:
        if n_read == layout.frames:
            break
        n_read += 1
        yield frame
    if n_read < layout.frames:
        raise damaged(path, f"{n_read} of {layout.frames} frames are there")


@quietly
def _offsets(dataset: Dataset) -> tuple[bytes, bytes] | None:
    if "ExtendedOffsetTable" not in dataset or "ExtendedOffsetTableLengths" not in dataset:
        return None
    return dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths


def _checked(values: NDArray[Any], layout: Layout, path: Path) -> NDArray[Any]:
    """Decoded values with the sign and the range of the file's header."""
    if values.shape != layout.shape:
        raise damaged(path, "a frame of another size than its header says")
    if values.dtype.kind == "i" and not layout.is_signed:
        values = values.astype(np.int64) & (2**layout.n_bits - 1)
    if layout.syntax in LOSSY:
        # Lossy codes overshoot the range a little; cut off, and not wrapped round.
        is_signed = values.dtype.kind == "i"
        low = -(2 ** (layout.n_bits - 1)) if is_signed else 0
        high = 2 ** (layout.n_bits - 1) - 1 if is_signed else 2**layout.n_bits - 1
        values = np.clip(values, low, high)
    if layout.is_signed and values.dtype.kind == "u":
        return _with_sign(values, layout.n_bits)
    return values


def _with_sign(values: NDArray[Any], n_bits: int) -> NDArray[Any]:
    """Two's complement of some bits → signed integers."""
    wide = values.astype(np.int32) & (2**n_bits - 1)
    return np.where(wide >= 2 ** (n_bits - 1), wide - 2**n_bits, wide)
