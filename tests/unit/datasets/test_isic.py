from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from saywhere.data.checks import check
from saywhere.data.manifest import read_manifest
from saywhere.datasets.isic import prepare_isic
from saywhere.datasets.splits import drawn_split
from saywhere.errors import MissingFile, UsageError
from saywhere.io.images import read_mask

SPLITS = {
    "train": ["ISIC_0000001", "ISIC_0000002", "ISIC_0000279"],
    "val": ["ISIC_0000004"],
    "test": ["ISIC_0000005", "ISIC_0000279"],
}
Draw = Callable[..., None]


@pytest.fixture
def source_2016(tmp_path: Path, draw_image: Draw, draw_mask: Draw, annotate: Draw) -> Path:
    folder = tmp_path / "download"
    for split, stems in SPLITS.items():
        part = "Test" if split == "test" else "Training"
        for stem in stems:
            draw_image(folder / f"ISBI2016_ISIC_Part1_{part}_Data" / f"{stem}.jpg")
            draw_mask(
                folder
                / "ground truth"
                / f"ISBI2016_ISIC_Part1_{part}_GroundTruth"
                / f"{stem}_Segmentation.png"
            )
    annotate(folder / "anns", SPLITS, "_Segmentation.png")
    return folder


@pytest.fixture
def source_2017(tmp_path: Path, draw_image: Draw, draw_mask: Draw) -> Path:
    folder = tmp_path / "download 2017"
    for part, stems in {
        "Training": ["ISIC_1", "ISIC_2"],
        "Validation": ["ISIC_3"],
        "Test_v2": ["ISIC_4"],
    }.items():
        for stem in stems:
            draw_image(folder / f"ISIC-2017_{part}_Data" / f"{stem}.jpg")
            draw_image(folder / f"ISIC-2017_{part}_Data" / f"{stem}_superpixels.png")
            draw_mask(folder / f"ISIC-2017_{part}_Part1_GroundTruth" / f"{stem}_segmentation.png")
    return folder


def test_2016_becomes_a_manifest_whose_published_leak_is_found(
    source_2016: Path, tmp_path: Path
) -> None:
    prepared = prepare_isic(source_2016, tmp_path / "set")
    manifest = read_manifest(tmp_path / "set")
    assert prepared.counts == {"train": 3, "val": 1, "test": 2}
    assert [row.id for row in manifest.split("test")] == ["ISIC_0000005", "ISIC_0000279_test"]
    assert manifest.rows[0].prompts["p6"] == (
        "one lesion ISIC_0000001, located in top left of the image",
    )
    assert (manifest.rows[0].oracle, manifest.rows[0].group) == (True, "ISIC_0000001")
    assert [(fault.id, fault.kind) for fault in check(manifest).faults] == [
        ("ISIC_0000279", "leak")
    ]


def test_2017_becomes_a_manifest_without_text(
    source_2017: Path, tmp_path: Path, disc: np.ndarray
) -> None:
    prepared = prepare_isic(source_2017, tmp_path / "set")
    manifest = read_manifest(tmp_path / "set")
    assert [(row.split, row.id) for row in manifest.rows] == [
        ("train", "ISIC_1"),
        ("train", "ISIC_2"),
        ("val", "ISIC_3"),
        ("test", "ISIC_4"),
    ]
    assert manifest.levels == []
    assert prepared.warnings[0].startswith("ISIC 2017 has no text: `saywhere describe`")
    assert "2 rows of split train; 2,000 were published" in prepared.warnings
    assert check(manifest).faults == []
    assert manifest.rows[0].mask is not None
    np.testing.assert_array_equal(read_mask(manifest.rows[0].mask), disc)


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        (
            "ISBI2016_ISIC_Part1_Training_Data",
            "no 'ISBI2016_ISIC_Part1_Training_Data', 'ISIC-2017_Training_Data' in .*; "
            "found there: ISBI2016_ISIC_Part1_Test_Data/, ",
        ),
        (
            "ISBI2016_ISIC_Part1_Test_Data",
            "no 'ISBI2016_ISIC_Part1_Test_Data' in .*download or the folders below it; "
            "found there: .*: unpack the challenge's",
        ),
        (
            "ground truth/ISBI2016_ISIC_Part1_Test_GroundTruth",
            "no 'ISBI2016_ISIC_Part1_Test_GroundTruth' in .*: "
            "unpack the challenge's archives of task 1",
        ),
    ],
)
def test_half_a_layout_says_what_was_looked_for_what_was_found_and_what_to_do(
    source_2016: Path, tmp_path: Path, removed: str, message: str
) -> None:
    shutil.rmtree(source_2016 / removed)
    with pytest.raises(MissingFile, match=message):
        prepare_isic(source_2016, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_2016_without_annotations_keeps_the_published_test_split_and_has_no_text(
    source_2016: Path, tmp_path: Path
) -> None:
    shutil.rmtree(source_2016 / "anns")
    prepared = prepare_isic(source_2016, tmp_path / "set")
    manifest = read_manifest(tmp_path / "set")
    trained = {*SPLITS["train"], *SPLITS["val"]}
    assert {row.id.removesuffix("_test") for row in manifest.split("test")} == set(SPLITS["test"])
    expected = {stem: "val" if drawn_split(stem) == "val" else "train" for stem in trained}
    assert {
        row.image.stem.removesuffix("_train"): row.split
        for row in manifest.rows
        if row.split != "test"
    } == expected
    assert (manifest.levels, manifest.rows[0].oracle) == ([], None)
    assert "4 rows of part Training; 900 were published" in prepared.warnings
    assert "saywhere describe" in prepared.warnings[-1]
    assert "data/isic/anns" in prepared.warnings[-1]


def test_two_years_at_once_are_one_too_many(
    source_2016: Path, source_2017: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"both ISIC 2016 and ISIC 2017 in .*; one set at a time"):
        prepare_isic(tmp_path, tmp_path / "set")


def test_a_mask_that_lacks_is_counted(source_2016: Path, source_2017: Path, tmp_path: Path) -> None:
    (
        source_2016
        / "ground truth"
        / "ISBI2016_ISIC_Part1_Training_GroundTruth"
        / "ISIC_0000002_Segmentation.png"
    ).unlink()
    assert (
        "1 of 6 listed cases lacks an image or a mask and is left out (the first: ISIC_0000002)"
        in prepare_isic(source_2016, tmp_path / "2016").warnings
    )
    (source_2017 / "ISIC-2017_Training_Part1_GroundTruth" / "ISIC_2_segmentation.png").unlink()
    assert (
        "1 of 2 listed cases lacks an image or a mask and is left out (the first: ISIC_2)"
        in prepare_isic(source_2017, tmp_path / "2017").warnings
    )
