"""DICOM files: images and masks in.

Patient data does not leave this package but in `Geometry.source`, for the DICOM SEG that refers
to the image: no error, warning, log line or file name holds any of it.
"""

from __future__ import annotations

from saywhere.io.dicom.header import is_dicom, require
from saywhere.io.dicom.reader import (
    DicomFile,
    DicomPicture,
    count_frames,
    count_pixels,
    geometries_of,
    header_of,
    read,
    read_stored,
    read_values,
)
from saywhere.io.dicom.segmentation import (
    Layers,
    Segmentation,
    SegmentFrame,
    is_segmentation,
    read_segmentation,
)
from saywhere.io.dicom.series import Facts, Series, facts_of, group

__all__ = [
    "DicomFile",
    "DicomPicture",
    "Facts",
    "Layers",
    "SegmentFrame",
    "Segmentation",
    "Series",
    "count_frames",
    "count_pixels",
    "facts_of",
    "geometries_of",
    "group",
    "header_of",
    "is_dicom",
    "is_segmentation",
    "read",
    "read_segmentation",
    "read_stored",
    "read_values",
    "require",
]
