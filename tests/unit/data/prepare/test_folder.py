from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from saywhere.data.manifest import read_manifest
from saywhere.data.prepare.folder import prepare_folder
from saywhere.data.prepare.layout import drawn_split
from saywhere.errors import MissingFile

Draw = Callable[[Path], None]


def test_images_and_masks_of_equal_names_are_split_by_name(tmp_path: Path, draw_image: Draw, draw_mask: Draw) -> None:
    for number in range(40):
        draw_image(tmp_path / f"mine/images/case {number}.jpg")
        draw_mask(tmp_path / f"mine/masks/case {number}.png")
    draw_image(tmp_path / "mine/images/alone.jpg")
    prepared = prepare_folder(tmp_path / "mine", tmp_path / "set")
    rows = read_manifest(tmp_path / "set").rows
    assert {row.id: row.split for row in rows} == {f"case {number}": drawn_split(f"case {number}") for number in range(40)}
    assert {row.split for row in rows} == {"train", "val", "test"}
    assert "1 of 41 listed cases lack an image or a mask" in prepared.warnings[0]
    assert "saywhere describe" in prepared.warnings[-1]


def test_about_eight_in_ten_names_are_trained_on() -> None:
    splits = [drawn_split(str(number)) for number in range(2000)]
    assert 0.77 < splits.count("train") / 2000 < 0.83
    assert 0.08 < splits.count("test") / 2000 < 0.12


def test_a_split_that_is_there_is_kept(tmp_path: Path, draw_image: Draw, draw_mask: Draw) -> None:
    for split in ("train", "test"):
        draw_image(tmp_path / f"mine/{split}/images/{split}.png")
        draw_mask(tmp_path / f"mine/{split}/masks/{split}.png")
    prepared = prepare_folder(tmp_path / "mine", tmp_path / "set")
    assert [(row.id, row.split) for row in read_manifest(tmp_path / "set").rows] == [("train", "train"), ("test", "test")]
    assert "there is no folder val" in prepared.warnings


def test_half_a_layout_is_said(tmp_path: Path, draw_image: Draw) -> None:
    draw_image(tmp_path / "mine/images/a.png")
    with pytest.raises(MissingFile, match=r"no 'masks' in .*: put images into images/"):
        prepare_folder(tmp_path / "mine", tmp_path / "set")
