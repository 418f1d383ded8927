"""COCO: what its own reader makes of the file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools import mask as coco

from saywhere.inference.answer import Answer
from saywhere.inference.writers.coco import WRITER, run_lengths
from saywhere.inference.writers.writer import Options


def written(answer: Answer, out: Path) -> Path:
    paths = WRITER.paths(out, "a")
    assert WRITER.write([answer], paths, Options()).parts == ("coco",)
    return paths["coco"]


def test_its_own_reader_finds_the_mask(answer: Answer, out: Path) -> None:
    content = json.loads(written(answer, out).read_text())
    (annotation,) = content["annotations"]
    assert np.array_equal(coco.decode(annotation["segmentation"]) > 0, answer.mask)
    box = [2, 1, 2, 3]
    assert annotation["bbox"] == coco.toBbox(annotation["segmentation"]).tolist() == box
    assert annotation["area"] == coco.area(annotation["segmentation"]) == 6
    assert annotation["score"] == 0.75


def test_it_is_a_whole_data_set(
    answer: Answer, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reader = pytest.importorskip("pycocotools.coco").COCO(str(written(answer, out)))
    (image,) = reader.loadImgs(reader.getImgIds())
    assert (image["file_name"], image["height"], image["width"]) == ("a", 5, 7)
    (annotation,) = reader.loadAnns(reader.getAnnIds(image["id"]))
    assert np.array_equal(reader.annToMask(annotation) > 0, answer.mask)
    assert reader.loadCats(annotation["category_id"])[0]["name"] == "the spot"


def test_an_empty_mask_has_no_annotation(empty: Answer, out: Path) -> None:
    content = json.loads(written(empty, out).read_text())
    assert content["annotations"] == []
    assert content["categories"] == [{"id": 1, "name": ""}]


@pytest.mark.parametrize("seed", range(3))
def test_run_lengths_hold_any_mask(seed: int) -> None:
    mask = np.random.default_rng(seed).random((9, 14)) > 0.5
    compressed = run_lengths(mask)
    assert compressed["size"] == [9, 14]
    assert np.array_equal(coco.decode(compressed) > 0, mask)
