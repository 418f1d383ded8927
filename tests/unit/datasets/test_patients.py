"""Images of one DICOM patient are one group, and nothing of the patient goes with it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("pydicom")

import dicom_file
from saywhere.data.checks import check
from saywhere.data.manifest import Manifest, read_manifest
from saywhere.datasets.folder import prepare_folder


def write(folder: Path, stem: str, **tags: object) -> None:
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    # Equal pictures in two splits would be a fault of their own.
    noise = np.random.default_rng(list(stem.encode())).integers(0, 200, (32, 32), np.uint8)
    content = dicom_file.file(noise, **tags)
    (folder / f"images/{stem}.dcm").write_bytes(content)
    mask = np.zeros((32, 32), np.uint8)
    mask[4:9, 4:9] = 255
    Image.fromarray(mask).save(folder / f"masks/{stem}.png")


def groups(manifest: Manifest) -> dict[str, str]:
    return {row.id: str(row.group) for row in manifest.rows}


@pytest.mark.parametrize("folds", [0, 3])
def test_neither_split_nor_fold_divides_a_patient(tmp_path: Path, folds: int) -> None:
    for number in range(30):
        write(tmp_path / "from", f"{number:02d}", PatientID=f" 12-{number % 10} ")
    prepared = prepare_folder(tmp_path / "from", tmp_path / "to", folds=folds)
    manifest = read_manifest(prepared.manifest)
    assert groups(manifest) == {f"{n:02d}": f"p{n % 10 + 1}" for n in range(30)}
    column = "fold" if folds else "split"
    lines = [json.loads(line) for line in prepared.manifest.read_text().splitlines()]
    assert len({(line["group"], line[column]) for line in lines}) == 10
    assert check(manifest).faults == []
    expected = "30 DICOM images of 10 patients, by their headers: column group, as p1, p2 …"
    assert expected in prepared.warnings


def test_a_name_or_a_study_joins_where_there_is_no_number(tmp_path: Path) -> None:
    source = tmp_path / "from"
    write(source, "a", PatientID="", PatientName="Doe^Jane")
    write(source, "b", PatientID="", PatientName="DOE^JANE")
    write(source, "c", PatientID="7", StudyInstanceUID="1.2.3")
    write(source, "d", PatientID="8", PatientName="Doe^Jane")
    write(source, "e", PatientID="", PatientName="", StudyInstanceUID="1.2.3")
    write(source, "f", PatientID="", PatientName="", StudyInstanceUID="")
    write(source, "g", PatientID="", PatientName="", StudyInstanceUID="1.2.4")
    write(source, "h", PatientID="8", StudyInstanceUID="1.2.4")
    manifest = read_manifest(prepare_folder(source, tmp_path / "to").manifest)
    assert groups(manifest) == {
        "a": "p1",
        "b": "p1",
        "c": "p2",
        "d": "p3",
        "e": "p2",
        "f": "None",
        "g": "p3",
        "h": "p3",
    }


def test_the_tables_group_stands_and_the_patients_other_images_join_it(tmp_path: Path) -> None:
    source = tmp_path / "from"
    for stem, number in (("a", "1"), ("b", "1"), ("c", "2"), ("d", "3"), ("e", "3")):
        write(source, stem, PatientID=number)
    table = [
        {"id": "a", "patient": "p1"},
        {"id": "b"},
        {"id": "c"},
        {"id": "d", "group": "x"},
        {"id": "e", "group": "y"},
    ]
    (source / "annotations.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table))
    prepared = prepare_folder(source, tmp_path / "to")
    expected = {"a": "p1", "b": "p1", "c": "p2", "d": "x", "e": "y"}
    assert groups(read_manifest(prepared.manifest)) == expected
    assert any("the table divides 1 patient" in warning for warning in prepared.warnings)


def test_one_patient_in_two_split_folders_is_found_by_check(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write(tmp_path / f"from/{split}", split, PatientID="1")
    manifest = read_manifest(prepare_folder(tmp_path / "from", tmp_path / "to").manifest)
    assert set(groups(manifest).values()) == {"p1"}
    assert {fault.kind for fault in check(manifest).faults} == {"leak"}


def test_one_patient_for_all_is_told(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / "from", str(number), PatientID="ANON")
    prepared = prepare_folder(tmp_path / "from", tmp_path / "to")
    assert any("all DICOM images name one patient" in text for text in prepared.warnings)
