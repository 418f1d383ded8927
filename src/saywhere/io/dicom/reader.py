"""DICOM bytes → the pictures in them, as a viewer shows them, and where they lie.

`read` is a plain function of bytes, and its answer can be pickled: it can run in a child process.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from saywhere.errors import UnreadableFile
from saywhere.io.dicom import display, header, place, stored, values
from saywhere.io.dicom.pixel_layout import LOSSY, Layout, layout_of
from saywhere.io.foreign import refusing
from saywhere.io.geometry import Geometry

if TYPE_CHECKING:
    from pydicom import Dataset


@dataclass(frozen=True)
class DicomPicture:
    """One frame.

    Attributes:
        pixels: uint8 (rows, columns), or of colour (rows, columns, 3).
        geometry: Where it lies.
    """

    pixels: NDArray[np.uint8]
    geometry: Geometry


@dataclass(frozen=True)
class DicomFile:
    """All frames of a file.

    Attributes:
        pictures: In the file's order.
        notes: What a reader would not expect, such as "overlays are not drawn". No patient data.
    """

    pictures: tuple[DicomPicture, ...]
    notes: tuple[str, ...]


def read(content: bytes, path: Path) -> DicomFile:
    """Read the images of a DICOM file.

    Args:
        content: All of its bytes.
        path: How errors name it.

    Returns:
        Its frames.

    Raises:
        MissingExtra: A library is not installed.
        UnreadableFile: It is no image, damaged, over the limits, or a mask (SEG).
    """
    dataset = header.parse(content, path)
    with refusing(header.damaged, path):
        refuse_others(dataset, path)
        layout = _layout(dataset, path)
        frames = list(stored.read_frames(dataset, layout, path))
        shown, notes = display.show_frames(frames, dataset, layout, path)
        places = place.geometries(dataset, layout)
        notes += _notes(dataset)
    pictures = tuple(map(DicomPicture, shown, places))
    return DicomFile(pictures, tuple(notes))


def read_stored(content: bytes, path: Path) -> tuple[list[NDArray[Any]], bool]:
    """Read the stored values of a grey DICOM image, for a mask that was saved as an image.

    Args:
        content: All of its bytes.
        path: How errors name it.

    Returns:
        Integers (rows, columns) a frame; and whether they were compressed with loss.

    Raises:
        MissingExtra: A library is not installed.
        UnreadableFile: It is no grey image, damaged or over the limits.
    """
    dataset = header.parse(content, path)
    with refusing(header.damaged, path):
        refuse_others(dataset, path)
        layout = _layout(dataset, path)
        if layout.samples != 1 or layout.is_float:
            raise UnreadableFile(
                "a DICOM file of colours or fractions, where a mask is asked for",
                where=path,
                allowed="a mask is a SEG, or grey whole numbers",
                remedy="export the segmentation as DICOM SEG",
            )
        frames = list(stored.read_frames(dataset, layout, path))
    return frames, layout.syntax in LOSSY


def read_values(
    content: bytes, path: Path
) -> tuple[NDArray[np.float64], tuple[float, float], bool] | None:
    """Read the first frame's values in the file's own units.

    Args:
        content: All of its bytes.
        path: How errors name it.

    Returns:
        As `values.grey_values` gives them; None for a picture of colours.

    Raises:
        MissingExtra: A library is not installed.
        UnreadableFile: It is no image, damaged or over the limits.
    """
    dataset = header.parse(content, path)
    with refusing(header.damaged, path):
        refuse_others(dataset, path)
        layout = _layout(dataset, path)
        if layout.photometric not in display.GREY:
            return None
        frame = next(iter(stored.read_frames(dataset, layout, path)))
        return values.grey_values(frame, dataset, layout, path)


def geometries_of(content: bytes, path: Path) -> list[Geometry]:
    """Say where a file's frames lie, without decoding them.

    Args:
        content: All of its bytes.
        path: How errors name it.

    Returns:
        One geometry a frame.

    Raises:
        MissingExtra: pydicom is not installed.
        UnreadableFile: It is damaged.
    """
    dataset = header.parse(content, path)
    with refusing(header.damaged, path):
        refuse_others(dataset, path)
        return place.geometries(dataset, _layout(dataset, path))


def header_of(content: bytes, path: Path) -> Any:
    """Parse a file's header, for the DICOM files that will refer to it.

    Args:
        content: All of its bytes, which a child process has parsed before under its limits.
        path: How errors name it.

    Returns:
        `pydicom.Dataset` with file meta and without pixels. It holds the patient's name.

    Raises:
        MissingExtra: pydicom is not installed.
        UnreadableFile: It is damaged.
    """
    return header.parse(content, path, with_pixels=False)


def count_frames(content: bytes, path: Path) -> int:
    """Say how many frames a file has, without decoding them.

    Args:
        content: All of its bytes.
        path: How errors name it.

    Returns:
        At least 1.

    Raises:
        MissingExtra: pydicom is not installed.
        UnreadableFile: It is damaged.
    """
    dataset = header.parse(content, path, with_pixels=False)
    with header.quiet():
        return _n_frames(dataset)


def _n_frames(dataset: Dataset) -> int:
    return max(1, int(header.number(dataset, "NumberOfFrames", 1)))


def count_pixels(content: bytes, path: Path) -> int:
    """Say how many pixels all frames have together, without decoding them.

    Args:
        content: All of its bytes.
        path: How errors name it.

    Returns:
        Frames × rows × columns, as the file claims; 0 where it does not say.

    Raises:
        MissingExtra: pydicom is not installed.
        UnreadableFile: It is damaged.
    """
    dataset = header.parse(content, path, with_pixels=False)
    with header.quiet():
        n_rows, n_columns = (header.number(dataset, name, 0) for name in ("Rows", "Columns"))
        return _n_frames(dataset) * int(n_rows * n_columns)


@header.quietly
def refuse_others(dataset: Dataset, path: Path) -> None:
    """Refuse what is no image: other objects, by what they are, and masks.

    Args:
        dataset: As parsed.
        path: How errors name it.

    Raises:
        UnreadableFile: For documents, reports, structures, directories and SEGs.
    """
    header.refuse_without_pixels(dataset, path)
    if header.text(dataset, "SOPClassUID") in header.SEGMENTATIONS:
        raise UnreadableFile(
            "a DICOM SEG, which holds masks and no image",
            where=path,
            allowed="an image is asked for here",
            remedy="name the image that it was drawn on; the SEG can be its mask",
        )


@header.quietly
def _layout(dataset: Dataset, path: Path) -> Layout:
    return layout_of(dataset, path)


@header.quietly
def _notes(dataset: Dataset) -> list[str]:
    notes = []
    # Iterating over the data set itself would convert every value.
    groups = {int(tag) >> 16 for tag in dataset.keys()}  # noqa: SIM118
    if groups & set(range(0x6000, 0x6100, 2)):
        notes.append("its overlays (drawings, text) are not drawn")
    aspect = header.numbers(dataset, "PixelAspectRatio") or header.numbers(dataset, "PixelSpacing")
    if len(aspect) == 2 and min(aspect) > 0 and not np.isclose(aspect[0], aspect[1], rtol=0.01):
        ratio = f"{aspect[0] / aspect[1]:.3g}"
        notes.append(f"its pixels are not square (height : width = {ratio}); none is added")
    if header.text(dataset, "BurnedInAnnotation") == "YES":
        notes.append("it has text burned into its pixels, which may name the patient")
    return notes
