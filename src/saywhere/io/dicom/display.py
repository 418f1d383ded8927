"""Stored values of a DICOM frame → the 8-bit picture that a viewer shows first.

Grey: modality rescale or LUT, then the file's VOI LUT or its first window, then MONOCHROME1 is
inverted. Where the file names neither, 8 bits are shown as they are, and deeper values between
robust percentiles of the whole file (`saywhere.io.grey`), so that its frames share one scale.
Padding is black. Colour: palettes are looked up, YBR becomes RGB, deep colours are scaled by the
bits stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from saywhere.errors import UnreadableFile
from saywhere.io.dicom.header import damaged, group, items, number, numbers, quietly, text
from saywhere.io.dicom.pixel_layout import BIG_ENDIAN, Layout
from saywhere.io.dicom.stored import is_rgb
from saywhere.io.dicom.voi import Table, Window
from saywhere.io.grey import Range, percentiles, refuse_not_finite

if TYPE_CHECKING:
    from pydicom import DataElement, Dataset

BLOCK = 1 << 20
"""Values that are converted at a time: a large film needs no whole copy in float64."""
GREY = ("MONOCHROME1", "MONOCHROME2", "")
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "YBR_PARTIAL_420")


@dataclass(frozen=True)
class Scale:
    """How a frame's grey values are shown.

    Attributes:
        slope: Of the rescale.
        intercept: Of the rescale.
        modality: The table that stands for the rescale, or None.
        voi: The table, the window, or the (black, white) values; None for as they are.
        is_inverted: Is the least value white?
        padding: (least, greatest) stored value of pixels that are none, or None.
    """

    slope: float
    intercept: float
    modality: Table | None
    voi: Table | Window | Range | None
    is_inverted: bool
    padding: tuple[float, float] | None

    def rescaled(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Apply the modality's table or rescale.

        Args:
            values: As stored.

        Returns:
            float64, such as Hounsfield units.
        """
        if self.modality is not None:
            return self.modality.look_up(values)
        return values.astype(np.float64) * self.slope + self.intercept

    def is_padding(self, values: NDArray[Any]) -> NDArray[np.bool_]:
        """Tell which pixels are none.

        Args:
            values: As stored.

        Returns:
            bool of the same shape.
        """
        if self.padding is None:
            return np.zeros(values.shape, bool)
        return (values >= self.padding[0]) & (values <= self.padding[1])

    def show(self, values: NDArray[Any], n_bits: int) -> NDArray[np.uint8]:
        """Bring stored values to 8 bits.

        Args:
            values: As stored.
            n_bits: What white is where nothing else says so.

        Returns:
            uint8 of the same shape, 0 black.
        """
        flat = values.reshape(-1)
        shown = np.empty(flat.size, np.uint8)
        for start in range(0, flat.size, BLOCK):
            part = flat[start : start + BLOCK]
            unit = self._to_unit(self.rescaled(part), n_bits)
            grey = np.rint((1 - unit if self.is_inverted else unit) * 255)
            grey[self.is_padding(part)] = 0
            shown[start : start + BLOCK] = grey
        return shown.reshape(values.shape)

    def _to_unit(self, values: NDArray[np.float64], n_bits: int) -> NDArray[np.float64]:
        if isinstance(self.voi, Window):
            return self.voi.to_unit(values)
        if isinstance(self.voi, Table):
            return np.clip(self.voi.look_up(values) / self.voi.top, 0, 1)
        low, high = self.voi or (0.0, 2.0**n_bits - 1)
        return np.clip((values - low) / (high - low), 0, 1)


def show_frames(
    frames: Sequence[NDArray[Any]], dataset: Dataset, layout: Layout, path: Path
) -> tuple[list[NDArray[np.uint8]], list[str]]:
    """Show all frames of a file.

    Args:
        frames: As stored.
        dataset: The header.
        layout: Of the file.
        path: How errors name it.

    Returns:
        uint8 (rows, columns) or (rows, columns, 3) a frame; and sentences about what a reader
        would not expect, without any value that may lead to a patient.

    Raises:
        UnreadableFile: Its colours are not read, or a table is damaged; NotFinite for floats.
    """
    for frame in frames:
        refuse_not_finite(frame, path)
    if layout.photometric == "PALETTE COLOR":
        tables = _palette(dataset, layout, path)
        return [_coloured(frame, tables) for frame in frames], []
    if layout.samples == 3:
        return [_rgb(frame, layout, path) for frame in frames], []
    if layout.photometric not in GREY:
        raise _no_colours(layout, path)
    scales, notes = scales_of(dataset, layout, path)
    scales = with_range(scales, frames, layout)
    return [scale.show(frame, layout.n_bits) for scale, frame in zip(scales, frames)], notes


@quietly
def scales_of(dataset: Dataset, layout: Layout, path: Path) -> tuple[list[Scale], list[str]]:
    """Read how a grey file's frames are shown.

    Args:
        dataset: The header.
        layout: Of the file.
        path: How errors name it.

    Returns:
        One a frame, and sentences as `show_frames` gives them.

    Raises:
        UnreadableFile: A table is damaged.
    """
    notes: dict[str, None] = {}
    modality = _first_table(items(dataset, "ModalityLUTSequence"), layout, path, layout.is_signed)
    is_inverted = _is_inverted(dataset, layout, notes)
    padding = _padding(dataset, layout)
    scales = []
    for frame in range(1, layout.frames + 1):
        rescale = group(dataset, "PixelValueTransformationSequence", frame) or dataset
        slope = _slope(rescale, notes)
        intercept = number(rescale, "RescaleIntercept", 0.0)
        window = group(dataset, "FrameVOILUTSequence", frame) or dataset
        voi = _voi(window, layout, notes, path, _is_below_zero(layout, slope, intercept))
        scales.append(Scale(slope, intercept, modality, voi, is_inverted, padding))
    return scales, list(notes)


def _slope(rescale: Dataset, notes: dict[str, None]) -> float:
    slope = number(rescale, "RescaleSlope", 1.0)
    if not slope:
        notes["its rescale slope is 0, which leaves nothing to see: 1 is used"] = None
    return slope or 1.0


def _is_below_zero(layout: Layout, slope: float, intercept: float) -> bool:
    """May a rescaled value be negative?"""
    return layout.is_signed or min(0.0, slope * (2.0**layout.n_bits - 1)) + intercept < 0


def _voi(
    source: Dataset, layout: Layout, notes: dict[str, None], path: Path, is_below_zero: bool
) -> Table | Window | None:
    tables = items(source, "VOILUTSequence")
    centers, widths = numbers(source, "WindowCenter"), numbers(source, "WindowWidth")
    if tables:
        if len(tables) > 1 or centers:
            notes["the file has several VOI LUTs or windows: the first LUT is used"] = None
        return _first_table(tables, layout, path, is_below_zero)
    if not centers or not widths:
        return None
    function = (text(source, "VOILUTFunction") or "LINEAR").upper()
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        notes["its window's function is unknown: it is taken as linear"] = None
        function = "LINEAR"
    if widths[0] < 1 if function == "LINEAR" else widths[0] <= 0:
        notes["its window has no width: it is left out"] = None
        return None
    if min(len(centers), len(widths)) > 1:
        notes[f"the first of {min(len(centers), len(widths))} windows is used"] = None
    return Window(centers[0], widths[0], function)


def _is_inverted(dataset: Dataset, layout: Layout, notes: dict[str, None]) -> bool:
    shape = text(dataset, "PresentationLUTShape")
    is_first = layout.photometric == "MONOCHROME1"
    if is_first and shape == "IDENTITY":
        notes["MONOCHROME1 and PresentationLUTShape disagree: the least value is white"] = None
    return is_first or shape == "INVERSE"


def _padding(dataset: Dataset, layout: Layout) -> tuple[float, float] | None:
    values = numbers(dataset, "PixelPaddingValue")
    if not values:
        return None
    limit = number(dataset, "PixelPaddingRangeLimit", values[0])
    first, last = (_signed(value, layout) for value in (values[0], limit))
    return min(first, last), max(first, last)


def _signed(value: float, layout: Layout) -> float:
    """Some programs write the padding of signed pixels as an unsigned number."""
    is_wrapped = layout.is_signed and value >= 2 ** (layout.allocated - 1)
    return value - 2.0**layout.allocated if is_wrapped else value


def with_range(scales: list[Scale], frames: Sequence[NDArray[Any]], layout: Layout) -> list[Scale]:
    """Take robust percentiles of a whole file that names no window and has more than 8 bits.

    Args:
        scales: One a frame.
        frames: As stored.
        layout: Of the file.

    Returns:
        Scales with black and white, where 8 bits alone do not say them.
    """
    is_plain = layout.n_bits <= 8 and not layout.is_float
    without = [scale for scale in scales if scale.voi is None]
    is_rescaled = any(_is_rescaled(scale) for scale in scales)
    if not without or (is_plain and not is_rescaled and not layout.is_signed):
        return scales
    values = np.concatenate([_sample(scale, frame) for scale, frame in zip(scales, frames)])
    low, high = percentiles(values) if values.size else (0.0, 1.0)
    if low == high:
        # Nearly all is one value: what differs from it is what is shown.
        others = values[values != low]
        low, high = (others.min(), others.max()) if others.size else (low, low + 1)
        low, high = (min(low, values.min()), high) if low == high else (low, high)
    voi = (float(low), float(high if high > low else low + 1))
    return [_with_voi(scale, voi) for scale in scales]


def _is_rescaled(scale: Scale) -> bool:
    return scale.modality is not None or (scale.slope, scale.intercept) != (1.0, 0.0)


def _with_voi(scale: Scale, voi: Range) -> Scale:
    return scale if scale.voi is not None else replace(scale, voi=voi)


def _sample(scale: Scale, frame: NDArray[Any]) -> NDArray[np.float32]:
    values = frame[~scale.is_padding(frame)]
    return scale.rescaled(values).astype(np.float32)


def _first_table(
    tables: Sequence[Dataset], layout: Layout, path: Path, is_below_zero: bool
) -> Table | None:
    if not tables:
        return None
    table = tables[0]
    try:
        length, first, n_bits = (int(part) for part in table.LUTDescriptor)
        # Where the values looked up may be negative, an unsigned number stands for one.
        first -= 65536 if is_below_zero and first >= 32768 else 0
        return _table(length, first, n_bits, _content(table["LUTData"], layout))
    except Exception as error:  # a damaged table of any kind
        raise damaged(path, f"its lookup table: {type(error).__name__}") from None


def _content(element: DataElement, layout: Layout) -> Any:
    """Entries as numbers, or as bytes of which the low one of a word comes first."""
    content = element.value
    if layout.syntax != BIG_ENDIAN or element.VR != "OW":
        return content
    return np.frombuffer(content[: len(content) // 2 * 2], "<u2").byteswap().tobytes()


def _table(length: int, first: int, n_bits: int, content: Any) -> Table:
    length = length or 65536  # 16 bits cannot hold it
    entries = _entries(content, length, n_bits)
    if len(entries) < length:
        raise EOFError("truncated")
    return Table(first, entries[:length].astype(np.float64), 2.0**n_bits - 1)


def _entries(content: Any, length: int, n_bits: int) -> NDArray[Any]:
    if not isinstance(content, (bytes, bytearray)):
        return np.asarray([content] if isinstance(content, int) else list(content))
    # Tables of 8 bits are stored a byte an entry, or a word an entry.
    is_bytes = n_bits <= 8 and len(content) <= length + 1
    if is_bytes:
        return np.frombuffer(content, np.uint8)
    return np.frombuffer(content[: len(content) // 2 * 2], "<u2")


@quietly
def _palette(dataset: Dataset, layout: Layout, path: Path) -> list[Table]:
    try:
        tables = [_channel(dataset, layout, name) for name in ("Red", "Green", "Blue")]
    except Exception as error:  # a damaged table of any kind
        raise damaged(path, f"its palette: {type(error).__name__}") from None
    return [_used(table) for table in tables]


def _channel(dataset: Dataset, layout: Layout, name: str) -> Table:
    descriptor = dataset[f"{name}PaletteColorLookupTableDescriptor"].value
    length, first, n_bits = (int(part) for part in descriptor)
    first -= 65536 if layout.is_signed and first >= 32768 else 0
    keyword = f"{name}PaletteColorLookupTableData"
    if keyword in dataset:
        return _table(length, first, n_bits, _content(dataset[keyword], layout))
    from pydicom.pixels.processing import _expand_segmented_lut

    content = _content(dataset[f"Segmented{keyword}"], layout)
    words = np.frombuffer(content, np.uint8 if n_bits <= 8 else "<u2").tolist()
    expanded = _expand_segmented_lut(tuple(words), "B" if n_bits <= 8 else "<H")
    return _table(length, first, n_bits, expanded)


def _used(table: Table) -> Table:
    """Some programs write 8-bit entries as 16-bit words, and say 16 bits."""
    is_narrow = table.top > 255 and table.entries.size > 0 and table.entries.max() <= 255
    return Table(table.first, table.entries, 255.0) if is_narrow else table


def _coloured(frame: NDArray[Any], tables: list[Table]) -> NDArray[np.uint8]:
    channels = [table.look_up(frame) * (255 / table.top) for table in tables]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def _rgb(frame: NDArray[Any], layout: Layout, path: Path) -> NDArray[np.uint8]:
    if layout.photometric not in COLOURS or layout.is_signed or layout.is_float:
        raise _no_colours(layout, path)
    top = 2.0**layout.n_bits - 1
    scaled = frame if layout.n_bits == 8 else np.rint(frame * (255 / top))
    colours = np.clip(scaled, 0, 255).astype(np.uint8)
    if layout.photometric == "RGB" or is_rgb(layout):
        return colours
    if layout.photometric not in ("YBR_FULL", "YBR_FULL_422"):
        raise _no_colours(layout, path)
    return _of_ybr(colours)


def _of_ybr(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """By PS3.3 C.7.6.3.1.2."""
    bright = colours[..., 0].astype(np.float64)
    blue, red = (colours[..., channel].astype(np.float64) - 128 for channel in (1, 2))
    rgb = (
        bright + 1.402 * red,
        bright - 0.344136 * blue - 0.714136 * red,
        bright + 1.772 * blue,
    )
    return np.clip(np.rint(np.stack(rgb, axis=-1)), 0, 255).astype(np.uint8)


def _no_colours(layout: Layout, path: Path) -> UnreadableFile:
    # The name is the file's own text: only known ones are quoted.
    known = (*GREY, *COLOURS, "PALETTE COLOR", "HSV", "ARGB", "CMYK", "YBR_PARTIAL_422", "XYB")
    name = layout.photometric if layout.photometric in known else "an unknown one"
    kind = "signed " if layout.is_signed else ""
    return UnreadableFile(
        f"a DICOM file of {kind}colours that are not read ({name})",
        where=path,
        allowed="MONOCHROME1, MONOCHROME2, PALETTE COLOR, RGB and YBR_FULL are",
        remedy="export it as RGB",
    )
