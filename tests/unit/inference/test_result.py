"""A result in a user's hands: saved, shown, printed."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import saywhere
from saywhere.errors import UsageError
from saywhere.inference.result import Result
from saywhere.inference.segmenter import Segmenter, load

PROMPT = "the bright lesion in the upper left"


@pytest.fixture(scope="module")
def segmenter(trained: Path) -> Segmenter:
    return load(trained)


@pytest.fixture(scope="module")
def picture(manifest: Path) -> Path:
    return manifest.parent / "images/test_0000.png"


def test_what_is_saved_is_what_was_found(
    segmenter: Segmenter, picture: Path, tmp_path: Path
) -> None:
    result = segmenter.segment(picture, PROMPT)
    everything = "mask,probability,pseudo,overlay"
    paths = result.save(tmp_path / "new" / "folder", "a", save=everything)
    assert {name: path.name for name, path in paths.items()} == {
        name: f"a-{name}.png" for name in ("mask", "probability", "overlay", "pseudo")
    }
    assert np.array_equal(np.asarray(Image.open(paths["mask"])), result.mask * np.uint8(255))
    assert (
        np.abs(np.asarray(Image.open(paths["probability"])) / 255 - result.probability).max()
        <= 0.5 / 255 + 1e-6
    )
    assert (
        np.abs(np.asarray(Image.open(paths["pseudo"])) / 255 - result.pseudo_image).max()
        <= 0.5 / 255 + 1e-6
    )
    assert Image.open(paths["overlay"]).height > 32  # the caption stands below


def test_it_is_saved_in_the_formats_that_are_named(
    segmenter: Segmenter, picture: Path, tmp_path: Path
) -> None:
    result = segmenter.segment(picture, PROMPT)
    assert {path.name for path in result.save(tmp_path, format="coco").values()} == {
        "result-coco.json"
    }
    # Probability and pseudo-image on demand only.
    parts = ["coco", "mask", "overlay"]
    assert list(result.save(tmp_path, "b", format=["png", "coco"])) == parts
    assert list(result.save(tmp_path, "d", save=["probability"])) == ["probability"]
    with pytest.raises(UsageError, match="no output format 'tiff'; formats: coco, "):
        result.save(tmp_path, "c", format="tiff")
    assert not list(tmp_path.glob("c-*"))


def test_the_caption_of_no_words_and_of_very_many_is_drawn(
    segmenter: Segmenter, picture: Path, tmp_path: Path
) -> None:
    for i, prompt in enumerate(["", "左上の病変 🫁 يسار " * 60, "x" * 10_000]):
        assert segmenter.segment(picture, prompt).save(tmp_path, str(i))["overlay"].is_file()


def test_it_says_how_much_is_marked() -> None:
    image, probability = np.zeros((2, 4, 1), np.uint8), np.zeros((2, 4), np.float32)
    result = Result(image, "a", probability, np.eye(2, 4) > 0, None, 0.0)
    assert repr(result) == "Result('a', mask 25.0% of 2×4, presence 0.00)"


def test_it_says_whether_what_was_named_is_there() -> None:
    probability = np.array([[0.1, 0.3]], np.float32)
    result = Result(np.zeros((1, 2, 1), np.uint8), "a", probability, probability > 0.5, None, 0.0)
    assert result.confidence is None
    assert result.presence == pytest.approx(0.3)
    assert repr(result) == "Result('a', nothing found in 1×2, presence 0.30)"


def test_a_notebook_shows_the_overlay(trained: Path) -> None:
    result = saywhere.load(trained).segment(np.zeros((20, 30, 3), np.uint8), "the spot, upper left")
    shown = np.asarray(Image.open(BytesIO(result._repr_png_())))
    assert np.array_equal(shown, result.overlay())
