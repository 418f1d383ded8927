"""NIfTI files (.nii, .nii.gz, NIfTI-2): images and masks in, slice by slice, upright.

A volume is cut into axial slices, as its affine says which these are; one that is a single slice
thick along another axis is cut across that axis. Each slice is shown as radiology does:

=========  ===================  ==================  =====================
slice      left edge            upper edge          `patient_orientation`
=========  ===================  ==================  =====================
axial      the patient's right  the front           ("L", "P")
coronal    the patient's right  the head            ("L", "F")
sagittal   the front            the head            ("P", "F")
=========  ===================  ==================  =====================

Nothing is resampled: an oblique volume is cut along its own axes, the nearest to these. Slices
have the volume's own numbers. `Geometry.volume` says how to put a mask back.

Grey values are rescaled by scl_slope and scl_inter. Black and white are cal_min and cal_max where
the file has them; else unscaled 8 bits are shown as they are, and all else between robust
percentiles of the whole volume (`saywhere.io.grey`), so that its slices share one scale.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from saywhere.errors import UnreadableFile
from saywhere.io.foreign import refusing
from saywhere.io.geometry import TO_RAS, Geometry, VolumeSlice, letters
from saywhere.io.grey import Range, percentiles, refuse_not_finite
from saywhere.io.nifti_file import (
    GZIP,
    HEAD_BYTES,
    affine_of,
    damaged,
    kind,
    open_image,
    read_header,
    require,
    shape_of,
    unpacked,
    voxels_of,
)

__all__ = [
    "NiftiFile",
    "NiftiSlice",
    "count_slices",
    "geometry_of",
    "is_nifti",
    "read",
    "read_labels",
    "require",
]

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Image

RIGHT, FRONT, HEAD = range(3)
"""World axes, as NIfTI counts them."""
# World axis that is cut across → those of the rows and of the columns. All are shown falling:
# the first row is the most frontal or the highest, the first column the rightmost or most frontal.
_VIEWS = {HEAD: (FRONT, RIGHT), FRONT: (HEAD, RIGHT), RIGHT: (HEAD, FRONT)}


@dataclass(frozen=True)
class NiftiSlice:
    """One slice.

    Attributes:
        pixels: uint8 (height, width) or (height, width, 3); of a mask its labels, int64.
        geometry: Where it lies; `geometry.volume.index` is its number in the file, from 0.
    """

    pixels: NDArray[Any]
    geometry: Geometry


@dataclass(frozen=True)
class NiftiFile:
    """All slices of a file.

    Attributes:
        slices: By rising number.
        notes: What a reader would not expect.
    """

    slices: tuple[NiftiSlice, ...]
    notes: tuple[str, ...]


def is_nifti(content: bytes) -> bool:
    """Is it a NIfTI file, packed or not?

    Args:
        content: A file's bytes, or its first thousand.

    Returns:
        True by the format's mark.
    """
    head = content[:HEAD_BYTES]
    if content.startswith(GZIP):
        try:
            head = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(content[:4096], HEAD_BYTES)
        except zlib.error:
            return False
    return kind(head) is not None


def read(content: bytes, path: Path) -> NiftiFile:
    """Read a NIfTI image.

    Args:
        content: All of its bytes.
        path: How errors name it.

    Returns:
        Its slices, as 8-bit pictures.

    Raises:
        MissingExtra: nibabel is not installed.
        UnreadableFile: It is damaged, over the limits, or of another number of dimensions;
            NotFinite where it holds NaN.
    """
    image = open_image(content, path)
    with refusing(damaged, path):
        notes = _notes(image)
        voxels, is_plain = voxels_of(image, path)
        if voxels.dtype.kind == "f":
            refuse_not_finite(voxels, path)
        window = None if is_plain else _window(image, voxels)
        slices = _cut(image, voxels)
        shown = tuple(NiftiSlice(_shown(s.pixels, window), s.geometry) for s in slices)
    return NiftiFile(shown, tuple(notes))


def read_labels(content: bytes, path: Path) -> NiftiFile:
    """Read a NIfTI mask.

    Args:
        content: All of its bytes.
        path: How errors name it.

    Returns:
        Its slices, int64, in the same frame as those of an image of the same affine.

    Raises:
        MissingExtra: nibabel is not installed.
        UnreadableFile: As `read`, and where its values are no whole numbers.
    """
    image = open_image(content, path)
    with refusing(damaged, path):
        voxels, _ = voxels_of(image, path)
        if voxels.ndim != 3 or (voxels.dtype.kind == "f" and (voxels != np.rint(voxels)).any()):
            raise UnreadableFile(
                "a NIfTI file of colours or fractions, where a mask is asked for",
                where=path,
                allowed="a mask holds whole numbers",
                remedy="save the labels as whole numbers",
            )
        slices = _cut(image, voxels.astype(np.int64))
    return NiftiFile(tuple(slices), ())


def count_slices(content: bytes, path: Path) -> int:
    """Say how many slices a file has, without reading its values.

    Args:
        content: All of its bytes, or its first thousand.
        path: How errors name it.

    Returns:
        As many as `read` gives.

    Raises:
        MissingExtra: nibabel is not installed.
        UnreadableFile: It is damaged, or of another number of dimensions.
    """
    with refusing(damaged, path):
        header, shape = _head(content, path)
        return shape[_cut_axis(shape, affine_of(header)[0])]


def geometry_of(content: bytes, path: Path) -> Geometry:
    """Say where a file's first slice lies, without reading its values.

    Args:
        content: All of its bytes, or its first thousand.
        path: How errors name it.

    Returns:
        The same as `read` gives.

    Raises:
        MissingExtra: nibabel is not installed.
        UnreadableFile: It is damaged, or of another number of dimensions.
    """
    with refusing(damaged, path):
        # Only the first: a header alone may claim any number of slices.
        return _geometry(*_head(content, path), 0)


def _head(content: bytes, path: Path) -> tuple[Any, tuple[int, int, int]]:
    """The header and the shape, of a file's beginning."""
    header = read_header(unpacked(content[:65536], path, HEAD_BYTES), path)
    return header, shape_of(header.get_data_shape(), path)


def _window(image: Nifti1Image, voxels: NDArray[Any]) -> Range:
    if stated := _stated(image):
        return stated
    low, high = percentiles(voxels)
    if low == high:
        # Nearly all is one value: what differs from it is what is shown.
        low, high = float(voxels.min()), float(voxels.max())
    return low, high if high > low else low + 1


def _stated(image: Nifti1Image) -> Range | None:
    low, high = (float(image.header[name]) for name in ("cal_min", "cal_max"))
    return (low, high) if np.isfinite(low) and np.isfinite(high) and low < high else None


def _shown(pixels: NDArray[Any], window: Range | None) -> NDArray[np.uint8]:
    if window is None:
        return np.ascontiguousarray(pixels)
    low, high = window
    unit = np.clip((pixels.astype(np.float64) - low) / (high - low), 0, 1)
    return np.rint(unit * 255).astype(np.uint8)


def _world_axes(affine: NDArray[np.float64]) -> list[tuple[int, bool]]:
    """Of each voxel axis: the nearest world axis, and does it rise with it?"""
    from nibabel.orientations import io_orientation

    return [(int(axis), bool(flip > 0)) for axis, flip in io_orientation(affine)]


def _cut_axis(shape: tuple[int, int, int], affine: NDArray[np.float64]) -> int:
    """The axis that is cut across: of one slice that of the slice, else the axial one."""
    thin = [axis for axis in range(3) if shape[axis] == 1]
    axial = [world for world, _ in _world_axes(affine)].index(HEAD)
    return thin[0] if len(thin) == 1 else axial


def _cut(image: Nifti1Image, voxels: NDArray[Any]) -> list[NiftiSlice]:
    shape = (voxels.shape[0], voxels.shape[1], voxels.shape[2])
    axis = _cut_axis(shape, affine_of(image.header)[0])
    slices = []
    for index in range(shape[axis]):
        geometry = _geometry(image.header, shape, index)
        assert geometry.volume is not None
        pixels = _show(geometry.volume, voxels.take(index, axis=axis))
        slices.append(NiftiSlice(pixels, geometry))
    return slices


def _show(volume: VolumeSlice, voxels: NDArray[Any]) -> NDArray[Any]:
    if voxels.ndim == 2:
        return volume.show(voxels)
    channels = [volume.show(voxels[..., channel]) for channel in range(voxels.shape[-1])]
    return np.stack(channels, axis=-1)


def _geometry(header: Any, shape: tuple[int, int, int], index: int) -> Geometry:
    """Where a slice lies, by the header alone."""
    affine, is_stated = affine_of(header)
    axis = _cut_axis(shape, affine)
    worlds = _world_axes(affine)
    rows, columns = _VIEWS[worlds[axis][0]]
    voxel_axis = {world: axis for axis, (world, _) in enumerate(worlds)}
    row_axis, column_axis = voxel_axis[rows], voxel_axis[columns]
    volume = VolumeSlice(
        affine=tuple(tuple(row) for row in affine.tolist()),
        shape=shape,
        axis=axis,
        index=index,
        is_transposed=row_axis > column_axis,
        is_row_flipped=worlds[row_axis][1],
        is_column_flipped=worlds[column_axis][1],
    )
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    to_right = _letters(affine[:3, column_axis], volume.is_column_flipped)
    to_bottom = _letters(affine[:3, row_axis], volume.is_row_flipped)
    return Geometry(
        size=(shape[row_axis], shape[column_axis]),
        spacing_mm=(float(sizes[row_axis]), float(sizes[column_axis])),
        thickness_mm=float(sizes[axis]),
        patient_orientation=(to_right, to_bottom) if is_stated else None,
        volume=volume,
    )


def _letters(step: NDArray[np.float64], is_flipped: bool) -> str:
    """Of the direction that a picture's axis shows."""
    along = TO_RAS @ step / np.linalg.norm(step)
    return letters(-along if is_flipped else along)


def _is_contradicted(image: Nifti1Image) -> bool:
    """Do its two statements name other axes or sides?"""
    codes = int(image.header["qform_code"]), int(image.header["sform_code"])
    if min(codes) <= 0:
        return False
    affines = np.asarray(image.header.get_qform()), np.asarray(image.header.get_sform())
    is_sound = all(np.isfinite(affine).all() for affine in affines)
    return is_sound and _world_axes(affines[0]) != _world_axes(affines[1])


def _notes(image: Nifti1Image) -> list[str]:
    notes = []
    if not affine_of(image.header)[1]:
        notes.append("it does not say how it lies: which side is left is not known")
    if _is_contradicted(image):
        notes.append(
            "its qform and sform lie differently: the sform counts, also for left and right"
        )
    if _stated(image) is not None:
        notes.append("its grey values are shown from its cal_min to its cal_max")
    return notes
