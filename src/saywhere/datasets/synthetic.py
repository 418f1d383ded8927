"""Referring phantoms: grey-level images with several lesions, and a sentence that says which one is meant.

The lesion that a row means is drawn at random, so an image alone cannot tell it. Everything is a function of the seed: equal bytes for equal seeds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from saywhere.captions import templates as wordings
from saywhere.errors import UsageError
from saywhere.seeds import generator

LEVELS = ("taught", "plain", "unseen", "place")
"""taught: 8 paraphrases, for training. plain: one of them. unseen: a held-out wording. place: the words of the place alone."""
MIN_SIZE = 32
SMALL, LARGE = (0.070, 0.092), (0.118, 0.155)
"""Mean radius as a share of the image's side."""
BLOCK = 4
"""So many images in a row share wordings and take turns in the places: left and right, upper and lower are named equally often."""


@dataclass(frozen=True)
class Lesion:
    """One lesion: place in the image, attributes, mask bool (height, width)."""

    place: str
    bright: bool
    large: bool
    mask: np.ndarray


def make_phantoms(
    folder: str | Path,
    *,
    n_train: int,
    n_val: int,
    n_test: int,
    size: int = 64,
    seed: int = 0,
    rows_per_image: int | None = None,
) -> Path:
    """Write images/, masks/ and manifest.jsonl into the folder; return the manifest's path.

    A row is an image, one of its 2 to 4 lesions (at most one a quadrant) and the prompts for it (`LEVELS`). All lesions of an image are rows, or
    the first `rows_per_image` drawn. The splits' random streams are independent; n_* count images. size: pixels, both sides.

    Raises:
        UsageError: a count below zero, no image at all, a size below 32, fewer than one row an image.
    """
    counts = {"train": n_train, "val": n_val, "test": n_test}
    _check(counts, size, rows_per_image)
    folder = Path(folder)
    manifest = folder / "manifest.jsonl"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    # The manifest goes first and comes last: what an interrupted run leaves behind is never taken for a whole set.
    manifest.unlink(missing_ok=True)
    rows = [
        row
        for split, n in counts.items()
        for index in range(n)
        for row in _write_image(folder, split, index, size, seed, rows_per_image)
    ]
    partial = manifest.with_suffix(".partial")
    partial.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    partial.replace(manifest)
    return manifest


def draw_phantom(
    split: str, index: int, *, size: int = 64, seed: int = 0
) -> tuple[np.ndarray, list[Lesion]]:
    """Phantom number `index` of a split: uint8 (height, width) and its lesions, in the order in which they were drawn."""
    random = generator(seed, f"phantom {split}", index)
    image = _tissue(random, size)
    lesions = []
    for place in _places(split, index, seed):
        bright, large = bool(random.random() < 0.5), bool(random.random() < 0.5)
        distance, radius = _outline(random, place, size, large)
        image = _paint(image, (distance - 1.0) * radius, random, sign=1 if bright else -1)
        lesions.append(Lesion(place, bright, large, distance < 1.0))
    image += random.normal(0.0, random.uniform(0.015, 0.04), image.shape)
    return (image.clip(0.0, 1.0) * 255.0).round().astype(np.uint8), lesions


def _check(counts: dict[str, int], size: int, rows_per_image: int | None) -> None:
    for split, n in counts.items():
        if n < 0:
            raise UsageError(
                f"n_{split} is {n}",
                where="make_phantoms",
                allowed="a number of images is 0 or more",
                remedy="give 0 to leave a split out",
            )
    if not any(counts.values()):
        raise UsageError(
            "no images were asked for",
            where="make_phantoms",
            allowed="at least one split holds an image",
            remedy="give n_train, n_val or n_test",
        )
    if size < MIN_SIZE:
        raise UsageError(
            f"size is {size}",
            where="make_phantoms",
            allowed=f"a phantom has at least {MIN_SIZE} pixels a side",
            remedy=f"try {MIN_SIZE} or 64",
        )
    if rows_per_image is not None and rows_per_image < 1:
        raise UsageError(
            f"rows_per_image is {rows_per_image}",
            where="make_phantoms",
            allowed="1 or more",
            remedy="leave it out for all lesions",
        )


def _write_image(
    folder: Path, split: str, index: int, size: int, seed: int, rows_per_image: int | None
) -> list[dict[str, Any]]:
    """Write one image and its masks; return its rows."""
    pixels, lesions = draw_phantom(split, index, size=size, seed=seed)
    name = f"{split}_{index:04d}"
    Image.fromarray(pixels).save(folder / "images" / f"{name}.png", compress_level=1)
    rows = []
    for rank, lesion in enumerate(lesions[:rows_per_image]):
        row_id = f"{name}_{lesion.place.replace(' ', '_')}"
        Image.fromarray(lesion.mask.astype(np.uint8) * 255).save(
            folder / "masks" / f"{row_id}.png", compress_level=1
        )
        rows.append(
            {
                "id": row_id,
                "image": f"images/{name}.png",
                "mask": f"masks/{row_id}.png",
                "split": split,
                "group": name,
                "frame": "image",
                "oracle": True,
            }
            | {"prompts": _prompts(lesion, split, index, rank, seed)}
            | {
                "lesions": len(lesions),
                "place": lesion.place,
                "bright": lesion.bright,
                "large": lesion.large,
            }
        )
    return rows


def _prompts(
    lesion: Lesion, split: str, index: int, rank: int, seed: int
) -> dict[str, str | list[str]]:
    """The lesion in words, a level a key. The stream is the block's: its images say the same of different places."""
    random = generator(seed, f"phantom words {split}", index // BLOCK, rank)
    attributes = {"bright": lesion.bright, "large": lesion.large}
    taught = wordings.taught(lesion.place, **attributes, random=random)
    return {
        "taught": taught,
        "plain": taught[0],
        "unseen": wordings.unseen(lesion.place, **attributes, random=random),
        "place": lesion.place,
    }


def _places(split: str, index: int, seed: int) -> list[str]:
    """2 to 4 different places, in random order; over a block each rank falls into every place once."""
    random = generator(seed, f"phantom places {split}", index // BLOCK)
    n, order = int(random.integers(2, 5)), random.permutation(len(wordings.PLACES))
    return [wordings.PLACES[place] for place in np.roll(order, index % BLOCK)[:n]]


def _field(random: np.random.Generator, size: int, sigma: float) -> np.ndarray:
    """Smooth noise of unit variance and of a length scale sigma, in pixels: (height, width)."""
    field = gaussian_filter(
        random.standard_normal((size, size)), sigma, mode="reflect", truncate=3.0
    )
    return (field - field.mean()) / max(float(field.std()), 1e-12)


def _tissue(random: np.random.Generator, size: int) -> np.ndarray:
    """Background in about [0.3, 0.7]: slow changes, a slight gradient, grain of two length scales."""
    row, column = np.mgrid[:size, :size] / (size - 1) - 0.5
    angle = random.uniform(0.0, 2 * np.pi)
    gradient = random.uniform(0.0, 0.14) * (np.cos(angle) * column + np.sin(angle) * row)
    slow, grain = (
        _field(random, size, size * random.uniform(0.10, 0.2)),
        _field(random, size, size * random.uniform(0.015, 0.03)),
    )
    return (
        random.uniform(0.43, 0.57)
        + gradient
        + random.uniform(0.025, 0.05) * slow
        + random.uniform(0.015, 0.035) * grain
    )


def _outline(
    random: np.random.Generator, place: str, size: int, large: bool
) -> tuple[np.ndarray, float]:
    """Distance from the lesion's centre as a share of its border's (height, width), below 1 inside, and the mean radius in pixels."""
    harmonics = np.arange(2, 6)
    strengths, phases = (
        random.normal(0.0, 0.17, harmonics.shape) / (harmonics - 1) ** 1.4,
        random.uniform(0.0, 2 * np.pi, harmonics.shape),
    )

    def border(angle: np.ndarray) -> np.ndarray:
        waves = strengths * np.cos(angle[..., None] * harmonics + phases)
        return np.clip(1.0 + waves.sum(-1), 0.6, 1.35)

    radius = random.uniform(*(LARGE if large else SMALL)) * size
    # Well inside of its quadrant: no point of the border comes nearer than a pixel and a half to the quadrant's sides.
    reach = radius * float(border(np.linspace(0.0, 2 * np.pi, 180)).max()) + 1.5
    lowest, highest = min(reach, size / 4), max(size / 2 - reach, size / 4)
    top, left = (0.0 if "upper" in place else size / 2), (0.0 if "left" in place else size / 2)
    row, column = np.mgrid[:size, :size] + 0.5
    row, column = (
        row - (top + random.uniform(lowest, highest)),
        column - (left + random.uniform(lowest, highest)),
    )
    return np.hypot(row, column) / (radius * border(np.arctan2(row, column))), radius


def _paint(
    image: np.ndarray, outside: np.ndarray, random: np.random.Generator, *, sign: int
) -> np.ndarray:
    """Blend one lesion in, brighter (+1) or darker (-1): soft border, faint rim, texture of its own. outside: pixels from the border, inside negative."""
    size = image.shape[0]
    softness = random.uniform(0.4, 0.9) * size / 64
    inside = 1.0 / (1.0 + np.exp(np.clip(outside / softness, -30.0, 30.0)))
    halo = np.exp(-np.clip(outside, 0.0, None) / (0.03 * size))
    contrast = random.uniform(0.15, 0.28) + random.uniform(-0.05, 0.05) * np.exp(
        -np.clip(-outside, 0.0, None) / (0.04 * size)
    )
    texture = random.uniform(0.02, 0.05) * _field(random, size, size * random.uniform(0.012, 0.025))
    return image + inside * (sign * contrast + texture) + sign * random.uniform(0.0, 0.04) * halo
