from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saywhere.data.manifest import read_manifest
from saywhere.datasets.busi import prepare_busi
from saywhere.errors import MissingFile
from saywhere.io.images import read_mask


@pytest.fixture
def source(tmp_path: Path, draw_image: Callable[..., None]) -> Path:
    folder = tmp_path / "download/Dataset_BUSI_with_GT"
    for name, masks in {
        "benign (1)": 2,
        "benign (2)": 1,
        "malignant (1)": 1,
        "normal (1)": 1,
    }.items():
        kind = name.split()[0]
        draw_image(folder / kind / f"{name}.png")
        for number in range(masks):
            pixels = np.zeros((80, 80), np.uint8)
            if kind != "normal":
                pixels[10 + 30 * number : 30 + 30 * number, 10:30] = 255
            Image.fromarray(pixels).save(
                folder / kind / (f"{name}_mask.png" if number == 0 else f"{name}_mask_{number}.png")
            )
    return tmp_path / "download"


def test_several_masks_of_an_image_become_one_and_normal_images_have_none(
    source: Path, tmp_path: Path
) -> None:
    prepared = prepare_busi(source, tmp_path / "set")
    rows = {row.id: row for row in read_manifest(tmp_path / "set").rows}
    assert sorted(rows) == ["benign (1)", "benign (2)", "malignant (1)", "normal (1)"]
    areas = {name: int(read_mask(row.mask).sum()) for name, row in rows.items() if row.mask}
    assert areas == {"benign (1)": 800, "benign (2)": 400, "malignant (1)": 400, "normal (1)": 0}
    assert rows["normal (1)"].extra["kind"] == "normal"
    assert "2 rows of kind benign; 437 were published" in prepared.warnings
    assert any("saywhere describe" in warning for warning in prepared.warnings)


def test_annotations_give_prompts_and_split_and_the_rest_is_split_by_name(
    source: Path, tmp_path: Path, annotate: Callable[[Path, dict[str, list[str]], str], None]
) -> None:
    annotate(source / "anns", {"train": ["benign (1)"], "val": [], "test": ["benign (2)"]}, ".png")
    prepare_busi(source, tmp_path / "set")
    rows = {row.id: row for row in read_manifest(tmp_path / "set").rows}
    assert (rows["benign (1)"].split, rows["benign (2)"].split) == ("train", "test")
    assert rows["benign (2)"].prompts["p6"] == (
        "one lesion benign (2), located in top left of the image",
    )
    assert rows["benign (1)"].oracle
    assert rows["normal (1)"].prompts == {}


def test_an_image_without_a_mask_is_left_out_and_half_a_layout_is_said(
    source: Path, tmp_path: Path
) -> None:
    (source / "Dataset_BUSI_with_GT/malignant/malignant (1)_mask.png").unlink()
    assert any(
        "1 image of malignant left out for want of a mask" in warning
        for warning in prepare_busi(source, tmp_path / "set").warnings
    )
    with pytest.raises(MissingFile, match=r"Dataset_BUSI\.zip"):
        prepare_busi(source / "Dataset_BUSI_with_GT/benign", tmp_path / "other")
