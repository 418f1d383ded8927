"""The clinic's formats, DICOM and NIfTI, behind one door: bytes → pictures or labels.

Both are known by their content, never by their name. `read` and `read_labels` are plain functions
of bytes whose answers can be pickled, so that they can run in a child process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from saywhere.errors import UnreadableFile
from saywhere.io import dicom, nifti
from saywhere.io.geometry import Geometry

Kind = Literal["DICOM", "NIfTI"]


class SeveralPictures(UnreadableFile):
    """The file holds several frames or slices, where one picture is asked for."""


@dataclass(frozen=True)
class Picture:
    """One frame or slice, upright.

    Attributes:
        pixels: uint8 (height, width), or of colour (height, width, 3).
        geometry: Where it lies; None where it is not known.
    """

    pixels: NDArray[np.uint8]
    geometry: Geometry | None


@dataclass(frozen=True)
class Pictures:
    """All pictures of a file.

    Attributes:
        kind: "DICOM" or "NIfTI".
        pictures: In the file's order: frames, or axial slices.
        notes: What a reader would not expect, such as "overlays are not drawn". No patient data.
    """

    kind: Kind
    pictures: tuple[Picture, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Labels:
    """One frame or slice of a mask, before any rule says which labels are foreground.

    Attributes:
        values: Whole numbers (height, width), in the frame of the image's picture.
        geometry: Where it lies; None for a DICOM SEG, whose `Segmentation` knows its images.
        is_lossy: Was it compressed with loss?
        segments: Of a DICOM SEG: a segment's number → its pixels, which may overlap. Then
            `values` has the number of the last one.
        names: Of a DICOM SEG: a segment's number → its label. It is free text of the header.
    """

    values: NDArray[np.integer[Any]]
    geometry: Geometry | None
    is_lossy: bool = False
    segments: Mapping[int, NDArray[np.bool_]] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict, repr=False)


def kind_of(content: bytes) -> Kind | None:
    """Tell the clinic's formats by their content.

    Args:
        content: A file's bytes, or at least its first thousand.

    Returns:
        "DICOM" or "NIfTI"; None for anything else.
    """
    if dicom.is_dicom(content):
        return "DICOM"
    return "NIfTI" if nifti.is_nifti(content) else None


def read(content: bytes, path: Path) -> Pictures:
    """Read all pictures of a file.

    Args:
        content: All of its bytes, of a kind that `kind_of` knows.
        path: How errors name it.

    Returns:
        At least one picture.

    Raises:
        MissingExtra: The clinic's libraries are not installed.
        UnreadableFile: It holds no image, is damaged, or over the limits.
    """
    if kind_of(content) == "DICOM":
        file = dicom.read(content, path)
        pictures = tuple(Picture(p.pixels, p.geometry) for p in file.pictures)
        return Pictures("DICOM", pictures, file.notes)
    volume = nifti.read(content, path)
    slices = tuple(Picture(s.pixels, s.geometry) for s in volume.slices)
    return Pictures("NIfTI", slices, volume.notes)


def read_one(content: bytes, path: Path) -> tuple[Picture, tuple[str, ...]]:
    """Read the picture of a file that holds one.

    Args:
        content: All of its bytes, of a kind that `kind_of` knows.
        path: How errors name it.

    Returns:
        The picture and the notes about it.

    Raises:
        SeveralPictures: It holds more than one.
        MissingExtra: The clinic's libraries are not installed.
        UnreadableFile: It holds no image, is damaged, or over the limits.
    """
    # Before anything is decoded: a volume may be large.
    _refuse_several(count(content, path), content, path)
    read_file = read(content, path)
    return read_file.pictures[0], read_file.notes


def geometry_of(content: bytes, path: Path) -> Geometry:
    """Say where the first picture of a file lies, without decoding its pixels.

    Args:
        content: All of its bytes, of a kind that `kind_of` knows.
        path: How errors name it.

    Returns:
        Its geometry.

    Raises:
        MissingExtra: The clinic's libraries are not installed.
        UnreadableFile: It is damaged.
    """
    if kind_of(content) == "DICOM":
        return dicom.geometries_of(content, path)[0]
    return nifti.geometry_of(content, path)


def count(content: bytes, path: Path) -> int:
    """Say how many pictures a file has, without decoding them.

    Args:
        content: All of its bytes.
        path: How errors name it.

    Returns:
        Frames of a DICOM, axial slices of a NIfTI.

    Raises:
        MissingExtra: The clinic's libraries are not installed.
        UnreadableFile: It is damaged.
    """
    if kind_of(content) == "DICOM":
        return dicom.count_frames(content, path)
    return nifti.count_slices(content, path)


def read_labels(content: bytes, path: Path) -> list[Labels]:
    """Read a mask: a DICOM SEG, a grey DICOM image of whole numbers, or a NIfTI.

    Args:
        content: All of its bytes, of a kind that `kind_of` knows.
        path: How errors name it.

    Returns:
        One a frame or slice; of a SEG its only picture, with the segments' numbers.

    Raises:
        MissingExtra: The clinic's libraries are not installed.
        UnreadableFile: It is no mask, is damaged, or over the limits; a SEG of several images.
    """
    if kind_of(content) == "NIfTI":
        volume = nifti.read_labels(content, path)
        return [Labels(s.pixels, s.geometry) for s in volume.slices]
    if dicom.is_segmentation(content, path):
        segmentation = dicom.read_segmentation(content, path)
        return [of_segments(segmentation, segmentation.only_picture(path))]
    frames, is_lossy = dicom.read_stored(content, path)
    return [Labels(frame, None, is_lossy) for frame in frames]


def of_segments(segmentation: dicom.Segmentation, layers: dicom.Layers) -> Labels:
    """Join the segments of one image.

    Args:
        segmentation: The SEG.
        layers: The pixels of each segment that marks any.

    Returns:
        Its labels.
    """
    values = np.zeros(segmentation.size, np.uint16)
    for number, pixels in layers.items():
        values[pixels] = number
    return Labels(values, None, segments=layers, names=segmentation.names)


def read_one_of_labels(content: bytes, path: Path) -> Labels:
    """Read the mask of one picture.

    Args:
        content: All of its bytes, of a kind that `kind_of` knows.
        path: How errors name it.

    Returns:
        Its labels.

    Raises:
        SeveralPictures: It holds more than one frame or slice.
        MissingExtra: The clinic's libraries are not installed.
        UnreadableFile: As `read_labels`.
    """
    frames = read_labels(content, path)
    _refuse_several(len(frames), content, path)
    return frames[0]


def _refuse_several(n_pictures: int, content: bytes, path: Path) -> None:
    if n_pictures == 1:
        return
    noun = "frames" if kind_of(content) == "DICOM" else "slices"
    raise SeveralPictures(
        f"a {kind_of(content)} file of {n_pictures:,} {noun}",
        where=path,
        allowed="one picture is asked for here",
        remedy="`saywhere predict` and `segment_volume` take all of them, `saywhere prepare "
        "folder` makes a row of each; or export the one that is meant",
    )
