"""Files, folders and archives: which pictures they hold, in which order, and what is left out."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("pydicom")
nibabel = pytest.importorskip("nibabel")

from pydicom.uid import generate_uid  # noqa: E402

import dicom_file  # noqa: E402
from saywhere.errors import MissingFile, UnreadableFile  # noqa: E402
from saywhere.io import archives, sources  # noqa: E402
from saywhere.io.source_reader import Reader  # noqa: E402
from saywhere.io.sources import Source, list_inputs  # noqa: E402

SERIES = generate_uid()


def slice_of(place: float, number: int, series: str = SERIES, **tags: object) -> bytes:
    """A CT slice of its number, at a place along the body's axis."""
    pixels = np.full((8, 8), number, np.uint8)
    about = {
        "SeriesInstanceUID": series,
        "ImagePositionPatient": [-10, -20, place],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "InstanceNumber": number,
        "Modality": "CT",
    }
    return dicom_file.file(pixels, **(about | tags))


def write_series(folder: Path, places: list[float], **tags: object) -> None:
    """The names run against the places."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, place in enumerate(places, start=1):
        name = f"IM{len(places) - number:04d}"
        (folder / name).write_bytes(slice_of(place, number, **tags))


def shown(listing: sources.Listing) -> list[list[int]]:
    """The number that stands in each slice, by input."""
    reader = Reader(1, "percentile")

    def number_in(source: Source) -> int:
        return int(reader.read(source).pixels[0, 0, 0])

    return [list(map(number_in, part.sources)) for part in listing.inputs]


def test_slices_of_a_series_are_ordered_by_place_not_by_name(tmp_path: Path) -> None:
    write_series(tmp_path / "ct" / "deep", [30, 10, 20])
    listing = list_inputs(tmp_path / "ct")
    assert shown(listing) == [[2, 3, 1]]
    assert listing.inputs[0].is_volume
    assert listing.inputs[0].name == "ct"
    assert (listing.skipped, listing.notes) == ([], [])


def test_gaps_and_doubled_places_are_told_of(tmp_path: Path) -> None:
    write_series(tmp_path, [0, 1, 1, 2, 3, 6])
    notes = " ".join(list_inputs(tmp_path).notes)
    assert "gaps: 2 slices seem to be missing (the others are 1 mm apart)" in notes
    assert "1 slices lie at the place of another one" in notes


def test_two_series_in_one_folder_are_two(tmp_path: Path) -> None:
    write_series(tmp_path / "a", [0, 1])
    write_series(tmp_path / "b", [0, 1], series=generate_uid())
    assert [part.name for part in list_inputs(tmp_path).inputs] == [
        f"{tmp_path.name}-series1",
        f"{tmp_path.name}-series2",
    ]


def test_a_localizer_is_set_apart_and_comes_last(tmp_path: Path) -> None:
    write_series(tmp_path, [0, 1])
    content = slice_of(5, 9, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    (tmp_path / "A").write_bytes(content)
    listing = list_inputs(tmp_path)
    assert [len(part.sources) for part in listing.inputs] == [2, 1]
    assert listing.inputs[1].name == "A"


def test_a_copy_is_left_out_and_named(tmp_path: Path) -> None:
    write_series(tmp_path, [0, 1])
    (tmp_path / "copy").write_bytes((tmp_path / "IM0000").read_bytes())
    listing = list_inputs(tmp_path)
    assert shown(listing) == [[1, 2]]
    assert [(file.path.name, file.reason) for file in listing.skipped] == [
        ("copy", "a copy of another file")
    ]


def test_without_places_the_number_orders_and_it_is_told(tmp_path: Path) -> None:
    write_series(tmp_path, [0, 1, 2], ImagePositionPatient=None)
    listing = list_inputs(tmp_path)
    assert shown(listing) == [[1, 2, 3]]
    assert "ordered by number" in listing.notes[0]


def test_contents_decide_and_not_names(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(dicom_file.file(dicom_file.ramp(200, "u1")))
    volume = nibabel.Nifti1Image(np.zeros((4, 4, 3), np.uint8), np.eye(4))
    (tmp_path / "b.dat").write_bytes(volume.to_bytes())
    (tmp_path / "c.tif").write_bytes(volume.to_bytes())
    inputs = {part.name: len(part.sources) for part in list_inputs(tmp_path).inputs}
    assert inputs == {"a": 1, "b": 3, "c": 3}
    assert len(list_inputs(tmp_path).inputs) == 3


def test_what_is_no_image_is_listed_by_what_it_is(tmp_path: Path) -> None:
    name = "1.2.840.10008.5.1.4.1.1.88.11"
    (tmp_path / "report").write_bytes(dicom_file.file(np.zeros((2, 2), np.uint8), SOPClassUID=name))
    listing = list_inputs(tmp_path)
    assert (listing.inputs, listing.skipped[0].reason) == ([], "a structured report")


@pytest.mark.parametrize("name", ["ct.zip", "ct.bin"])
def test_an_archive_is_read_without_writing_anything(tmp_path: Path, name: str) -> None:
    stream = io.BytesIO()
    picture = io.BytesIO()
    Image.new("L", (4, 4), 7).save(picture, format="PNG")
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, place in enumerate([3, 1, 2], start=1):
            archive.writestr(f"../../evil/{number}", slice_of(place, number))
        archive.writestr("a.png", picture.getvalue())
        archive.writestr("notes.txt", "no image")
    (tmp_path / name).write_bytes(stream.getvalue())
    listing = list_inputs(tmp_path / name)
    assert shown(listing) == [[7], [2, 3, 1]]
    assert [file.path.name for file in listing.skipped] == ["notes.txt"]
    assert sorted(path.name for path in tmp_path.rglob("*")) == [name]


def test_archives_over_the_limits_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.png", "b.png"):
            archive.writestr(name, b"\x89PNG\r\n\x1a\n" + b"\0" * 1_000_000)
    monkeypatch.setattr(archives, "MAX_ARCHIVE_BYTES", 1_500_000)
    with pytest.raises(UnreadableFile, match="an archive of 2 files"):
        list_inputs(path)
    monkeypatch.setattr(archives, "MAX_ARCHIVE_BYTES", 3_000_000)
    monkeypatch.setattr(archives, "MAX_ENTRIES", 1)
    with pytest.raises(UnreadableFile, match="at most 1 files"):
        list_inputs(path)


def test_damaged_archives_and_missing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(UnreadableFile, match="damaged zip archive"):
        list_inputs(tmp_path / "a.zip")
    with pytest.raises(MissingFile):
        list_inputs(tmp_path / "none")


def test_a_file_of_several_frames_is_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.dcm"
    frames = np.arange(4, dtype=np.uint8)[:, None, None] * np.ones((1, 8, 8), np.uint8)
    path.write_bytes(dicom_file.file(frames, NumberOfFrames=4))
    calls = []
    read = sources.clinic.read
    monkeypatch.setattr(sources.clinic, "read", lambda *args: calls.append(1) or read(*args))
    assert shown(list_inputs(path)) == [[0, 1, 2, 3]]
    assert len(calls) == 1


def test_names_of_frames_tell_their_number() -> None:
    assert Source(Path("x/ct.nii.gz"), frame=7).stem == "ct-007"
    assert Source(Path("x/a.zip"), member="b/IM1").stem == "IM1"
