"""An image with its mask where either is DICOM or NIfTI: which mask belongs to which slice."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from saywhere.errors import UnreadableFile
from saywhere.io import clinic, dicom, images
from saywhere.io.geometry import Geometry
from saywhere.io.labels import StoredMask
from saywhere.io.source_reader import content_of
from saywhere.io.sources import Source

SAME_MM = 1e-3
"""Affines of an image and its mask that differ by less are one."""


def count_pictures(image: Source) -> int:
    """Say how many pictures a file has.

    Args:
        image: The file.

    Returns:
        0 for a plain picture; frames of a DICOM or slices of a NIfTI, and 1 where it cannot be
        read.

    Raises:
        MissingExtra: It is DICOM or NIfTI, and its library is not installed.
    """
    try:
        content = content_of(image)
    except UnreadableFile:
        return 0
    if clinic.kind_of(content) is None:
        return 0
    try:
        return clinic.count(content, image.file)
    except UnreadableFile:
        # It is no plain picture, whose bytes could be copied.
        return 1


def picture_of(image: Source) -> NDArray[np.uint8]:
    """Read one picture of a DICOM or NIfTI file.

    Args:
        image: The file, and the frame of it.

    Returns:
        uint8 (height, width), or of colour (height, width, 3).

    Raises:
        UnreadableFile: It cannot be read.
    """
    return _pictures(_file(image), _stamp(image)).pictures[image.frame - 1].pixels


def mask_of(image: Source, mask: Source) -> StoredMask:
    """Read the mask of one picture of a DICOM or NIfTI file.

    Args:
        image: The image's file, and the frame of it.
        mask: The mask's: of as many slices; a DICOM SEG's frames say themselves which image they
            were drawn on.

    Returns:
        Its values as stored.

    Raises:
        UnreadableFile: It cannot be read, or is of another volume.
    """
    masks = _masks(_file(image), _file(mask), (_stamp(image), _stamp(mask)))
    return masks[image.frame - 1]


def segmentation_of(mask: Source) -> dicom.Segmentation | None:
    """Read a DICOM SEG.

    Args:
        mask: A file.

    Returns:
        Its frames; None of any other file.

    Raises:
        MissingExtra: It is DICOM, and pydicom is not installed.
        UnreadableFile: It cannot be read.
    """
    return _segmentation(_file(mask), _stamp(mask))


def _file(source: Source) -> Source:
    """The file, whichever frame of it is meant."""
    return replace(source, frame=0)


def _stamp(source: Source) -> tuple[int, int]:
    """A file that was written anew is read anew."""
    status = source.path.stat()
    return status.st_mtime_ns, status.st_size


# One volume at a time: its slices come one after the other.
@lru_cache(maxsize=1)
def _pictures(image: Source, stamp: tuple[int, int]) -> clinic.Pictures:
    return clinic.read(content_of(image), image.file)


# One at a time as well: all slices of a series share one.
@lru_cache(maxsize=1)
def _segmentation(mask: Source, stamp: tuple[int, int]) -> dicom.Segmentation | None:
    return clinic.segmentation_of(content_of(mask), mask.file)


@lru_cache(maxsize=1)
def _masks(image: Source, mask: Source, stamps: tuple[tuple[int, int], ...]) -> list[StoredMask]:
    pictures = _pictures(image, stamps[0]).pictures
    path = mask.file
    segmentation = _segmentation(mask, stamps[1])
    if segmentation is not None:
        frames = _of_segmentation(segmentation, pictures, path)
    else:
        content = content_of(mask)
        if clinic.kind_of(content) is None:
            if len(pictures) > 1:
                raise _of_another(path, f"one picture for {len(pictures):,} slices")
            return [images.stored_mask(content, path)]
        frames = clinic.read_labels(content, path)
    if len(frames) != len(pictures):
        raise _of_another(path, f"{len(frames):,} slices for {len(pictures):,}")
    for picture, labels in zip(pictures, frames):
        _check_place(picture.geometry, labels.geometry, path)
    return [images.of_labels(labels) for labels in frames]


def _of_segmentation(
    segmentation: dicom.Segmentation, pictures: tuple[clinic.Picture, ...], mask: Path
) -> list[clinic.Labels]:
    of_each = [_of_image(segmentation, picture.geometry, mask) for picture in pictures]
    if not any(of_each):
        instances = [instance_of(picture.geometry) for picture in pictures]
        is_of_these = any(map(segmentation.belongs_to, instances))
        if not is_of_these and (segmentation.names_images or len(pictures) > 1):
            raise _of_another(mask, "a DICOM SEG that was drawn on other images")
        if not is_of_these:
            # A SEG that was exported without its references, of one picture.
            of_each = [segmentation.only_picture(mask)]
    return [clinic.of_segments(segmentation, layers) for layers in of_each]


def _of_image(
    segmentation: dicom.Segmentation, geometry: Geometry | None, mask: Path
) -> dicom.Layers:
    if geometry is None or geometry.source is None:
        return {}
    frames = segmentation.frames_of(instance_of(geometry), geometry, mask)
    return segmentation.layers(frames)


def instance_of(geometry: Geometry | None) -> str:
    """Name an image as other DICOM files do.

    Args:
        geometry: Of a DICOM image.

    Returns:
        Its SOPInstanceUID; empty where it has none. Never to be shown: it leads to a patient.
    """
    source = None if geometry is None else geometry.source
    return str(getattr(source, "SOPInstanceUID", "") or "")


def _check_place(image: Geometry | None, mask: Geometry | None, path: Path) -> None:
    """Two NIfTI files of one shape may lie in different places, or be mirrored."""
    if image is None or mask is None or image.volume is None or mask.volume is None:
        return
    if not np.allclose(image.volume.affine, mask.volume.affine, atol=SAME_MM):
        raise _of_another(path, "it lies elsewhere than its image, by its affine")


def _of_another(path: Path, problem: str) -> UnreadableFile:
    return UnreadableFile(
        f"a mask that does not fit its image ({problem})",
        where=path,
        allowed="a mask has the slices of its image",
        remedy="resample it onto the image, or pair the right files",
    )
