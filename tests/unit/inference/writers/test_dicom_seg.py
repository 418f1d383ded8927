"""DICOM SEG: valid by dciodvfy, read back by highdicom and pydicom, in its image's place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset

from dicom_file import CANARY, CT, DATA, make
from saywhere.errors import UsageError
from saywhere.inference.answer import Answer

hd = pytest.importorskip("highdicom")
pydicom = pytest.importorskip("pydicom")

from saywhere.inference.writers.dicom_seg import WRITER  # noqa: E402
from saywhere.inference.writers.writer import Options  # noqa: E402
from writer_files import answers_to, answers_to_dataset, errors_of  # noqa: E402

ULTRASOUND_FRAMES = "1.2.840.10008.5.1.4.1.1.3.1"
RETIRED_ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6"
PROMPTS = ("one small polyp", "läsion \\ 左\n")
OPTIONS = Options(model="polyp", digest="ab" * 32)
# Read by Saywhere, and not to be written of: what a segmentation refers to is not there.
REFUSED = {
    "HTJ2K_08_RGB": "without SeriesInstanceUID",
    "bad_sequence": "with an invalid SOPInstanceUID",
}
# Their own identifiers begin with 999, and what refers to them has to as well.
OWN_ERRORS = {"color-pl": "Illegal root for UID"}
NO_IMAGE = ("OT-PAL", "emri_small_jpeg_2k_lossless_too", "liver_expb", "seg_image")


def pixels_of(path: Path, uid: str) -> np.ndarray:
    """(row, column, segment), as highdicom reads it back for one image."""
    segmentation = hd.seg.segread(path)
    return segmentation.get_pixels_by_source_instance([uid], assert_missing_frames_are_empty=True)[
        0
    ]


def pixels_of_frames(path: Path, answers: list[Answer]) -> np.ndarray:
    """(frame, row, column, segment), as highdicom reads it back for the images of answers."""
    segmentation = hd.seg.segread(path)
    geometries = [answer.geometry for answer in answers]
    uid = geometries[0].source.SOPInstanceUID  # type: ignore[union-attr]
    frames = sorted({geometry.frame for geometry in geometries if geometry and geometry.frame})
    if not frames:
        return pixels_of(path, uid)[None]
    return np.asarray(segmentation.get_pixels_by_source_frame(uid, frames))


def in_frames(masks: list[np.ndarray]) -> np.ndarray:
    """Masks of pictures with the prompts of PROMPTS each: (frame, row, column, segment)."""
    pairs = [np.stack(masks[i : i + 2], axis=-1) for i in range(0, len(masks), 2)]
    return np.stack(pairs)


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
    own = OWN_ERRORS.get(file.stem, "no error")
    assert [error for error in errors_of(paths["dicom_seg"]) if own not in error] == []
    expected = in_frames([answer.mask for answer in answers])
    assert np.array_equal(pixels_of_frames(paths["dicom_seg"], answers) > 0, expected)
    # pydicom gives frames: those of one segment, then those of the next.
    frames = pydicom.dcmread(paths["dicom_seg"]).pixel_array.reshape(2, -1, *expected.shape[1:3])
    assert np.array_equal(np.moveaxis(frames, 0, -1) > 0, expected)


def test_it_says_what_made_it_of_what(out: Path) -> None:
    answers = answers_to_dataset(make(np.zeros((9, 7), np.uint8)), PROMPTS)
    paths = WRITER.paths(out, "a")
    WRITER.write(answers, paths, OPTIONS)
    written = pydicom.dcmread(paths["dicom_seg"])
    header = answers[0].geometry.source
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


def slices(n: int, **tags: Any) -> list[Dataset]:
    """Of one CT series, with or without a place."""
    series = make(np.zeros((9, 7), np.uint8)).SeriesInstanceUID
    of_all = {"SOPClassUID": CT, "Modality": "CT", "SeriesInstanceUID": series, **tags}
    return [
        make(np.full((9, 7), i, np.uint8), StudyInstanceUID="1.2.9", **of_all) for i in range(n)
    ]


def written(datasets: list[Dataset], out: Path) -> tuple[Dataset, list[Answer]]:
    """What is written of random answers, valid and read back equal."""
    answers: list[Answer] = []
    for number, dataset in enumerate(datasets):
        answers += answers_to_dataset(dataset, PROMPTS, number)
    before = [answer.geometry.source.to_json() for answer in answers]  # type: ignore[union-attr]
    paths = WRITER.paths(out, "a")
    WRITER.write(answers, paths, OPTIONS)
    after = [answer.geometry.source.to_json() for answer in answers]  # type: ignore[union-attr]
    assert before == after
    assert errors_of(paths["dicom_seg"]) == []
    expected = in_frames([answer.mask for answer in answers])
    if len(datasets) == 1:
        found = pixels_of_frames(paths["dicom_seg"], answers)
    else:
        found = np.stack([pixels_of(paths["dicom_seg"], one.SOPInstanceUID) for one in datasets])
    assert np.array_equal(found > 0, expected)
    return pydicom.dcmread(paths["dicom_seg"]), answers


PLACE = {
    "FrameOfReferenceUID": "1.2.3",
    "PixelSpacing": [0.5, 0.7],
    "SliceThickness": 2,
    "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
}


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("missing", ["FrameOfReferenceUID", "ImageOrientationPatient", "all"])
def test_a_ct_without_a_place_is_written_and_no_place_is_made_up(
    missing: str, n: int, out: Path
) -> None:
    tags = {} if missing == "all" else {k: v for k, v in PLACE.items() if k != missing}
    datasets = slices(n, **tags)
    segmentation, _ = written(datasets, out)
    text = str(segmentation)
    for keyword in ("Image Position", "Image Orientation", "Frame of Reference", "Spacing Between"):
        assert keyword not in text
    (shared,) = segmentation.SharedFunctionalGroupsSequence
    assert ("PixelMeasuresSequence" in shared) == (missing != "all")
    (series,) = segmentation.ReferencedSeriesSequence
    referenced = [item.ReferencedSOPInstanceUID for item in series.ReferencedInstanceSequence]
    assert referenced == [dataset.SOPInstanceUID for dataset in datasets]
    assert {item.ReferencedSOPClassUID for item in series.ReferencedInstanceSequence} == {CT}


def test_slices_at_one_place_stay_there(out: Path) -> None:
    datasets = slices(3, **PLACE, ImagePositionPatient=[1, 2, 3])
    segmentation, _ = written(datasets, out)
    assert segmentation.FrameOfReferenceUID == "1.2.3"
    items = segmentation.PerFrameFunctionalGroupsSequence
    assert [list(item.PlanePositionSequence[0].ImagePositionPatient) for item in items] == [
        [1, 2, 3]
    ] * 6
    labels = [item.FrameContentSequence[0].FrameLabel for item in items]
    assert labels == ["Frame 1", "Frame 2", "Frame 3"] * 2


def test_pixels_of_another_size_are_told_frame_by_frame(out: Path) -> None:
    datasets = slices(2, **PLACE)
    for number, dataset in enumerate(datasets):
        dataset.ImagePositionPatient = [0, 0, number]
        dataset.PixelSpacing = [0.5 + number, 0.5]
    segmentation, _ = written(datasets, out)
    measures = [
        item.PixelMeasuresSequence[0] for item in segmentation.PerFrameFunctionalGroupsSequence
    ]
    assert [list(one.PixelSpacing) for one in measures] == [[0.5, 0.5], [1.5, 0.5]] * 2
    assert "PixelMeasuresSequence" not in segmentation.SharedFunctionalGroupsSequence[0]


@pytest.mark.parametrize("is_placed", [True, False], ids=["placed", "nowhere"])
def test_frames_of_one_file_are_referred_to_by_number(is_placed: bool, out: Path) -> None:
    dataset = make(np.zeros((4, 9, 7), np.uint8), NumberOfFrames=4, SOPClassUID=ULTRASOUND_FRAMES)
    if is_placed:
        dataset.FrameOfReferenceUID = "1.2.3"
        dataset.SharedFunctionalGroupsSequence = [Dataset()]
        items = []
        for distance in (0.0, 3.0, 1.0, 2.0):
            item = Dataset()
            for name, keyword, value in (
                ("PlanePositionSequence", "ImagePositionPatient", [0, 0, distance]),
                ("PlaneOrientationSequence", "ImageOrientationPatient", [1, 0, 0, 0, 1, 0]),
                ("PixelMeasuresSequence", "PixelSpacing", [0.5, 0.5]),
            ):
                inner = Dataset()
                setattr(inner, keyword, value)
                setattr(item, name, [inner])
            items.append(item)
        dataset.PerFrameFunctionalGroupsSequence = items
    segmentation, _ = written([dataset], out)
    (image,) = segmentation.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    assert image.ReferencedSOPClassUID == ULTRASOUND_FRAMES
    frames = []
    for item in segmentation.PerFrameFunctionalGroupsSequence:
        (source,) = item.DerivationImageSequence[0].SourceImageSequence
        assert source.ReferencedSOPInstanceUID == dataset.SOPInstanceUID
        place = item.get("PlanePositionSequence")
        z = place[0].ImagePositionPatient[2] if place else None
        frames.append((source.ReferencedFrameNumber, z))
    if is_placed:
        # In the order of their places.
        assert frames == [(2, 3), (4, 2), (3, 1), (1, 0)] * 2
        assert segmentation.FrameOfReferenceUID == "1.2.3"
    else:
        assert frames == [(1, None), (2, None), (3, None), (4, None)] * 2
        assert "FrameOfReferenceUID" not in segmentation


def test_a_retired_class_of_images_is_referred_to_as_what_it_is(out: Path) -> None:
    dataset = make(np.zeros((9, 7), np.uint8), SOPClassUID=RETIRED_ULTRASOUND)
    dataset.StudyDate = "1994.11.05"
    dataset.StudyTime = "11:20:00"
    segmentation, _ = written([dataset], out)
    (image,) = segmentation.ReferencedSeriesSequence[0].ReferencedInstanceSequence
    assert image.ReferencedSOPClassUID == RETIRED_ULTRASOUND
    # In the form of today.
    assert (segmentation.StudyDate, segmentation.StudyTime) == ("19941105", "112000")


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
