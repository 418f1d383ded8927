from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saywhere.data.checks import check
from saywhere.data.manifest import read_manifest
from saywhere.datasets.set_writer import Case, write_set
from saywhere.errors import ManifestError, UsageError


def soft_edged() -> np.ndarray:
    """A diagonal of 220, and beside it what a resize leaves: 127, 100, 20, 10."""
    beside = {-2: 10, -1: 127, 1: 100, 2: 20}
    mask = np.eye(16) * 220
    for offset, level in beside.items():
        mask += np.eye(16, k=offset) * level
    return mask.astype(np.uint8)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "download"
    folder.mkdir()
    for stem in "abc":
        Image.fromarray(
            np.random.default_rng(ord(stem)).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        ).save(folder / f"{stem}.jpg")
        Image.fromarray(soft_edged()).save(folder / f"{stem}_mask.png")
    return folder


def cases(source: Path, stems: str, split: str = "train") -> list[Case]:
    return [
        Case(stem, source / f"{stem}.jpg", source / f"{stem}_mask.png", split, {"text": stem})
        for stem in stems
    ]


def test_masks_become_0_and_255_at_128_and_images_keep_their_bytes(
    source: Path, tmp_path: Path
) -> None:
    prepared = write_set(source, tmp_path / "set", cases(source, "abc"), {"train": 3}, [])
    assert prepared.counts == {"train": 3}
    assert prepared.warnings == []
    (row, *_) = read_manifest(prepared.manifest).rows
    assert row.image.read_bytes() == (source / "a.jpg").read_bytes()
    assert row.mask is not None
    np.testing.assert_array_equal(np.asarray(Image.open(row.mask)), np.eye(16) * 255)


def test_another_count_than_published_is_a_warning_with_both_numbers(
    source: Path, tmp_path: Path
) -> None:
    prepared = write_set(
        source,
        tmp_path / "set",
        cases(source, "abc"),
        {"train": 800, "test": 100},
        ["a first warning"],
    )
    assert prepared.warnings == [
        "a first warning",
        "3 rows of split train; 800 were published",
        "0 rows of split test; 100 were published",
    ]


def test_an_image_that_a_set_lists_twice_gets_two_ids(source: Path, tmp_path: Path) -> None:
    listed = cases(source, "ab") + cases(source, "a") + cases(source, "a", "test")
    prepared = write_set(source, tmp_path / "set", listed, {}, [])
    assert [row.id for row in read_manifest(prepared.manifest).rows] == [
        "a",
        "b",
        "a_train",
        "a_test",
    ]


def test_a_damaged_file_stays_for_check_to_find(source: Path, tmp_path: Path) -> None:
    (source / "b_mask.png").write_bytes((source / "b_mask.png").read_bytes()[:60])
    prepared = write_set(source, tmp_path / "set", cases(source, "abc"), {}, [])
    assert len(prepared.warnings) == 1
    assert "a mask could not be converted" in prepared.warnings[0]
    (fault,) = check(read_manifest(prepared.manifest)).faults
    assert (fault.id, fault.kind) == ("b", "truncated")


def test_a_second_run_changes_nothing(source: Path, tmp_path: Path) -> None:
    def contents() -> dict[str, bytes]:
        write_set(source, tmp_path / "set", cases(source, "abc"), {}, [])
        return {
            str(path): path.read_bytes() for path in (tmp_path / "set").rglob("*") if path.is_file()
        }

    assert contents() == contents()


def test_the_download_is_never_written_into(source: Path) -> None:
    with pytest.raises(UsageError, match="--to is --from"):
        write_set(source, source / ".." / "download", cases(source, "abc"), {}, [])


def test_nothing_to_write_is_an_error(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no listed case has both an image and a mask"):
        write_set(source, tmp_path / "set", [], {}, [])
    assert not (tmp_path / "set").exists()


def test_the_manifest_is_written_last(source: Path, tmp_path: Path) -> None:
    listed = cases(source, "ab")
    seen: list[tuple[int, int, bool]] = []
    write_set(
        source,
        tmp_path / "set",
        listed,
        {},
        [],
        lambda done, total: seen.append(
            (done, total, (tmp_path / "set" / "manifest.jsonl").exists())
        ),
    )
    assert seen == [(1, 2, False), (2, 2, False)]
    assert [
        json.loads(line)["id"]
        for line in (tmp_path / "set" / "manifest.jsonl").read_text().splitlines()
    ] == ["a", "b"]


def test_what_another_set_left_in_the_folder_is_kept(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "set"
    first = write_set(source, target, cases(source, "ab"), {}, [])
    manifest = first.manifest.read_bytes()
    image = (target / "images/a.jpg").read_bytes()
    again = write_set(source, target, cases(source, "ab"), {}, [])
    assert again.warnings == []
    assert sorted(path.name for path in target.iterdir()) == ["images", "manifest.jsonl", "masks"]
    shutil.copy(source / "b.jpg", source / "a.jpg")
    other = write_set(source, target, cases(source, "a"), {}, [])
    assert other.warnings == [
        f"{target} held another manifest: it is kept as manifest.jsonl.1",
        f"{target} held 1 other file of these names: kept beside the new ones, as NAME.1",
    ]
    assert (target / "manifest.jsonl.1").read_bytes() == manifest
    assert (target / "images/a.jpg.1").read_bytes() == image
    third = write_set(source, target, cases(source, "b"), {}, [])
    assert third.warnings[0].endswith("it is kept as manifest.jsonl.2")
    assert (target / "manifest.jsonl.1").read_bytes() == manifest


def test_an_image_that_cannot_be_read_is_set_aside_and_its_row_stays(
    source: Path, tmp_path: Path
) -> None:
    (source / "a.jpg").write_bytes((source / "a.jpg").read_bytes()[:100])
    prepared = write_set(source, tmp_path / "set", cases(source, "ab"), {"train": 3}, [])
    (aside,) = prepared.set_aside
    assert aside.startswith("an image cannot be used, and `check` will say so: ")
    assert "a.jpg" in aside
    # A count that differs from the published one loses nobody's input.
    assert len(prepared.warnings) == 2
    manifest = read_manifest(prepared.manifest)
    assert [row.id for row in manifest.rows] == ["a", "b"]
    assert [fault.id for fault in check(manifest).faults] == ["a"]
