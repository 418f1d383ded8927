"""Where a picture's pixels lie in a patient or in a volume: what a mask needs to lie there too.

A picture is read upright, (height, width). `Geometry` travels with it, through `Answer.geometry`,
to the writers. Everything here is plain numbers, so that it goes through a child process; only
`source` is an object of another library, and only `io/` and `inference/writers/` look into it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = tuple[float, float, float]
"""Millimetres, or the parts of a direction, along a patient's axes."""
Affine = tuple[tuple[float, float, float, float], ...]
"""4 × 4, row by row: (i, j, k, 1) of a voxel → (x, y, z, 1) mm in NIfTI's axes, RAS.

x goes to the patient's right, y to the front, z to the head.
"""


@dataclass(frozen=True)
class VolumeSlice:
    """Which voxels of a NIfTI volume a picture shows, and how they lie in it.

    A picture is a slice of the volume, transposed and mirrored so that it is upright (see
    `saywhere.io.nifti`). `place` undoes that.

    Attributes:
        affine: The file's own, voxel → RAS mm. Identity with voxel sizes where the file has none.
        shape: Of the whole volume, (i, j, k), as nibabel gives it. A 2-D file has k = 1.
        axis: The volume's axis that is cut across, 0, 1 or 2.
        index: The slice's place along that axis, from 0.
        is_transposed: Do the volume's two other axes lie as (column, row) in the picture?
        is_row_flipped: Does the picture's row 0 show the last voxel of its axis?
        is_column_flipped: Does the picture's column 0 show the last voxel of its axis?
    """

    affine: Affine
    shape: tuple[int, int, int]
    axis: int
    index: int
    is_transposed: bool
    is_row_flipped: bool
    is_column_flipped: bool

    def show(self, voxels: NDArray[Any]) -> NDArray[Any]:
        """Bring a slice of the volume into the picture's frame.

        Args:
            voxels: (a, b): the volume at `index` along `axis`, its other axes in their order.

        Returns:
            (height, width), upright.
        """
        picture = voxels.T if self.is_transposed else voxels
        picture = picture[::-1] if self.is_row_flipped else picture
        return picture[:, ::-1] if self.is_column_flipped else picture

    def place(self, picture: NDArray[Any]) -> NDArray[Any]:
        """Bring a picture, such as its mask, back into the volume's frame.

        Write it so: `volume[(slice(None),) * axis + (index,)] = geometry.volume.place(mask)`.

        Args:
            picture: (height, width), in the picture's frame.

        Returns:
            (a, b): a slice across `axis`, the volume's other axes in their order.
        """
        voxels = picture[:, ::-1] if self.is_column_flipped else picture
        voxels = voxels[::-1] if self.is_row_flipped else voxels
        return voxels.T if self.is_transposed else voxels


@dataclass(frozen=True)
class Geometry:
    """Where a picture lies: as much of it as its file says.

    A plain picture (PNG, JPEG, TIFF, BMP) has none: `Answer.geometry` is None. A DICOM file may
    leave any of it out, and then the field is None; nothing is made up. Rows and columns are those
    of the picture that was segmented, in its original frame.

    Attributes:
        size: (height, width) of the picture in pixels; a mask that is written has it as well.
        spacing_mm: (between rows, between columns): the height and the width of a pixel.
        is_spacing_at_detector: Is `spacing_mm` measured at the detector of a projection
            (ImagerPixelSpacing), so that the patient is smaller by an unknown factor?
        thickness_mm: Of the slice.
        position: DICOM's ImagePositionPatient: the centre of the first pixel, (x, y, z) mm, in
            DICOM's axes (x to the patient's left, y to the back, z to the head).
        orientation: DICOM's ImageOrientationPatient: the direction of a row (towards greater
            columns), then that of a column (towards greater rows), six cosines in DICOM's axes.
        frame_of_reference: DICOM's FrameOfReferenceUID.
        patient_orientation: As DICOM's PatientOrientation: what lies at the right edge of the
            picture, then what lies at its lower edge: L, R, A (front), P (back), H, F or several of
            them, such as ("L", "F") for a frontal film seen from the front. It is DICOM's own
            where the file has it, else made of `orientation` or of NIfTI's affine.
        view_position: DICOM's ViewPosition, such as "PA", "AP", "LL", "MLO".
        laterality: "L", "R" or "B" (both), of the body part, by ImageLaterality, Laterality or
            FrameLaterality.
        modality: DICOM's, such as "CT", "DX", "US"; None for NIfTI.
        frame: The frame's number in a multi-frame file, from 1, as DICOM counts; None for a file
            of one frame.
        volume: The slice of a NIfTI volume; None for DICOM.
        source: A DICOM file's header (`pydicom.Dataset` with file meta) without its pixels, enough
            for highdicom to reference it; of a multi-frame file it is the whole file's, and `frame`
            says which. None for NIfTI. It holds the patient's name: never print or log it.
    """

    size: tuple[int, int]
    spacing_mm: tuple[float, float] | None = None
    is_spacing_at_detector: bool = False
    thickness_mm: float | None = None
    position: Vector | None = None
    orientation: tuple[float, float, float, float, float, float] | None = None
    # A UID can lead to a patient, so it is not shown.
    frame_of_reference: str | None = field(default=None, repr=False)
    patient_orientation: tuple[str, str] | None = None
    view_position: str | None = None
    laterality: str | None = None
    modality: str | None = None
    frame: int | None = None
    volume: VolumeSlice | None = None
    source: Any = field(default=None, repr=False, compare=False)

    def to_ras(self) -> NDArray[np.float64] | None:
        """Tell where the pixels lie in space.

        Returns:
            float64 (4, 4): (column, row, 0, 1) of a pixel's centre → (x, y, z, 1) mm in NIfTI's
            axes, RAS. The third column is the slice's normal: one thickness long, or 1 mm; of a
            NIfTI volume a step to the next slice. None where the file does not say.
        """
        if self.volume is not None:
            return _of_volume(self.volume)
        if self.position is None or self.orientation is None or self.spacing_mm is None:
            return None
        return _of_dicom(self.position, self.orientation, self.spacing_mm, self.thickness_mm)


def letters(direction: NDArray[np.float64]) -> str:
    """Name a direction in a patient as DICOM's PatientOrientation does.

    Args:
        direction: (x, y, z) in DICOM's axes: to the left, to the back, to the head.

    Returns:
        Letters, the strongest first, such as "L", or "LF" for an oblique one.
    """
    names = [("R", "L"), ("A", "P"), ("F", "H")]
    # A few degrees of tilt are how a patient lies, not an oblique cut.
    strong = [axis for axis in range(3) if abs(direction[axis]) > OBLIQUE]
    strong.sort(key=lambda axis: -abs(direction[axis]))
    return "".join(names[axis][int(direction[axis] > 0)] for axis in strong)


OBLIQUE = 0.3
"""The part of a direction, as a cosine, from which on `letters` names an axis (17 degrees)."""
TO_RAS = np.diag([-1.0, -1.0, 1.0])
"""DICOM's axes (left, back, head) → NIfTI's (right, front, head), and back."""


def _of_dicom(
    position: Vector,
    orientation: tuple[float, ...],
    spacing_mm: tuple[float, float],
    thickness_mm: float | None,
) -> NDArray[np.float64]:
    along_row = np.array(orientation[:3])
    along_column = np.array(orientation[3:])
    matrix = np.eye(4)
    # A step to the next column goes along the row, by the distance between columns.
    matrix[:3, 0] = TO_RAS @ along_row * spacing_mm[1]
    matrix[:3, 1] = TO_RAS @ along_column * spacing_mm[0]
    matrix[:3, 2] = TO_RAS @ np.cross(along_row, along_column) * (thickness_mm or 1.0)
    matrix[:3, 3] = TO_RAS @ np.array(position)
    return matrix


def _of_volume(volume: VolumeSlice) -> NDArray[np.float64]:
    first, second = (axis for axis in range(3) if axis != volume.axis)
    row_axis, column_axis = (second, first) if volume.is_transposed else (first, second)
    to_voxel = np.zeros((4, 4))
    to_voxel[3, 3] = 1
    to_voxel[volume.axis, 2] = 1
    to_voxel[volume.axis, 3] = volume.index
    flips = ((column_axis, 0, volume.is_column_flipped), (row_axis, 1, volume.is_row_flipped))
    for axis, step, is_flipped in flips:
        to_voxel[axis, step] = -1 if is_flipped else 1
        to_voxel[axis, 3] = volume.shape[axis] - 1 if is_flipped else 0
    return np.array(volume.affine) @ to_voxel
