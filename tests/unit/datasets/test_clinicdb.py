from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from saywhere.data.checks import check
from saywhere.data.manifest import read_manifest
from saywhere.datasets.clinicdb import LEAKS, _sequence, _splits, prepare_clinicdb
from saywhere.errors import MissingFile
from saywhere.io.images import read_mask

NUMBERS = [
    1,
    25,
    26,
    50,
    51,
    67,
    68,
    70,
    78,
    79,
    90,
    103,
    104,
    120,
    126,
    479,
    503,
    504,
    571,
    572,
]  # first and last frames of sequences among them


@pytest.fixture
def source(
    tmp_path: Path, draw_image: Callable[..., None], draw_mask: Callable[[Path], None]
) -> Path:
    folder = tmp_path / "download/CVC-ClinicDB"
    for number in NUMBERS:
        draw_image(folder / "Original" / f"{number}.tif")
        draw_mask(folder / "Ground Truth" / f"{number}.tif")
    return tmp_path / "download"


def test_without_annotations_whole_sequences_are_split_in_their_order(
    source: Path, tmp_path: Path, disc: np.ndarray
) -> None:
    prepared = prepare_clinicdb(source, tmp_path / "set")
    manifest = read_manifest(tmp_path / "set")
    assert [row.id for row in manifest.split("train")] == [str(number) for number in NUMBERS[:15]]
    assert {row.id: row.group for row in manifest.split("val")} == {
        "479": "sequence 24",
        "503": "sequence 24",
        "504": "sequence 25",
    }
    assert {row.id: row.group for row in manifest.split("test")} == {
        "571": "sequence 27",
        "572": "sequence 28",
    }
    groups = {row.id: row.group for row in manifest.split("train")}
    assert [groups[number] for number in ("1", "25", "26", "67", "68", "104")] == [
        f"sequence {number}" for number in (1, 1, 2, 3, 4, 6)
    ]
    assert check(manifest).kinds == {}
    assert prepared.warnings[0] == "20 images; 612 were published"
    assert "whole sequences" in prepared.warnings[-1]
    row = manifest.rows[0]
    assert row.mask is not None
    assert np.array_equal(read_mask(row.mask), disc)


def test_all_612_frames_are_split_about_80_10_10() -> None:
    splits = list(
        _splits({str(number): _sequence(str(number), "group") for number in range(1, 613)}).values()
    )
    assert [splits.count(split) for split in ("train", "val", "test")] == [478, 68, 66]


def test_frames_of_other_names_are_split_in_their_order(source: Path, tmp_path: Path) -> None:
    for path in [*source.rglob("*.tif")]:
        path.rename(path.with_name(f"x{path.name}"))
    prepare_clinicdb(source, tmp_path / "set")
    manifest = read_manifest(tmp_path / "set")
    assert [len(manifest.split(split)) for split in ("train", "val", "test")] == [16, 2, 2]
    assert {row.group for row in manifest.rows} == {None}


def test_with_annotations_their_split_is_taken_and_its_leak_is_told(
    source: Path, tmp_path: Path, annotate: Callable[[Path, dict[str, list[str]], str], None]
) -> None:
    annotate(
        source / "medvlsm/data/clinicdb_polyp/anns",
        {"train": ["26", "1"], "val": ["25"], "test": ["572"]},
        ".tif",
    )
    prepared = prepare_clinicdb(source, tmp_path / "set")
    assert prepared.counts == {"train": 2, "val": 1, "test": 1}
    assert prepared.warnings[-1] == LEAKS
    row = read_manifest(tmp_path / "set").rows[0]
    assert (row.oracle, row.group, row.extra) == (True, None, {"sequence": "sequence 2"})


def test_a_name_that_only_looks_like_a_number_comes_last(source: Path, tmp_path: Path) -> None:
    for path in sorted(source.rglob("1.tif")):
        path.rename(path.with_name("².tif"))
    prepare_clinicdb(source, tmp_path / "set")
    assert read_manifest(tmp_path / "set").rows[-1].id == "²"


def test_half_a_layout_is_said(source: Path, tmp_path: Path) -> None:
    (source / "CVC-ClinicDB/Ground Truth").rename(source / "CVC-ClinicDB/Truth")
    with pytest.raises(MissingFile, match=r"no 'Ground Truth' in .*: unpack CVC-ClinicDB"):
        prepare_clinicdb(source, tmp_path / "set")
