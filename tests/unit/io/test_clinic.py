"""One door for DICOM and NIfTI: by content, one picture or several, images and masks."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pydicom")
nibabel = pytest.importorskip("nibabel")

import dicom_file  # noqa: E402
from saywhere.io import clinic  # noqa: E402

PATH = Path("a.png")
DICOM = dicom_file.file(dicom_file.ramp(200, "u1"))
FRAMES = dicom_file.file(np.zeros((3, 8, 8), np.uint8), NumberOfFrames=3)
NIFTI = nibabel.Nifti1Image(np.zeros((4, 5, 6), np.uint8), np.eye(4)).to_bytes()


def test_formats_are_known_by_their_content() -> None:
    assert clinic.kind_of(DICOM) == "DICOM"
    assert clinic.kind_of(gzip.compress(NIFTI)) == "NIfTI"
    for other in (b"", b"\x89PNG\r\n\x1a\n", b"II*\0" + b"\0" * 400, gzip.compress(b"text")):
        assert clinic.kind_of(other) is None


def test_a_tiff_s_preamble_makes_no_tiff_of_a_dicom() -> None:
    assert clinic.kind_of(b"II*\0" + DICOM[4:]) == "DICOM"


@pytest.mark.parametrize(("content", "n"), [(DICOM, 1), (FRAMES, 3), (NIFTI, 6)])
def test_pictures_are_counted_before_they_are_read(content: bytes, n: int) -> None:
    assert clinic.count(content, PATH) == n
    assert len(clinic.read(content, PATH).pictures) == n


@pytest.mark.parametrize(("content", "text"), [(FRAMES, "3 frames"), (NIFTI, "6 slices")])
def test_several_pictures_are_refused_where_one_is_asked_for(content: bytes, text: str) -> None:
    with pytest.raises(clinic.SeveralPictures, match=text) as caught:
        clinic.read_one(content, PATH)
    assert "segment_volume" in str(caught.value)
    with pytest.raises(clinic.SeveralPictures, match=text):
        clinic.read_one_of_labels(content, PATH)


def test_a_grey_dicom_of_two_values_is_a_mask() -> None:
    pixels = np.zeros((8, 8), np.uint8)
    pixels[2:4, 2:4] = 1
    labels = clinic.read_one_of_labels(dicom_file.file(pixels, WindowCenter=1, WindowWidth=1), PATH)
    assert (labels.values == pixels).all()
