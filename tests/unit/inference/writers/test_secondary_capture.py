"""Secondary captures: a valid DICOM picture of the overlay, in the study of its image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dicom_file import DATA, make
from saywhere.io.overlay import captioned

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("highdicom")

from saywhere.inference.writers.secondary_capture import WRITER  # noqa: E402
from saywhere.inference.writers.writer import Options  # noqa: E402
from writer_files import answers_to, answers_to_dataset, errors_of  # noqa: E402


def test_its_pixels_are_the_overlay_and_its_study_is_the_images(out: Path) -> None:
    dataset = make(np.zeros((60, 70), np.uint8))
    answers = answers_to_dataset(dataset, ["the spot"])
    paths = WRITER.paths(out, "a")
    WRITER.write(answers, paths, Options(model="polyp"))
    written = pydicom.dcmread(paths["secondary_capture"])
    expected = captioned(answers[0].overlay(), "Saywhere, research use only. the spot")
    assert np.array_equal(written.pixel_array, expected)
    assert written.StudyInstanceUID == dataset.StudyInstanceUID
    assert written.SeriesInstanceUID != dataset.SeriesInstanceUID
    assert (written.BurnedInAnnotation, list(written.ImageType)) == (
        "YES",
        ["DERIVED", "SECONDARY"],
    )
    # Nobody knows how the picture was held.
    assert not written.PatientOrientation


@pytest.mark.parametrize("name", ["RG1_J2KI", "dx_image", "ct_image", "US1_J2KI", "VL1_J2KI"])
def test_it_is_valid_dicom(name: str, out: Path) -> None:
    file = DATA / f"{name}.dcm"
    if not file.exists():
        pytest.skip("the real DICOM files are not there")
    paths = WRITER.paths(out, "a")
    WRITER.write(answers_to(file.read_bytes(), ["the spot"]), paths, Options())
    assert errors_of(paths["secondary_capture"]) == []


def test_frames_that_look_alike_are_two_pictures(out: Path) -> None:
    dataset = make(np.zeros((2, 60, 70), np.uint8), NumberOfFrames=2)
    answers = answers_to_dataset(dataset, ["the spot"])
    answers[1].mask[:] = answers[0].mask
    found = []
    for number, answer in enumerate(answers):
        paths = WRITER.paths(out, f"a-{number}")
        WRITER.write([answer], paths, Options())
        found.append(pydicom.dcmread(paths["secondary_capture"]))
    assert np.array_equal(found[0].pixel_array, found[1].pixel_array)
    assert found[0].SOPInstanceUID != found[1].SOPInstanceUID
    assert [one.InstanceNumber for one in found] == [1, 2]
