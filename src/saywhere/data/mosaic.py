"""Mosaics, where the prompt decides: images of a set tiled 2×2 or 3×3; the sentence names one tile.

Without the prompt nothing says which lesion is meant. Its place is exact, so a model learns from
mosaics to use the prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from saywhere import seeds
from saywhere.captions.templates import PLACE_TEMPLATES, PLACES, every, slots, synonyms
from saywhere.data.dataset import Dataset
from saywhere.io.mask_resize import MaskResize, resize_mask

# Beside what is said of any place: the more wordings are trained, the better a new one is
# understood.
_TEMPLATES = (
    "the {n} in the {v} {h} image",
    "{n} in the {v} {h} image",
    "{n}, {v} {h} image",
    "{v} {h} image: {n}",
    "the {n} in the {v} {h} picture",
    "{n} in the {v} {h} part of the picture",
    "the {n}, {v} {h} of the image",
    "{n}, located in the {v} {h} of the image",
    "segment the {n} in the {v} {h} tile",
    "show me the {n} in the {v} {h} panel",
    "one {n} in the {v} {h} quarter",
    "only the {n} at the {v} {h}",
    "find the {v} {h} {n}",
    "outline the {n} that lies {v} {h}",
)
# Its nouns and its form are in no template, so that it tests wordings never taught.
UNSEEN_TEMPLATE = "please mark the abnormal tissue that you see in the {place} field"
NINE = (
    ("upper left", "top left"),
    ("upper middle", "top middle", "top centre"),
    ("upper right", "top right"),
    ("middle left", "centre left"),
    ("central", "middle", "centre"),
    ("middle right", "centre right"),
    ("lower left", "bottom left"),
    ("lower middle", "bottom middle", "bottom centre"),
    ("lower right", "bottom right"),
)
"""Names of the tiles of a 3×3 mosaic, in reading order; left is the left of the image."""
# Words for parts that nine tiles are not.
_OF_FOUR = ("corner", "quadrant", "quarter", "half")


# Called for every sample of a mosaic.
@cache
def wordings(target: str, tile: int, side: int = 2, also: tuple[str, ...] = ()) -> tuple[str, ...]:
    """List the sentences that name a tile: some ninety at side 2, fifty or more at side 3.

    Args:
        target: what the masks show, as a noun.
        tile: counted in reading order, from 0 (upper left) to side² − 1.
        side: tiles per side, 2 or 3.
        also: other nouns for the target; each brings its own sentences.

    Returns:
        Distinct sentences, in a fixed order.
    """
    nouns = (target, *also)
    templates: list[str] = [*_TEMPLATES, *PLACE_TEMPLATES]
    if side == 2:
        choices = synonyms(PLACES[tile], bright=True, large=True) | {"n": nouns}
    else:
        choices = {"p": NINE[tile], "n": nouns}
        templates = _of_nine(templates)
    return tuple(dict.fromkeys(text for template in templates for text in every(template, choices)))


def _of_nine(templates: list[str]) -> list[str]:
    """The templates that can name one of nine tiles, with one slot for the place."""
    named = [
        template.replace("{v} {h}", "{p}") for template in templates if not _is_of_four(template)
    ]
    return [template for template in named if set(slots(template)) <= {"p", "n"}]


def _is_of_four(template: str) -> bool:
    return any(part in template for part in _OF_FOUR)


def unseen_wording(tile: int, side: int = 2) -> str:
    """Name a tile by a sentence of a form that `wordings` never gives.

    Args:
        tile: counted in reading order from 0.
        side: tiles per side, 2 or 3.

    Returns:
        A sentence.
    """
    return UNSEEN_TEMPLATE.format(place=PLACES[tile] if side == 2 else NINE[tile][0])


def tile(
    images: Tensor, masks: Tensor, target: int, side: int = 2, mask_resize: MaskResize = "area"
) -> tuple[Tensor, Tensor]:
    """Join side² pictures into one of the same size.

    Args:
        images: uint8 (side², channel, size, size), in reading order.
        masks: uint8 (side², 1, size, size).
        target: the tile that is meant.
        side: tiles per side, 2 or 3.
        mask_resize: see `saywhere.io.mask_resize.resized`.

    Returns:
        Image uint8 (channel, size, size), each picture area-averaged to its tile; mask uint8
        (1, size, size), the target's alone. Where the size is no multiple of `side`, tiles differ
        by a pixel.
    """
    image = torch.empty_like(images[target])
    mask = torch.zeros_like(masks[target])
    cuts = [round(i * image.shape[-1] / side) for i in range(side + 1)]
    for number in range(side**2):
        row, column = divmod(number, side)
        rows = slice(cuts[row], cuts[row + 1])
        columns = slice(cuts[column], cuts[column + 1])
        size = (rows.stop - rows.start, columns.stop - columns.start)
        # Averaged over areas, since picking single pixels would alias.
        small = interpolate(images[number][None].float(), size, mode="area")[0]
        # Rounded: a cut would darken every tile.
        image[:, rows, columns] = small.round().to(torch.uint8)
        if number == target:
            mask[:, rows, columns] = _small_mask(masks[number], size, mask_resize)
    return image, mask


def _small_mask(mask: Tensor, size: tuple[int, int], how: MaskResize) -> Tensor:
    """uint8 (1, side, side) → (1, *size), 0 or 1."""
    if how == "area":
        return torch.from_numpy(resize_mask(mask[0].numpy() > 0, size))[None]
    # By torch's rule of the nearest pixel, as the mosaics of older runs are.
    return interpolate(mask[None], size, mode="nearest")[0]


class Mosaics(NamedTuple):
    """Some mosaics, with three sentences for each."""

    images: Tensor
    """uint8 (mosaic, channel, size, size)"""
    masks: Tensor
    """uint8 (mosaic, 1, size, size), 0 or 1"""
    right: list[str]
    """Names the target's tile."""
    contradictory: list[str]
    """Names another tile."""
    unseen: list[str]
    """Names the target's tile in a form that is never trained on."""


def draw(
    dataset: Dataset, n_mosaics: int, seed: int, targets: Sequence[str], side: int = 2
) -> Mosaics:
    """Draw mosaics of a data set's rows, with replacement.

    Args:
        dataset: whose pictures are tiled.
        n_mosaics: how many.
        seed: of the rows, the targets and the sentences.
        targets: what the mask of each of its rows shows, as a noun.
        side: tiles per side, 2 or 3.

    Returns:
        The mosaics: a function of (data set, seed) alone.
    """
    drawn = [
        # A generator per mosaic: drawing more of them leaves the first ones as they are.
        _draw_one(dataset, seeds.generator(seed, "mosaic probe", case), targets, side)
        for case in range(n_mosaics)
    ]
    pictures, masks, right, contradictory, unseen = zip(*drawn)
    return Mosaics(
        torch.stack(pictures), torch.stack(masks), list(right), list(contradictory), list(unseen)
    )


def _draw_one(
    dataset: Dataset, random: np.random.Generator, targets: Sequence[str], side: int
) -> tuple[Tensor, Tensor, str, str, str]:
    chosen = random.integers(len(dataset), size=side**2)
    named = int(random.integers(side**2))
    # At least one tile further and never once around: each other tile is as likely.
    other = (named + 1 + int(random.integers(side**2 - 1))) % side**2
    how = dataset.framing.mask_resize
    picture, mask = tile(*dataset.pixels(chosen), named, side, how)
    target = targets[chosen[named]]
    right = seeds.one_of(wordings(target, named, side), random)
    contradictory = seeds.one_of(wordings(target, other, side), random)
    return picture, mask, right, contradictory, unseen_wording(named, side)
