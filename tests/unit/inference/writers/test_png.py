"""PNG: the pictures of an answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from saywhere.inference.answer import Answer
from saywhere.inference.writers.png import WRITER
from saywhere.inference.writers.writer import Options


def test_each_part_is_a_picture_of_the_images_own_size(answer: Answer, out: Path) -> None:
    paths = WRITER.paths(out, "a")
    parts = ("mask", "probability", "overlay", "pseudo")
    assert WRITER.write([answer], paths, Options()).parts == parts
    assert {path.name for path in out.iterdir()} == {path.name for path in paths.values()}
    mask, probability, pseudo = (
        np.asarray(Image.open(paths[part])) for part in ("mask", "probability", "pseudo")
    )
    assert np.array_equal(mask, answer.mask * np.uint8(255))
    assert set(np.unique(probability)) == {64, 191}  # 0.25 and 0.75 of 255
    assert np.array_equal(pseudo, np.full((5, 7, 3), 128))
    assert Image.open(paths["overlay"]).width == 7


def test_an_image_only_model_has_no_pseudo_image(empty: Answer, out: Path) -> None:
    written = WRITER.write([empty], WRITER.paths(out, "a"), Options())
    assert written.parts == ("mask", "probability", "overlay")
    assert not (out / "a-pseudo.png").exists()


def test_only_what_is_wanted_is_written(answer: Answer, out: Path) -> None:
    paths = WRITER.paths(out, "a")
    wanted = {"overlay": paths["overlay"]}
    assert WRITER.write([answer], wanted, Options()).parts == ("overlay",)
    assert [path.name for path in out.iterdir()] == ["a-overlay.png"]
