"""`prepare folder` with DICOM and NIfTI: slices become rows, and no header is copied."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("pydicom")
nibabel = pytest.importorskip("nibabel")

import dicom_file  # noqa: E402
from dicom_file import CANARY  # noqa: E402
from saywhere.data.manifest import read_manifest  # noqa: E402
from saywhere.datasets.folder import prepare_folder  # noqa: E402
from saywhere.io import images, nifti  # noqa: E402


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for part in ("images", "masks"):
        (tmp_path / "from" / part).mkdir(parents=True)
    return tmp_path / "from"


def write_volume(source: Path, affine: np.ndarray, stem: str = "ct") -> np.ndarray:
    rng = np.random.default_rng(0)
    labels = np.zeros((10, 12, 5), np.uint8)
    labels[2:4, 3:6, 1:3] = 1
    labels[6:8, 3:6, 2:4] = 2
    image = rng.integers(0, 900, labels.shape).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(image, np.eye(4)), source / f"images/{stem}.nii.gz")
    nibabel.save(nibabel.Nifti1Image(labels, affine), source / f"masks/{stem}.nii.gz")
    return labels


def test_slices_that_are_marked_are_rows_of_one_group(source: Path, tmp_path: Path) -> None:
    labels = write_volume(source, np.eye(4))
    prepared = prepare_folder(source, tmp_path / "to", labels={"lesion": ("1",), "node": ("2",)})
    assert any("3 of 5 slices" in warning for warning in prepared.warnings)
    rows = read_manifest(prepared.manifest).rows
    assert [row.id for row in rows] == [
        "ct-002-lesion",
        "ct-003-lesion",
        "ct-003-node",
        "ct-004-node",
    ]
    assert {row.group for row in rows} == {"ct"}
    assert len({row.split for row in rows}) == 1
    stored = nifti.read_labels((source / "masks/ct.nii.gz").read_bytes(), Path("ct"))
    for row, (number, value) in zip(rows, [(1, 1), (2, 1), (2, 2), (3, 2)]):
        expected = stored.slices[number].pixels == value
        assert (images.read_mask(row.mask) == expected).all()
        assert images.read_mask(row.mask).sum() == (labels[..., number] == value).sum()


def test_a_mask_of_another_affine_is_refused_in_words(source: Path, tmp_path: Path) -> None:
    write_volume(source, np.eye(4), "good")
    mirrored = np.diag([-1.0, 1, 1, 1])
    write_volume(source, mirrored, "mirrored")
    prepared = prepare_folder(source, tmp_path / "to", labels={"lesion": ("1",)})
    assert any("mirrored is left out" in warning for warning in prepared.set_aside)
    assert {row.group for row in read_manifest(prepared.manifest).rows} == {"good"}


def test_no_header_is_copied(source: Path, tmp_path: Path) -> None:
    pixels = dicom_file.ramp(900)
    (source / "images/film.dcm").write_bytes(dicom_file.file(pixels))
    mask = np.zeros(pixels.shape, np.uint8)
    mask[4:9, 4:9] = 255
    Image.fromarray(mask).save(source / "masks/film.png")
    prepared = prepare_folder(source, tmp_path / "to")
    row = read_manifest(prepared.manifest).rows[0]
    assert row.image.suffix == ".png"
    assert (images.read_image(row.image) == images.read_image(source / "images/film.dcm")).all()
    assert (images.read_mask(row.mask) == (mask > 0)).all()
    for path in (tmp_path / "to").rglob("*.*"):
        assert CANARY.encode() not in path.read_bytes()
    assert CANARY not in " ".join(prepared.warnings)


def test_a_dicom_that_cannot_be_read_is_left_out_and_not_copied(
    source: Path, tmp_path: Path
) -> None:
    content = dicom_file.file(dicom_file.ramp(900))
    for name in ("good", "broken"):
        (source / f"images/{name}.dcm").write_bytes(content[: None if name == "good" else -900])
        Image.fromarray(np.eye(32, dtype=np.uint8)).save(source / f"masks/{name}.png")
    prepared = prepare_folder(source, tmp_path / "to")
    assert "broken is left out" in prepared.set_aside[0]
    assert [row.id for row in read_manifest(prepared.manifest).rows] == ["good"]
    assert not list((tmp_path / "to").rglob("*.dcm"))


def test_a_seg_is_the_mask_of_the_image_that_it_names(source: Path, tmp_path: Path) -> None:
    highdicom = pytest.importorskip("highdicom")
    from pydicom.sr.codedict import codes

    pixels = np.stack([dicom_file.ramp(200, "u1")] * 3)
    datasets = []
    for number in range(3):
        dataset = dicom_file.make(
            pixels[number],
            SOPClassUID=dicom_file.CT,
            Modality="CT",
            SeriesInstanceUID="1.2.3.4",
            StudyInstanceUID="1.2.3",
            FrameOfReferenceUID="1.2.3.5",
            ImagePositionPatient=[0, 0, number],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            PixelSpacing=[1, 1],
            SliceThickness=1,
            InstanceNumber=number + 1,
        )
        dataset.PatientSex = "O"
        datasets.append(dataset)
    masks = np.zeros((3, 32, 32), bool)
    for number in range(3):
        masks[number, number : number + 4, 5:9] = True
    about = highdicom.AlgorithmIdentificationSequence("a", codes.DCM.ArtificialIntelligence, "1")
    description = highdicom.seg.SegmentDescription(
        1, "lesion", codes.SCT.Tissue, codes.SCT.Tissue, "AUTOMATIC", about
    )
    segmentation = highdicom.seg.Segmentation(
        datasets, masks, "BINARY", [description], "1.2.9", 1, "1.2.9.1", 1, "m", "n", "v", "d"
    )
    for number in (0, 2):
        (source / f"images/{number}.dcm").write_bytes(dicom_file.to_bytes(datasets[number]))
        segmentation.save_as(source / f"masks/{number}.dcm")
    rows = read_manifest(prepare_folder(source, tmp_path / "to").manifest).rows
    assert [row.id for row in rows] == ["0", "2"]
    for row in rows:
        assert (images.read_mask(row.mask) == masks[int(row.id)]).all()


def test_a_table_names_dicom_and_nifti_files_with_their_endings(
    source: Path, tmp_path: Path
) -> None:
    write_volume(source, np.eye(4))
    (source / "images/film.1.dcm").write_bytes(dicom_file.file(dicom_file.ramp(900)))
    Image.fromarray(np.eye(32, dtype=np.uint8) * 255).save(source / "masks/film.1.png")
    names = ("images/ct.nii.gz", "film.1.dcm")
    lines = [f'{{"image": "{name}", "prompt": "spot", "split": "val"}}\n' for name in names]
    (source / "annotations.jsonl").write_text("".join(lines))
    prepared = prepare_folder(source, tmp_path / "to", labels={"lesion": ("1", "255")})
    rows = read_manifest(prepared.manifest).rows
    assert {row.id.split("-")[0] for row in rows} == {"ct", "film.1"}
    assert {row.split for row in rows} == {"val"}
