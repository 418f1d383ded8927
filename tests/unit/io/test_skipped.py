from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from PIL import Image

from saywhere.io.skipped import SUBFOLDER, Skipped, in_sentences, skipped_in


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.dcm", "its name says DICOM, its content does not: export it again"),
        ("a.NII.gz", "its name says NIfTI, its content does not: export it again"),
        ("a.heic", "its format is not read: convert it to PNG"),
        ("a.avif", "its format is not read: convert it to PNG"),
        ("a.zip", "an archive is not read: unpack it"),
        (
            "notes.txt",
            "it is no image; images end in .png, .jpg, .jpeg, .tif, .tiff, .bmp, .gif, .webp",
        ),
    ],
)
def test_each_file_has_its_reason(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    assert skipped_in(tmp_path, []) == [Skipped(tmp_path / name, reason)]


def test_a_sound_clinical_file_is_not_called_a_false_one(tmp_path: Path) -> None:
    header = bytearray(352)
    header[:4] = (348).to_bytes(4, "little")
    header[344:348] = b"n+1\0"
    (tmp_path / "a.dcm").write_bytes(b"\0" * 128 + b"DICM")
    (tmp_path / "b.nii").write_bytes(bytes(header))
    (tmp_path / "c.nii.gz").write_bytes(gzip.compress(bytes(header)))
    (tmp_path / "d.nii.gz").write_bytes(b"\x1f\x8bnone")
    reads = "file, which is not read here: `saywhere predict` reads it"
    assert [file.reason for file in skipped_in(tmp_path, [])] == [
        f"it is a DICOM {reads}",
        f"it is a NIfTI {reads}",
        f"it is a NIfTI {reads}",
        "its name says NIfTI, its content does not: export it again",
    ]


def test_files_without_an_ending_are_told_by_content(tmp_path: Path) -> None:
    (tmp_path / "IM0001").write_bytes(b"\0" * 128 + b"DICM")
    Image.new("L", (4, 4)).save(tmp_path / "picture", format="PNG")
    assert [file.reason for file in skipped_in(tmp_path, [])] == [
        "it is a DICOM file, which is not read here: `saywhere predict` reads it",
        "it is a PNG, but its name does not say so: let it end in .png",
    ]


def test_what_is_read_known_hidden_or_litter_is_not_listed(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "list.jsonl", ".DS_Store", "Thumbs.db"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "folder").mkdir()
    skipped = skipped_in(tmp_path, [tmp_path / "a.png"], ["list.jsonl"])
    assert skipped == [
        Skipped(tmp_path / "a.jpg", "another file of the same name is read"),
        Skipped(tmp_path / "folder", SUBFOLDER),
    ]
    assert in_sentences(skipped)[1] == (
        f"1 folder is skipped in {tmp_path}; a folder below is not looked into: name it itself, "
        "or put its files here (folder)"
    )
    assert skipped[0].to_json() == {
        "path": str(tmp_path / "a.jpg"),
        "reason": "another file of the same name is read",
    }


def test_a_pipe_and_a_link_that_leads_nowhere_are_listed_unopened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    reasons = {file.path.name: file.reason for file in skipped_in(tmp_path, [])}
    assert reasons == dict.fromkeys(
        ("link.png", "pipe"), "it is no file, or a link that leads nowhere"
    )


def test_they_are_counted_and_named_by_reason(tmp_path: Path) -> None:
    skipped = [Skipped(tmp_path / f"{number:02}.dcm", "DICOM") for number in range(23)]
    skipped.append(Skipped(tmp_path / "a.txt", "text"))
    many, one = in_sentences(skipped)
    assert many.startswith(f"23 files are skipped in {tmp_path}; DICOM (00.dcm, 01.dcm, ")
    assert many.endswith("19.dcm and 3 more)")
    assert one == f"1 file is skipped in {tmp_path}; text (a.txt)"
    assert in_sentences([]) == []
