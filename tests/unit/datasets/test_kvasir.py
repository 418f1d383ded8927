from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from itertools import chain
from pathlib import Path

import numpy as np
import pytest

from saywhere.data.checks import check
from saywhere.data.manifest import read_manifest
from saywhere.datasets.kvasir import prepare_kvasir
from saywhere.datasets.splits import drawn_split
from saywhere.errors import ManifestError, MissingFile
from saywhere.io.images import read_mask

SPLITS = {"train": ["cju0a", "cju0b", "cju0c"], "val": ["cju0d"], "test": ["cju0e", "cju0f"]}


@pytest.fixture
def source(
    tmp_path: Path,
    draw_image: Callable[..., None],
    draw_mask: Callable[[Path], None],
    annotate: Callable[..., None],
) -> Path:
    folder = tmp_path / "download"
    for stem in chain(*SPLITS.values()):
        draw_image(folder / "Kvasir-SEG" / "images" / f"{stem}.jpg")
        draw_mask(folder / "Kvasir-SEG" / "masks" / f"{stem}.jpg")
    (folder / "Kvasir-SEG" / "kavsir_bboxes.json").write_text("{}")
    annotate(
        folder / "medvlsm" / "data" / "busi" / "anns",
        {split: [f"benign {split}"] for split in SPLITS},
        ".png",
    )
    annotate(folder / "medvlsm" / "data" / "kvasir_polyp" / "anns", SPLITS, ".jpg")
    return folder


def test_the_published_layout_becomes_a_clean_manifest(
    source: Path, tmp_path: Path, disc: np.ndarray
) -> None:
    prepared = prepare_kvasir(source, tmp_path / "set")
    manifest = read_manifest(tmp_path / "set")
    assert [(row.split, row.id) for row in manifest.rows] == [
        (split, stem) for split, stems in SPLITS.items() for stem in stems
    ]
    assert prepared.counts == {"train": 3, "val": 1, "test": 2}
    assert prepared.warnings[0] == "3 rows of split train; 800 were published"
    row = manifest.rows[0]
    assert row.prompts["p6"] == ("one lesion cju0a, located in top left of the image",)
    assert len(row.prompts["p9"]) == 5
    assert (row.oracle, row.frame) == (True, "image")
    assert check(manifest).faults == []
    assert row.mask is not None
    # Cut at "> 0", the JPEG's noise would add 3 % and more.
    assert (read_mask(row.mask) ^ disc).mean() < 0.002


@pytest.mark.parametrize(
    ("removed", "message"),
    [
        (
            "Kvasir-SEG/masks",
            "no 'masks' in .*download or the folders below it; "
            "found there: Kvasir-SEG/, medvlsm/: unpack Kvasir-SEG.zip",
        ),
        (
            "Kvasir-SEG",
            "no 'images', 'masks' in .*download or the folders below it; "
            "found there: medvlsm/: unpack Kvasir-SEG.zip",
        ),
    ],
)
def test_half_a_layout_says_what_was_looked_for_what_was_found_and_what_to_do(
    source: Path, tmp_path: Path, removed: str, message: str
) -> None:
    shutil.rmtree(source / removed)
    with pytest.raises(MissingFile, match=message):
        prepare_kvasir(source, tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_without_annotations_the_images_are_split_by_name_and_have_no_text(
    source: Path, tmp_path: Path
) -> None:
    shutil.rmtree(source / "medvlsm")
    prepared = prepare_kvasir(source, tmp_path / "set")
    manifest = read_manifest(tmp_path / "set")
    assert {row.id: row.split for row in manifest.rows} == {
        stem: drawn_split(stem) for stem in chain(*SPLITS.values())
    }
    assert (manifest.levels, manifest.rows[0].oracle) == ([], None)
    assert prepared.warnings[0] == "6 images; 1,000 were published"
    assert "saywhere describe" in prepared.warnings[-1]
    assert "drawn by name" in prepared.warnings[-1]
    assert "data/kvasir_polyp/anns" in prepared.warnings[-1]


def test_an_empty_folder_of_images_is_half_a_layout(source: Path, tmp_path: Path) -> None:
    for path in (source / "Kvasir-SEG" / "images").iterdir():
        path.unlink()
    with pytest.raises(MissingFile, match=r"no 'images/\*\.jpg' in .*Kvasir-SEG"):
        prepare_kvasir(source, tmp_path / "set")


def test_no_download_at_all_says_so(tmp_path: Path) -> None:
    with pytest.raises(
        MissingFile, match=r"no folder .*nowhere: name the folder that you unpacked"
    ):
        prepare_kvasir(tmp_path / "nowhere", tmp_path / "set")


def test_a_listed_case_without_files_is_left_out_and_counted(source: Path, tmp_path: Path) -> None:
    (source / "Kvasir-SEG" / "masks" / "cju0b.jpg").unlink()
    prepared = prepare_kvasir(source, tmp_path / "set")
    assert (
        prepared.warnings[0]
        == "1 of 6 listed cases lacks an image or a mask and is left out (the first: cju0b)"
    )
    assert prepared.counts == {"train": 2, "val": 1, "test": 2}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON .* in .*train.json: take the published file"),
        ("{}", "a dict in .*train.json; a list of records"),
        (
            '[{"img_name": "a.jpg"}]',
            "record 1 is incomplete in .*train.json; a record has img_name and prompts",
        ),
        (
            json.dumps([{"img_name": "../a.jpg", "prompts": {}}]),
            "'../a.jpg' is no file name in .*train.json",
        ),
    ],
)
def test_broken_annotations_name_the_file(
    source: Path, tmp_path: Path, content: str, message: str
) -> None:
    (source / "medvlsm" / "data" / "kvasir_polyp" / "anns" / "train.json").write_text(content)
    with pytest.raises(ManifestError, match=message):
        prepare_kvasir(source, tmp_path / "set")


def test_annotations_of_another_set_are_recognised(source: Path, tmp_path: Path) -> None:
    shutil.rmtree(source / "medvlsm" / "data" / "kvasir_polyp")
    with pytest.raises(ManifestError, match=r"annotations of other images in .*busi"):
        prepare_kvasir(source, tmp_path / "set")
