"""Copies across splits that share no byte, found by their hashes."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from saywhere.data import near
from saywhere.data.manifest_row import Row
from saywhere.data.near import in_words, near_duplicates
from saywhere.errors import MissingExtra


@pytest.fixture(autouse=True)
def _installed() -> None:
    pytest.importorskip("imagehash")


def picture(seed: int) -> Image.Image:
    """Blurred noise: structure at many scales, as pictures have."""
    pixels = np.random.default_rng(seed).integers(0, 256, (120, 150, 3), dtype=np.uint8)
    blurred = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(6))
    grey = np.asarray(blurred).astype(float)
    low = grey.min()
    high = grey.max()
    return Image.fromarray(((grey - low) / (high - low) * 215 + 20).astype(np.uint8))


def saved(folder: Path, name: str, image: Image.Image) -> Path:
    path = folder / name
    image.save(path, quality=60)
    return path


def one_pixel(image: Image.Image) -> Image.Image:
    pixels = np.asarray(image).copy()
    pixels[60, 75] ^= 255
    return Image.fromarray(pixels)


def brighter(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image) + np.uint8(15))


CHANGES = {
    "jpeg.jpg": lambda image: image,
    "pixel.png": one_pixel,
    "half.png": lambda image: image.resize((75, 60)),
    "bright.png": brighter,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_copy_in_another_split_is_told(name: str, tmp_path: Path) -> None:
    rows = [
        Row(f"{i}", saved(tmp_path, f"{i}.png", picture(i)), split="train", number=i + 1)
        for i in range(6)
    ]
    copy = saved(tmp_path, name, CHANGES[name](picture(3)))
    rows.append(Row("copy", copy, split="test", number=7))
    (pair,) = near_duplicates(rows)
    assert (pair.row, pair.other_row, pair.split, pair.other_split) == (4, 7, "train", "test")
    assert pair.distance <= near.LARGEST_DISTANCE
    assert not pair.is_mirrored
    assert in_words([pair])[0].startswith(
        "near-duplicate across splits: row 4 (3, train) and row 7 (copy, test), distance "
    )


def test_a_mirrored_copy_is_told_as_one(tmp_path: Path) -> None:
    image = picture(0)
    mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    rows = [
        Row("a", saved(tmp_path, "a.png", image), split="train", number=1),
        Row("b", saved(tmp_path, "b.png", mirrored), split="val", number=2),
    ]
    (pair,) = near_duplicates(rows)
    assert pair.is_mirrored


def test_copies_within_a_split_and_plain_pictures_are_left_alone(tmp_path: Path) -> None:
    image = saved(tmp_path, "a.png", picture(0))
    black = [saved(tmp_path, f"{i}.png", Image.new("L", (64, 64), i)) for i in range(2)]
    rows = [
        Row("a", image, split="train", number=1),
        Row("a again", image, split="train", number=2),
        Row("black", black[0], split="train", number=3),
        Row("nearly black", black[1], split="test", number=4),
    ]
    assert near_duplicates(rows) == []


def test_copies_in_two_folds_are_told(tmp_path: Path) -> None:
    rows = [
        Row("a", saved(tmp_path, "a.png", picture(0)), number=1, extra={"fold": 1}),
        Row("b", saved(tmp_path, "b.png", picture(0)), number=2, extra={"fold": 2}),
    ]
    assert len(near_duplicates(rows)) == 1


def test_every_pair_within_the_distance_is_a_candidate() -> None:
    random = np.random.default_rng(0)
    hashes = random.random((40, 256)) < 0.5
    others = hashes.copy()
    for i, other in enumerate(others):
        changed = random.permutation(256)[: min(i, near.LARGEST_DISTANCE)]
        other[changed] = ~other[changed]
    candidates = set(near._candidates(hashes, others))
    assert {(i, i) for i in range(40)} <= candidates
    # Of 1,600 pairs hardly any other: strangers are not compared with each other.
    assert len(candidates) < 80


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagehash", None)
    with pytest.raises(MissingExtra, match=r"pip install 'saywhere\[near\]'"):
        near_duplicates([])
