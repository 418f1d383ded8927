"""An image with its mask where either is DICOM or NIfTI: which mask belongs to which slice."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from saywhere.errors import UnreadableFile
from saywhere.io import clinic, dicom, images
from saywhere.io.decode import read_bytes
from saywhere.io.geometry import Geometry
from saywhere.io.labels import StoredMask

SAME_MM = 1e-3
"""Affines of an image and its mask that differ by less are one."""


def count_pictures(path: Path) -> int:
    """Say how many pictures a file has.

    Args:
        path: The file.

    Returns:
        0 for a plain picture; frames of a DICOM or slices of a NIfTI, and 1 where it cannot be
        read.

    Raises:
        MissingExtra: It is DICOM or NIfTI, and its library is not installed.
    """
    try:
        content = read_bytes(path)
    except UnreadableFile:
        return 0
    if clinic.kind_of(content) is None:
        return 0
    try:
        return clinic.count(content, path)
    except UnreadableFile:
        # It is no plain picture, whose bytes could be copied.
        return 1


def picture_of(image: Path, frame: int) -> NDArray[np.uint8]:
    """Read one picture of a DICOM or NIfTI file.

    Args:
        image: The file.
        frame: Of it, from 1.

    Returns:
        uint8 (height, width), or of colour (height, width, 3).

    Raises:
        UnreadableFile: It cannot be read.
    """
    return _pictures(image, _stamp(image)).pictures[frame - 1].pixels


def mask_of(image: Path, mask: Path, frame: int) -> StoredMask:
    """Read the mask of one picture of a DICOM or NIfTI file.

    Args:
        image: The image's file.
        mask: The mask's: of as many slices; a DICOM SEG's frames say themselves which image they
            were drawn on.
        frame: Of the image, from 1.

    Returns:
        Its values as stored.

    Raises:
        UnreadableFile: It cannot be read, or is of another volume.
    """
    masks = _masks(image, mask, (_stamp(image), _stamp(mask)))
    return masks[frame - 1]


def _stamp(path: Path) -> tuple[int, int]:
    """A file that was written anew is read anew."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


# One volume at a time: its slices come one after the other.
@lru_cache(maxsize=1)
def _pictures(image: Path, stamp: tuple[int, int]) -> clinic.Pictures:
    return clinic.read(read_bytes(image), image)


@lru_cache(maxsize=1)
def _masks(image: Path, mask: Path, stamps: tuple[tuple[int, int], ...]) -> list[StoredMask]:
    pictures = _pictures(image, stamps[0]).pictures
    content = read_bytes(mask)
    if clinic.kind_of(content) == "DICOM" and dicom.is_segmentation(content, mask):
        frames = _of_segmentation(dicom.read_segmentation(content, mask), pictures, mask)
    elif clinic.kind_of(content) is None:
        if len(pictures) > 1:
            raise _of_another(mask, f"one picture for {len(pictures):,} slices")
        return [images.stored_mask(content, mask)]
    else:
        frames = clinic.read_labels(content, mask)
    if len(frames) != len(pictures):
        raise _of_another(mask, f"{len(frames):,} slices for {len(pictures):,}")
    for picture, labels in zip(pictures, frames):
        _check_place(picture.geometry, labels.geometry, mask)
    return [images.of_labels(labels) for labels in frames]


def _of_segmentation(
    segmentation: dicom.Segmentation, pictures: tuple[clinic.Picture, ...], mask: Path
) -> list[clinic.Labels]:
    of_each = [_of_image(segmentation, picture.geometry, mask) for picture in pictures]
    if any(labels.any() for labels in of_each):
        return [clinic.Labels(labels, None) for labels in of_each]
    instances = [_instance(picture.geometry) for picture in pictures]
    is_of_these = any(map(segmentation.belongs_to, instances))
    if not is_of_these and (segmentation.names_images or len(pictures) > 1):
        raise _of_another(mask, "a DICOM SEG that was drawn on other images")
    if not is_of_these:
        # A SEG that was exported without its references, of one picture.
        of_each = [segmentation.only_picture(mask)]
    return [clinic.Labels(labels, None) for labels in of_each]


def _of_image(
    segmentation: dicom.Segmentation, geometry: Geometry | None, mask: Path
) -> NDArray[np.int64]:
    if geometry is None or geometry.source is None:
        return np.zeros(segmentation.size, np.int64)
    return segmentation.of_image(_instance(geometry), geometry.frame, geometry.position, mask)


def _instance(geometry: Geometry | None) -> str:
    """An image's SOPInstanceUID; empty where it has none."""
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
