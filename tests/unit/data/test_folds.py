"""Folds: each case is tested once, and never chosen by."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from saywhere.config import Config, DataConfig
from saywhere.data.checks import check
from saywhere.data.folds import role
from saywhere.data.manifest import read_manifest
from saywhere.data.manifest_row import Row
from saywhere.data.rows import Rows
from saywhere.data.select import data_of, manifest_of
from saywhere.errors import ConfigError, ManifestError


def written(folder: Path, folds: list[object]) -> Path:
    rows = [
        {"id": f"{number}", "image": f"{number}.png", "split": "train", "fold": fold}
        for number, fold in enumerate(folds)
    ]
    place = folder / "manifest.jsonl"
    place.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return place


def data(manifest: Path, fold: int | None) -> DataConfig:
    return Config().replace(**{"data.manifest": str(manifest), "data.fold": fold}).data


def test_the_next_fold_chooses_the_epoch_and_the_others_train() -> None:
    assert [role(fold, 2, 5) for fold in range(1, 6)] == ["train", "test", "val", "train", "train"]
    assert [role(fold, 5, 5) for fold in range(1, 6)] == ["val", "train", "train", "train", "test"]


def test_every_case_is_tested_once(tmp_path: Path) -> None:
    manifest = written(tmp_path, [1, 2, 3, 1, 2, 3, 3])
    tested: list[str] = []
    for fold in (1, 2, 3):
        rows = manifest_of(data(manifest, fold)).rows
        assert {row.split for row in rows} == {"train", "val", "test"}
        tested += [row.id for row in rows if row.split == "test"]
    assert sorted(tested) == [str(number) for number in range(7)]


def test_without_a_fold_the_manifests_splits_count(tmp_path: Path) -> None:
    manifest = written(tmp_path, [1, 2, 3])
    assert {row.split for row in manifest_of(data(manifest, None)).rows} == {"train"}


def test_the_same_data_by_another_path_is_split_alike(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    folds: list[object] = ["1", "2", "3"]
    copy = written(tmp_path / "copy", folds)
    chosen = data(written(tmp_path, folds), 2)
    assert [row.split for row in data_of(chosen, copy).rows] == ["train", "test", "val"]


@pytest.mark.parametrize(
    ("folds", "fold", "message"),
    [
        ([None, None, None], 1, "data.fold is 1, and the manifest has no folds"),
        ([1, 2, 2], 1, "folds 1, 2 .*; 1, 2 … without a gap, 3 or more"),
        ([1, 2, 4], 1, "folds 1, 2, 4"),
        ([1, 2, 3], 4, "data.fold is 4 .*; folds 1 to 3"),
        ([1, 2, 3, None], 1, "no fold, while other rows have one"),
        ([1, 2, "three"], 1, "fold is 'three'"),
        ([1, 2, True], 1, "fold is 'True'"),
    ],
)
def test_folds_that_make_no_sense_are_refused(
    folds: list[object], fold: int, message: str, tmp_path: Path
) -> None:
    with pytest.raises((ConfigError, ManifestError), match=message):
        manifest_of(data(written(tmp_path, folds), fold))


def test_a_group_in_two_folds_is_set_aside(tmp_path: Path) -> None:
    rows = []
    for number, fold in enumerate([1, 2, 3]):
        Image.new("L", (8, 8), number).save(tmp_path / f"{number}.png")
        group = "patient" if number < 2 else "other"
        rows.append(Row(str(number), tmp_path / f"{number}.png", group=group, number=number + 1))
        rows[-1].extra["fold"] = fold
    manifest = read_manifest(written(tmp_path, [1, 2, 3]))
    (fault,) = check(replace(manifest, rows=Rows(rows))).faults
    assert (fault.row, fault.kind) == (2, "leak")
    assert fault.reason == "its group is in fold 1 too (row 1), where it stays"
