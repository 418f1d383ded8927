"""Many DICOM slices and one SEG: each slice has the mask that the SEG draws on it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest

highdicom = pytest.importorskip("highdicom")

from pydicom.sr.codedict import codes  # noqa: E402

import dicom_file  # noqa: E402
from dicom_file import CANARY  # noqa: E402
from saywhere.data.manifest import read_manifest  # noqa: E402
from saywhere.datasets.folder import prepare_folder  # noqa: E402
from saywhere.datasets.set_writer import Prepared  # noqa: E402
from saywhere.errors import MissingFile, SaywhereError  # noqa: E402
from saywhere.io import images  # noqa: E402

N_SLICES = 5
NAMES = ["Liver", "Tumour"]
Edit = Callable[[pydicom.Dataset], None]


def slices(**tags: object) -> list[pydicom.Dataset]:
    """A CT series; its files' names say nothing of their order."""
    made = []
    for number in range(N_SLICES):
        pixels = np.roll(dicom_file.ramp(200, "u1"), 37 * number)
        about = {
            "SOPClassUID": dicom_file.CT,
            "Modality": "CT",
            "SeriesInstanceUID": "1.2.3.4",
            "StudyInstanceUID": "1.2.3",
            "FrameOfReferenceUID": "1.2.3.5",
            "ImagePositionPatient": [-10.5, 3.25, 2.5 * number],
            "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
            "PixelSpacing": [1, 1],
            "SliceThickness": 2.5,
            "InstanceNumber": number + 1,
            "PatientSex": "O",
        }
        made.append(dicom_file.make(pixels, **about | tags))
    return made


def drawn() -> np.ndarray:
    """(slice, row, column, segment): both on some slices, overlapping on slice 2; none on 4."""
    masks = np.zeros((N_SLICES, 32, 32, 2), bool)
    for number in range(4):
        masks[number, 3 + number : 20, 4:18, 0] = True
    for number in (2, 3):
        masks[number, 10:24, 12 + number : 22, 1] = True
    return masks


def segmentation(
    sources: list[pydicom.Dataset], masks: np.ndarray, kind: str = "BINARY", uid: str = "1.2.9.1"
) -> pydicom.Dataset:
    about = highdicom.AlgorithmIdentificationSequence("a", codes.DCM.ArtificialIntelligence, "1")
    segments = [
        highdicom.seg.SegmentDescription(
            number, NAMES[number - 1], codes.SCT.Tissue, codes.SCT.Tissue, "AUTOMATIC", about
        )
        for number in range(1, masks.shape[-1] + 1)
    ]
    return highdicom.seg.Segmentation(
        sources, masks, kind, segments, "1.2.9", 1, uid, 1, "m", "n", "v", "d"
    )


def write(folder: Path, datasets: list[pydicom.Dataset]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, dataset in zip((3, 0, 4, 1, 2), datasets):
        (folder / f"im{number}.dcm").write_bytes(dicom_file.to_bytes(dataset))


def without_references(seg: pydicom.Dataset) -> None:
    del seg.ReferencedSeriesSequence
    for frame in seg.PerFrameFunctionalGroupsSequence:
        del frame.DerivationImageSequence


def expected(seg: Path, sources: list[pydicom.Dataset], segment: int) -> dict[bytes, np.ndarray]:
    """Pixels (as bytes) → mask of a segment, as highdicom itself reads it back."""
    read = highdicom.seg.segread(seg)
    uids = [source.SOPInstanceUID for source in sources]
    masks = read.get_pixels_by_source_instance(
        uids,
        segment_numbers=[segment],
        ignore_spatial_locations=True,
        assert_missing_frames_are_empty=True,
    )
    return {source.pixel_array.tobytes(): mask[..., 0] > 0 for source, mask in zip(sources, masks)}


def check(prepared: Prepared, masks: dict[str, dict[bytes, np.ndarray]]) -> None:
    """Each row's mask is that of its own picture and label, and no marked slice lacks a row."""
    rows = read_manifest(prepared.manifest).rows
    seen = set()
    for row in rows:
        pixels = images.read_image(row.image, channels=1)[..., 0].tobytes()
        label = row.extra.get("label", "")
        seen.add((label, pixels))
        assert row.mask is not None
        assert (images.read_mask(row.mask) == masks[label][pixels]).all()
    marked = {
        (label, pixels)
        for label, of_label in masks.items()
        for pixels, mask in of_label.items()
        if mask.any()
    }
    assert seen == marked
    assert len(rows) == len(marked)


LABELS = {"liver": ("liver",), "a tumour": ("2",)}


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
@pytest.mark.parametrize("place", ["images/masks", "nested", "zip", "one folder", "one zip"])
def test_each_slice_has_the_mask_that_the_seg_draws_on_it(
    tmp_path: Path, place: str, kind: str
) -> None:
    sources = slices()
    source = tmp_path / "from"
    folder = {"images/masks": "images", "nested": "images/ct/a"}.get(place, "all")
    write(source / folder, sources)
    (source / "masks").mkdir()
    segmentation(sources, drawn(), kind).save_as(source / "masks/drawn.dcm")
    truth = {
        name: expected(source / "masks/drawn.dcm", sources, number)
        for number, name in ((1, "liver"), (2, "a tumour"))
    }
    if "zip" in place:
        members = [*source.rglob("*.dcm")] if place == "one zip" else [*source.glob("all/*")]
        (source / "images").mkdir()
        archive = source / "images/series.zip"
        with zipfile.ZipFile(archive, "w") as file:
            for path in members:
                file.write(path, path.relative_to(source))
        source = archive if place == "one zip" else source
    prepared = prepare_folder(source, tmp_path / "to", labels=LABELS)
    check(prepared, truth)
    rows = read_manifest(prepared.manifest).rows
    assert {row.group for row in rows} == {"p1"}
    assert len({row.split for row in rows}) == 1
    assert any("drawn: 4 of 5 slices have a mask" in warning for warning in prepared.warnings)
    assert prepared.set_aside == []
    assert CANARY not in " ".join(prepared.warnings)
    assert not any(name in " ".join(prepared.warnings) for name in NAMES)


def nothing(seg: pydicom.Dataset) -> None:
    pass


@pytest.mark.parametrize("edit", [nothing, without_references])
def test_without_labels_one_segment_is_the_mask(tmp_path: Path, edit: Edit) -> None:
    sources = slices()
    write(tmp_path / "from/images", sources)
    (tmp_path / "from/masks").mkdir()
    seg = segmentation(sources, drawn()[..., :1])
    path = tmp_path / "from/masks/drawn.dcm"
    seg.save_as(path)
    truth = expected(path, sources, 1)
    edit(seg)
    seg.save_as(path)
    check(prepare_folder(tmp_path / "from", tmp_path / "to"), {"": truth})


def test_several_segments_without_labels_are_refused_by_number(tmp_path: Path) -> None:
    sources = slices()
    write(tmp_path / "from/images", sources)
    (tmp_path / "from/masks").mkdir()
    segmentation(sources, drawn()).save_as(tmp_path / "from/masks/drawn.dcm")
    with pytest.raises(SaywhereError, match=r"3 values \(0: .* px, 1: .* px, 2: .* px\)") as error:
        prepare_folder(tmp_path / "from", tmp_path / "to")
    assert "--label" in str(error.value)
    assert not any(name in str(error.value) for name in NAMES)


def mirrored(seg: pydicom.Dataset) -> None:
    plane = seg.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    plane.ImageOrientationPatient = [-1, 0, 0, 0, 1, 0]


def moved(seg: pydicom.Dataset) -> None:
    for frame in seg.PerFrameFunctionalGroupsSequence:
        x, y, z = frame.PlanePositionSequence[0].ImagePositionPatient
        frame.PlanePositionSequence[0].ImagePositionPatient = [x + 8, y, z]


def elsewhere(seg: pydicom.Dataset) -> None:
    without_references(seg)
    seg.FrameOfReferenceUID = "1.2.3.99"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (mirrored, "another grid than its image .its rows or columns run elsewhere"),
        (moved, "another grid than its image .it lies elsewhere"),
        (elsewhere, "no image of it is here"),
    ],
)
def test_a_seg_of_another_grid_or_place_is_refused(
    tmp_path: Path, edit: Edit, message: str
) -> None:
    sources = slices()
    write(tmp_path / "from/images", sources)
    (tmp_path / "from/masks").mkdir()
    seg = segmentation(sources, drawn())
    edit(seg)
    seg.save_as(tmp_path / "from/masks/drawn.dcm")
    with pytest.raises(SaywhereError, match=message):
        prepare_folder(tmp_path / "from", tmp_path / "to", labels=LABELS)


def test_frames_of_absent_slices_and_images_of_two_segs_are_told(tmp_path: Path) -> None:
    sources = slices()
    write(tmp_path / "from/images", sources[:3])
    (tmp_path / "from/masks").mkdir()
    one = segmentation(sources, drawn()[..., :1])
    one.save_as(tmp_path / "from/masks/one.dcm")
    truth = expected(tmp_path / "from/masks/one.dcm", sources, 1)
    prepared = prepare_folder(tmp_path / "from", tmp_path / "to")
    check(
        prepared,
        {"": {s.pixel_array.tobytes(): truth[s.pixel_array.tobytes()] for s in sources[:3]}},
    )
    assert prepared.set_aside == [
        "one.dcm has 1 frame that marks something on no image that is here: are slices missing?"
    ]
    other = segmentation(sources[2:], drawn()[2:, ..., 1:], uid="1.2.9.2")
    other.save_as(tmp_path / "from/masks/other.dcm")
    prepared = prepare_folder(tmp_path / "from", tmp_path / "twice")
    assert len(read_manifest(prepared.manifest).rows) == 2
    assert any(
        "1 image is marked by several SEGs (one.dcm, other.dcm)" in w for w in prepared.set_aside
    )


def test_series_without_a_patient_stay_whole(tmp_path: Path) -> None:
    """A header that names neither patient nor study must not scatter a series over the splits."""
    for series in "abcd":
        sources = slices(
            SeriesInstanceUID=f"1.2.{ord(series)}", FrameOfReferenceUID=f"1.{ord(series)}"
        )
        write(tmp_path / "from/images" / series, sources)
        (tmp_path / "from/masks").mkdir(exist_ok=True)
        segmentation(sources, drawn()[..., :1]).save_as(tmp_path / f"from/masks/{series}.dcm")
        for path in (tmp_path / "from/images" / series).iterdir():
            dataset = pydicom.dcmread(path)
            dataset.PatientID, dataset.PatientName, dataset.StudyInstanceUID = "", "", ""
            path.write_bytes(dicom_file.to_bytes(dataset, enforce=False))
    rows = read_manifest(prepare_folder(tmp_path / "from", tmp_path / "to").manifest).rows
    assert len(rows) == 16
    assert {row.group for row in rows} == set("abcd")
    assert len({(row.group, row.split) for row in rows}) == 4
    assert {row.split for row in rows} == {"train", "val", "test"}


def test_an_archive_without_a_seg_says_what_to_do(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.dcm", dicom_file.to_bytes(slices()[0]))
    with pytest.raises(MissingFile, match=r"no DICOM SEG in .*a.zip; .*: unpack other archives"):
        prepare_folder(tmp_path / "a.zip", tmp_path / "to")
