"""DICOM SEG: valid by dciodvfy, read back by highdicom and pydicom, in its image's place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dicom_file import CANARY, CT, DATA, make
from saywhere.errors import UsageError

hd = pytest.importorskip("highdicom")
pydicom = pytest.importorskip("pydicom")

from saywhere.inference.writers.dicom_seg import WRITER  # noqa: E402
from saywhere.inference.writers.writer import Options  # noqa: E402
from writer_files import answers_to, answers_to_dataset, errors_of  # noqa: E402

PROMPTS = ("one small polyp", "läsion \\ 左\n")
OPTIONS = Options(model="polyp", digest="ab" * 32)
# Read by Saywhere, and not to be written of: each with the reason in words.
REFUSED = {
    "HTJ2K_08_RGB": "without SeriesInstanceUID",
    "bad_sequence": "FrameOfReferenceUID",
    "color-pl": "highdicom",
    "emri_small": "FrameOfReferenceUID",
    "emri_small_RLE": "FrameOfReferenceUID",
    "emri_small_jpeg_ls_lossless": "FrameOfReferenceUID",
}
NO_IMAGE = ("OT-PAL", "emri_small_jpeg_2k_lossless_too", "liver_expb", "seg_image")


def pixels_of(path: Path, uid: str) -> np.ndarray:
    """(row, column, segment), as highdicom reads it back for one image."""
    segmentation = hd.seg.segread(path)
    return segmentation.get_pixels_by_source_instance([uid], assert_missing_frames_are_empty=True)[
        0
    ]


def files_of_the_set() -> list[Path]:
    """Those that hold an image."""
    return [file for file in sorted(DATA.glob("*.dcm")) if not file.stem.startswith(NO_IMAGE)]


@pytest.mark.parametrize("file", files_of_the_set(), ids=lambda file: file.stem)
def test_each_real_file_is_written_and_read_back_or_refused_in_words(file: Path, out: Path) -> None:
    answers = answers_to(file.read_bytes(), PROMPTS)
    paths = WRITER.paths(out, "a")
    if file.stem in REFUSED:
        with pytest.raises(UsageError, match=REFUSED[file.stem]):
            WRITER.write(answers, paths, OPTIONS)
        return
    assert WRITER.write(answers, paths, OPTIONS).parts == ("dicom_seg",)
    assert errors_of(paths["dicom_seg"]) == []
    header = answers[0].geometry.source  # type: ignore[union-attr]
    expected = np.stack([answer.mask for answer in answers], axis=-1)
    assert np.array_equal(pixels_of(paths["dicom_seg"], header.SOPInstanceUID) > 0, expected)
    # pydicom gives frames: one per segment.
    frames = pydicom.dcmread(paths["dicom_seg"]).pixel_array
    assert np.array_equal(np.moveaxis(frames, 0, -1) > 0, expected)


def test_it_says_what_made_it_of_what(out: Path) -> None:
    answers = answers_to_dataset(make(np.zeros((9, 7), np.uint8)), PROMPTS)
    paths = WRITER.paths(out, "a")
    WRITER.write(answers, paths, OPTIONS)
    written = pydicom.dcmread(paths["dicom_seg"])
    header = answers[0].geometry.source  # type: ignore[union-attr]
    assert (written.StudyInstanceUID, written.PatientID) == (
        header.StudyInstanceUID,
        f"{CANARY}-1",
    )
    (series,) = written.ReferencedSeriesSequence
    (image,) = series.ReferencedInstanceSequence
    assert series.SeriesInstanceUID == header.SeriesInstanceUID != written.SeriesInstanceUID
    assert image.ReferencedSOPInstanceUID == header.SOPInstanceUID
    first, second = written.SegmentSequence
    assert first.SegmentDescription == first.TrackingID == "one small polyp"
    # A backslash would part the value, and a line end is no text.
    assert second.SegmentDescription == "läsion 左"
    assert first.SegmentedPropertyTypeCodeSequence[0].CodeValue == "41329004"
    assert second.SegmentedPropertyTypeCodeSequence[0].CodeMeaning == "Lesion"
    (algorithm,) = first.SegmentationAlgorithmIdentificationSequence
    assert algorithm.AlgorithmName == "Saywhere polyp"
    assert algorithm.AlgorithmVersion.endswith(" abababababababab")
    assert written.SegmentationType == "BINARY"


def test_without_the_prompt_no_word_of_it_is_in_the_file(out: Path) -> None:
    answers = answers_to_dataset(make(np.zeros((9, 7), np.uint8)), ["secret polyp"])
    paths = WRITER.paths(out, "a")
    WRITER.write(answers, paths, Options(with_prompt=False, model="m", digest="00"))
    content = paths["dicom_seg"].read_bytes().lower()
    assert b"secret" not in content
    assert b"polyp" not in content
    assert b"segment 1" in content


def test_a_fractional_one_holds_probabilities(out: Path) -> None:
    dataset = make(np.zeros((9, 7), np.uint8))
    answers = answers_to_dataset(dataset, PROMPTS)
    paths = WRITER.paths(out, "a")
    WRITER.write(answers, paths, Options(fractional=True))
    pixels = pixels_of(paths["dicom_seg"], dataset.SOPInstanceUID)
    expected = np.stack([answer.probability for answer in answers], axis=-1)
    assert np.abs(pixels - expected).max() <= 0.5 / 255 + 1e-6
    assert errors_of(paths["dicom_seg"]) == []


def test_the_same_answer_has_the_same_identity_and_another_one_another(out: Path) -> None:
    dataset = make(np.zeros((9, 7), np.uint8))
    uids = []
    for seed in (0, 0, 1):
        paths = WRITER.paths(out, "a")
        WRITER.write(answers_to_dataset(dataset, PROMPTS, seed), paths, OPTIONS)
        uids.append(pydicom.dcmread(paths["dicom_seg"]).SOPInstanceUID)
    assert uids[0] == uids[1] != uids[2]


def test_a_series_is_one_file_with_each_mask_on_its_slice(out: Path) -> None:
    first = make(np.zeros((9, 7), np.uint8), SOPClassUID=CT, Modality="CT")
    answers = []
    uids = []
    for number in range(3):
        dataset = make(
            np.zeros((9, 7), np.uint8),
            SOPClassUID=CT,
            Modality="CT",
            StudyInstanceUID=first.StudyInstanceUID,
            SeriesInstanceUID=first.SeriesInstanceUID,
            FrameOfReferenceUID="1.2.3",
            PixelSpacing=[0.5, 0.7],
            SliceThickness=2,
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            ImagePositionPatient=[0, 0, 2 * number],
        )
        uids.append(dataset.SOPInstanceUID)
        answers += answers_to_dataset(dataset, PROMPTS, number)
    paths = WRITER.paths(out, "a")
    WRITER.write(answers, paths, OPTIONS)
    for number, uid in enumerate(uids):
        expected = np.stack([answer.mask for answer in answers[2 * number : 2 * number + 2]], -1)
        assert np.array_equal(pixels_of(paths["dicom_seg"], uid) > 0, expected)
    assert not [error for error in errors_of(paths["dicom_seg"]) if "PatientOrient" in error]


def test_an_empty_mask_has_no_file_unless_it_is_asked_for(out: Path) -> None:
    dataset = make(np.zeros((9, 7), np.uint8))
    answers = answers_to_dataset(dataset, PROMPTS)
    for answer in answers:
        answer.mask[:] = False
    paths = WRITER.paths(out, "a")
    written = WRITER.write(answers, paths, OPTIONS)
    assert written.parts == ()
    assert written.notes == (
        "nothing is marked, so no DICOM SEG was written; `--empty write` writes it all the same",
    )
    assert not paths["dicom_seg"].exists()
    WRITER.write(answers, paths, Options(write_empty=True))
    assert not pixels_of(paths["dicom_seg"], dataset.SOPInstanceUID).any()
    assert errors_of(paths["dicom_seg"]) == []


def test_one_empty_mask_of_two_has_no_segment_and_that_is_told(out: Path) -> None:
    answers = answers_to_dataset(make(np.zeros((9, 7), np.uint8)), ["a", "b"])
    answers[0].mask[:] = False
    paths = WRITER.paths(out, "a")
    (note,) = WRITER.write(answers, paths, OPTIONS).notes
    assert note.startswith("no segment for 'a': nothing is marked")
    (segment,) = pydicom.dcmread(paths["dicom_seg"]).SegmentSequence
    assert segment.SegmentLabel == "b"


def test_a_png_is_refused_before_any_work(tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    image.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    assert WRITER.refuse is not None
    with pytest.raises(UsageError, match=r"a\.png is no DICOM file, and DICOM can only be written"):
        WRITER.refuse(image)
