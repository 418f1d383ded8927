"""A DICOM header → `Geometry`: where each frame lies in the patient."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from saywhere.io.dicom.header import PIXELS, group, numbers, quietly, text
from saywhere.io.dicom.pixel_layout import Layout
from saywhere.io.geometry import Geometry, letters

if TYPE_CHECKING:
    from pydicom import Dataset

_DIRECTIONS = frozenset("LRAPHF")


@quietly
def geometries(dataset: Dataset, layout: Layout) -> list[Geometry]:
    """Say where every frame lies.

    Args:
        dataset: As parsed.
        layout: Of the file.

    Returns:
        One a frame, in their order. They share one `source`.
    """
    source = _without_pixels(dataset)
    return [_of_frame(dataset, layout, frame, source) for frame in range(1, layout.frames + 1)]


def _of_frame(dataset: Dataset, layout: Layout, frame: int, source: Dataset) -> Geometry:
    measures = group(dataset, "PixelMeasuresSequence", frame) or dataset
    plane = group(dataset, "PlanePositionSequence", frame) or dataset
    turned = group(dataset, "PlaneOrientationSequence", frame) or dataset
    anatomy = group(dataset, "FrameAnatomySequence", frame) or dataset
    orientation = _unit(numbers(turned, "ImageOrientationPatient"))
    spacing_mm, is_at_detector = _spacing(measures, dataset)
    return Geometry(
        size=(layout.rows, layout.columns),
        spacing_mm=spacing_mm,
        is_spacing_at_detector=is_at_detector,
        thickness_mm=_positive(numbers(measures, "SliceThickness")),
        position=_exactly(numbers(plane, "ImagePositionPatient"), 3),
        orientation=orientation,
        frame_of_reference=text(dataset, "FrameOfReferenceUID"),
        patient_orientation=_patient_orientation(dataset, orientation),
        view_position=_code(dataset, "ViewPosition"),
        laterality=_laterality(dataset, anatomy),
        modality=_code(dataset, "Modality"),
        frame=frame if "NumberOfFrames" in dataset and layout.frames > 1 else None,
        source=source,
    )


def _without_pixels(dataset: Dataset) -> Dataset:
    source = copy(dataset)
    for keyword in PIXELS:
        if keyword in source:
            delattr(source, keyword)
    return source


def _spacing(measures: Dataset, dataset: Dataset) -> tuple[tuple[float, float] | None, bool]:
    """In the patient where the file has it, else on the detector or the scanned film."""
    if in_patient := _pair(numbers(measures, "PixelSpacing")):
        return in_patient, False
    at_detector = _pair(numbers(dataset, "ImagerPixelSpacing"))
    return at_detector or _pair(numbers(dataset, "NominalScannedPixelSpacing")), True


def _pair(values: list[float]) -> tuple[float, float] | None:
    return (values[0], values[1]) if len(values) == 2 and min(values) > 0 else None


def _positive(values: list[float]) -> float | None:
    return values[0] if len(values) == 1 and values[0] > 0 else None


def _exactly(values: list[float], n: int) -> Any:
    return tuple(values) if len(values) == n else None


def _unit(values: list[float]) -> Any:
    """Six cosines of two directions at right angles; None for anything else."""
    if len(values) != 6:
        return None
    row, column = np.array(values[:3]), np.array(values[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    is_sound = np.allclose(lengths, 1, atol=0.01) and abs(row @ column) < 0.01
    return tuple(values) if is_sound else None


def _patient_orientation(
    dataset: Dataset, orientation: tuple[float, ...] | None
) -> tuple[str, str] | None:
    value = dataset.get("PatientOrientation")
    parts = (
        [str(part).strip().upper() for part in value or []] if not isinstance(value, str) else []
    )
    if len(parts) == 2 and all(part and set(part) <= _DIRECTIONS for part in parts):
        return parts[0], parts[1]
    if orientation is None:
        return None
    return letters(np.array(orientation[:3])), letters(np.array(orientation[3:]))


def _laterality(dataset: Dataset, anatomy: Dataset) -> str | None:
    for source, keyword in (
        (anatomy, "FrameLaterality"),
        (dataset, "ImageLaterality"),
        (dataset, "Laterality"),
    ):
        value = text(source, keyword)
        if value in ("L", "R", "B"):
            return value
    return None


def _code(dataset: Dataset, keyword: str) -> str | None:
    """A short code; longer text may be a person's words, and stays in the header."""
    value = text(dataset, keyword)
    is_code = value is not None and len(value) <= 16 and value.replace(" ", "").isalnum()
    return value if is_code else None
