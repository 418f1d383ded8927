"""Referring phantoms: grey-level images with several lesions, and a sentence that names one.

The lesion that a row means is drawn at random, so an image alone cannot tell it. Everything is a
function of the seed: equal bytes for equal seeds.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from saywhere.captions import templates
from saywhere.data.records import Fields
from saywhere.errors import UsageError
from saywhere.seeds import generator

LEVELS = ("taught", "plain", "unseen", "place")
"""Prompt levels of a row.

taught: 8 paraphrases, for training. plain: one of them. unseen: a held-out wording. place: the
words of the place alone.
"""
MIN_SIZE = 32
# Mean radius, as a range of shares of the image's side.
SMALL = (0.070, 0.092)
LARGE = (0.118, 0.155)
# So many images in a row share wordings and take turns in the places: left and right, upper and
# lower are named equally often.
BLOCK = 4


@dataclass(frozen=True)
class Lesion:
    """One lesion of a phantom."""

    place: str
    """One of `saywhere.captions.templates.PLACES`."""
    bright: bool
    large: bool
    mask: np.ndarray
    """bool (height, width)"""


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
    """Write images/, masks/ and manifest.jsonl into a folder.

    A row is an image, one of its 2 to 4 lesions (at most one per quadrant) and the prompts for it
    (levels: taught, plain, unseen, place). The splits' random streams are independent.

    Args:
        folder: where to write; it is made if it is not there.
        n_train: number of images of the split train.
        n_val: number of images of the split val.
        n_test: number of images of the split test.
        size: height and width in pixels.
        seed: of everything that is drawn.
        rows_per_image: rows of an image, the first lesions that were drawn; None for all lesions.

    Returns:
        The path of the manifest.

    Raises:
        UsageError: a count below zero, no image at all, a size below 32, or fewer than one row per
            image.
    """
    counts = {"train": n_train, "val": n_val, "test": n_test}
    _check(counts, size, rows_per_image)
    folder = Path(folder)
    manifest = folder / "manifest.jsonl"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    # The manifest goes first and comes last: what an interrupted run leaves behind is never taken
    # for a whole set.
    manifest.unlink(missing_ok=True)
    rows: list[Fields] = []
    for split, n in counts.items():
        for index in range(n):
            rows += _write_image(folder, split, index, size, seed, rows_per_image)
    partial = manifest.with_suffix(".partial")
    partial.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    # At once: a reader sees a whole manifest, or none.
    partial.replace(manifest)
    return manifest


def draw_phantom(
    split: str, index: int, *, size: int = 64, seed: int = 0
) -> tuple[np.ndarray, list[Lesion]]:
    """Draw one phantom.

    Args:
        split: names the random stream.
        index: number of the phantom in its split, from 0.
        size: height and width in pixels.
        seed: of everything that is drawn.

    Returns:
        uint8 (height, width), and its lesions in the order in which they were drawn.
    """
    random = generator(seed, f"phantom {split}", index)
    image = _tissue(random, size)
    lesions = []
    for place in _places(split, index, seed):
        bright = bool(random.random() < 0.5)
        large = bool(random.random() < 0.5)
        # Drawn before its looks: the order of draws is part of a seed's meaning.
        distance, radius = _outline(random, place, size, large)
        image = _paint(image, (distance - 1.0) * radius, random, sign=1 if bright else -1)
        lesions.append(Lesion(place, bright, large, distance < 1.0))
    # Last, so that lesions are as noisy as the tissue.
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
) -> list[Fields]:
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
                # Rows of one image must stay in one split.
                "group": name,
                "frame": "image",
                "oracle": True,
                "prompts": _prompts(lesion, split, index, rank, seed),
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
    """Level → sentences. The stream is the block's: its images share wordings."""
    random = generator(seed, f"phantom words {split}", index // BLOCK, rank)
    attributes = {"bright": lesion.bright, "large": lesion.large}
    taught = templates.taught(lesion.place, **attributes, random=random)
    return {
        "taught": taught,
        "plain": taught[0],
        "unseen": templates.unseen(lesion.place, **attributes, random=random),
        "place": lesion.place,
    }


def _places(split: str, index: int, seed: int) -> list[str]:
    """2 to 4 different places, in random order; over a block each rank meets every place once."""
    random = generator(seed, f"phantom places {split}", index // BLOCK)
    n = int(random.integers(2, 5))
    order = random.permutation(len(templates.PLACES))
    return [templates.PLACES[place] for place in np.roll(order, index % BLOCK)[:n]]


def _field(random: np.random.Generator, size: int, sigma: float) -> np.ndarray:
    """Smooth noise (height, width) of unit variance and of a length scale sigma, in pixels."""
    field = gaussian_filter(
        random.standard_normal((size, size)), sigma, mode="reflect", truncate=3.0
    )
    return (field - field.mean()) / max(float(field.std()), 1e-12)


def _tissue(random: np.random.Generator, size: int) -> np.ndarray:
    """Background in about [0.3, 0.7]: slow changes, a slight gradient, fine grain."""
    row, column = np.mgrid[:size, :size] / (size - 1) - 0.5
    angle = random.uniform(0.0, 2 * np.pi)
    gradient = random.uniform(0.0, 0.14) * (np.cos(angle) * column + np.sin(angle) * row)
    slow = _field(random, size, size * random.uniform(0.10, 0.2))
    grain = _field(random, size, size * random.uniform(0.015, 0.03))
    return (
        random.uniform(0.43, 0.57)
        + gradient
        + random.uniform(0.025, 0.05) * slow
        + random.uniform(0.015, 0.035) * grain
    )


def _outline(
    random: np.random.Generator, place: str, size: int, large: bool
) -> tuple[np.ndarray, float]:
    """Distance from the lesion's centre (height, width), and the mean radius in pixels.

    The distance is a share of the border's in that direction: below 1 inside.
    """
    harmonics = np.arange(2, 6)
    # Higher harmonics are weaker, so that borders are smooth.
    strengths = random.normal(0.0, 0.17, harmonics.shape) / (harmonics - 1) ** 1.4
    phases = random.uniform(0.0, 2 * np.pi, harmonics.shape)

    def border(angle: np.ndarray) -> np.ndarray:
        waves = strengths * np.cos(angle[..., None] * harmonics + phases)
        # Bounded, so that a lesion stays one piece of about its size.
        return np.clip(1.0 + waves.sum(-1), 0.6, 1.35)

    radius = random.uniform(*(LARGE if large else SMALL)) * size
    # Well inside of its quadrant: no point of the border comes nearer than a pixel and a half to
    # the quadrant's sides.
    reach = radius * float(border(np.linspace(0.0, 2 * np.pi, 180)).max()) + 1.5
    # A lesion that leaves no room lies in the middle of its quadrant.
    lowest = min(reach, size / 4)
    highest = max(size / 2 - reach, size / 4)
    top = 0.0 if "upper" in place else size / 2
    left = 0.0 if "left" in place else size / 2
    # Pixel centres.
    row, column = np.mgrid[:size, :size] + 0.5
    down = row - (top + random.uniform(lowest, highest))
    across = column - (left + random.uniform(lowest, highest))
    return np.hypot(down, across) / (radius * border(np.arctan2(down, across))), radius


def _paint(
    image: np.ndarray, outside: np.ndarray, random: np.random.Generator, *, sign: int
) -> np.ndarray:
    """Blend one lesion in, brighter (+1) or darker (-1): soft border, faint rim, own texture.

    outside: pixels from the border, negative inside.
    """
    size = image.shape[0]
    # In pixels of the demo's 64, so that larger phantoms look alike.
    softness = random.uniform(0.4, 0.9) * size / 64
    # At ±30 the blend is 0 or 1 already, and `exp` cannot overflow.
    inside = 1.0 / (1.0 + np.exp(np.clip(outside / softness, -30.0, 30.0)))
    halo = np.exp(-np.clip(outside, 0.0, None) / (0.03 * size))
    contrast = random.uniform(0.15, 0.28) + random.uniform(-0.05, 0.05) * np.exp(
        -np.clip(-outside, 0.0, None) / (0.04 * size)
    )
    texture = random.uniform(0.02, 0.05) * _field(random, size, size * random.uniform(0.012, 0.025))
    return image + inside * (sign * contrast + texture) + sign * random.uniform(0.0, 0.04) * halo
