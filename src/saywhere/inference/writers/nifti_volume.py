"""NIfTI: the mask of one prompt as a volume, in the place of its image.

The slices of a NIfTI volume go back into the grid and affine of their file. DICOM slices become a
volume with the affine that their positions and orientation give. A plain picture lies nowhere: its
pixels count as 1 mm, columns run to the patient's left and rows to the feet, the first pixel's
centre in the origin, so that a viewer shows it upright.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saywhere.errors import UsageError
from saywhere.inference.answer import Answer
from saywhere.inference.writers.writer import Options, Paths, Scope, Writer, Written
from saywhere.io import files
from saywhere.io.geometry import Geometry

# Of neighbouring slices' distances, in parts of the distance: headers hold a few digits.
EVEN = 1e-2
PLAIN = np.array([[-1.0, 0, 0, 0], [0, 0, -1.0, 0], [0, -1.0, 0, 0], [0, 0, 0, 1.0]])
"""(column, row, slice) → mm in NIfTI's axes, of a picture that lies nowhere."""
Values = Callable[[Answer], NDArray[Any]]


def write(answers: Sequence[Answer], paths: Paths, options: Options) -> Written:
    """Write the answers to one prompt as NIfTI volumes.

    Args:
        answers: One per slice.
        paths: Where "nifti" (the mask, uint8) and "nifti_probability" (float32) go.
        options: None matters to this format.

    Returns:
        The parts, with a note where the place in space is not known.

    Raises:
        NotWritable: Where the folder takes no file.
        UsageError: Where slices are missing or do not lie in one even stack.
    """
    for part, path in paths.items():
        voxels, affine = volume_of(answers, VALUES[part])
        _write(voxels, affine, path)
    is_known = affine_of(answers[0].geometry) is not None
    note = "its place in space is not known: pixels count as 1 mm"
    return Written(tuple(paths), () if is_known or answers[0].geometry is None else (note,))


def volume_of(
    answers: Sequence[Answer], values: Values
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Assemble slices.

    Args:
        answers: One per slice.
        values: Gives an answer's pixels.

    Returns:
        (i, j, k) voxels and float64 (4, 4): voxel → mm in NIfTI's axes.

    Raises:
        UsageError: Where slices are missing or do not lie in one even stack.
    """
    geometry = answers[0].geometry
    if geometry is not None and geometry.volume is not None:
        return _of_nifti(answers, values)
    ordered, affine = _stacked(answers)
    # NIfTI's first axis is the column.
    return np.stack([values(answer).T for answer in ordered], axis=-1), affine


def affine_of(geometry: Geometry | None) -> NDArray[np.float64] | None:
    """Where a picture lies, see `Geometry.to_ras`; None for one that lies nowhere."""
    return None if geometry is None else geometry.to_ras()


def _of_nifti(
    answers: Sequence[Answer], values: Values
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    volumes = [answer.geometry.volume for answer in answers if answer.geometry is not None]
    first = volumes[0]
    assert first is not None
    indices = [volume.index for volume in volumes if volume is not None]
    if sorted(indices) != list(range(first.shape[first.axis])):
        raise UsageError(
            f"{len(set(indices))} slices of a volume of {first.shape[first.axis]}",
            allowed="a NIfTI mask holds each slice of its image once",
            remedy="predict the whole volume, or choose another --format",
        )
    voxels = np.zeros(first.shape, values(answers[0]).dtype)
    for answer, volume in zip(answers, volumes):
        assert volume is not None
        voxels[(slice(None),) * volume.axis + (volume.index,)] = volume.place(values(answer))
    return voxels, np.array(first.affine)


def _stacked(answers: Sequence[Answer]) -> tuple[list[Answer], NDArray[np.float64]]:
    """In their order along the stack, with the affine of all of them."""
    affines = [affine_of(answer.geometry) for answer in answers]
    if len({answer.mask.shape for answer in answers}) > 1:
        raise _uneven("slices of several sizes")
    if any(affine is None for affine in affines):
        return list(answers), _scaled(answers[0].geometry)
    known = [affine for affine in affines if affine is not None]
    if len(known) == 1:
        return list(answers), known[0]
    first = known[0]
    if not all(np.allclose(one[:3, :2], first[:3, :2], atol=1e-4) for one in known):
        raise _uneven("slices that are turned against each other")
    normal = np.cross(first[:3, 0], first[:3, 1])
    normal /= np.linalg.norm(normal)
    places = np.array([one[:3, 3] @ normal for one in known])
    order = np.argsort(places, kind="stable")
    origins = np.array([known[i][:3, 3] for i in order])
    return [answers[i] for i in order], _along(first, origins)


def _along(first: NDArray[np.float64], origins: NDArray[np.float64]) -> NDArray[np.float64]:
    """The affine of a stack whose slices begin at these points; UsageError where it is uneven."""
    steps = np.diff(origins, axis=0)
    step = (origins[-1] - origins[0]) / (len(origins) - 1)
    length = float(np.linalg.norm(step))
    if not length or np.abs(steps - step).max() > EVEN * length:
        raise _uneven("slices at uneven distances, or several in one place")
    affine = first.copy()
    affine[:3, 2] = step
    affine[:3, 3] = origins[0]
    return affine


def _scaled(geometry: Geometry | None) -> NDArray[np.float64]:
    """PLAIN, with the pixels' size where it is known."""
    rows_mm, columns_mm = (geometry.spacing_mm if geometry else None) or (1.0, 1.0)
    return PLAIN @ np.diag([columns_mm, rows_mm, 1.0, 1.0])


def _uneven(problem: str) -> UsageError:
    return UsageError(
        problem,
        allowed="a NIfTI volume is one even stack",
        remedy="predict them one by one, or choose another --format, such as dicom-seg",
    )


def _write(voxels: NDArray[Any], affine: NDArray[np.float64], path: Path) -> None:
    # It comes with an extra, so it is loaded only when it is used.
    import nibabel

    image = nibabel.Nifti1Image(voxels, affine)
    image.header.set_xyzt_units("mm")
    # Both forms, since readers differ in which they look at. The affine is float32 in the file.
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner", strip_shears=True)
    content = image.to_bytes()
    files.write_bytes(path, _packed(content))


def _packed(content: bytes) -> bytes:
    import gzip

    # No time in the header: equal masks are equal files.
    return gzip.compress(content, mtime=0)


VALUES: dict[str, Values] = {
    "nifti": lambda answer: answer.mask.astype(np.uint8),
    "nifti_probability": lambda answer: answer.probability,
}
"""Part → its voxels."""
WRITER = Writer(
    {"nifti": "-mask.nii.gz", "nifti_probability": "-probability.nii.gz"},
    write,
    scope=Scope.VOLUME,
    kinds={"nifti": "mask", "nifti_probability": "probability"},
    packages=("nibabel",),
    extra="clinic",
)
