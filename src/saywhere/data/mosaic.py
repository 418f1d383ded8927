"""Mosaics, where the words decide: images of a set tiled 2×2 or 3×3, and the sentence names one tile.

Without the words nothing says which lesion is meant. The words' place is exact, so a model learns from them to listen.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from saywhere import seeds
from saywhere.captions.templates import PLACE_TEMPLATES, PLACES, every, slots, synonyms
from saywhere.data.decoded_cache import Store

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
"""What is said of tiles, beside what is said of any place: the more wordings are taught, the better one never taught is understood."""
UNSEEN_TEMPLATE = "please mark the abnormal tissue that you see in the {place} field"
NINE = (
    ("upper left", "top left"), ("upper middle", "top middle", "top centre"), ("upper right", "top right"),
    ("middle left", "centre left"), ("central", "middle", "centre"), ("middle right", "centre right"),
    ("lower left", "bottom left"), ("lower middle", "bottom middle", "bottom centre"), ("lower right", "bottom right"),
)  # fmt: skip
"""What the tiles of a 3×3 mosaic are called, in reading order; left is the left of the image."""
_OF_FOUR = ("corner", "quadrant", "quarter", "half")  # words for parts that nine tiles are not


@cache  # asked for at every sample
def wordings(target: str, tile: int, side: int = 2, also: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Sentences that name a tile, counted in reading order from 0 (upper left) to side² − 1: some ninety at side 2, fifty or more at side 3.

    `also`: other nouns for the target; each brings its own sentences.
    """
    nouns = (target, *also)
    if side == 2:
        words = synonyms(PLACES[tile], bright=True, large=True) | {"n": nouns}
        templates: list[str] = [*_TEMPLATES, *PLACE_TEMPLATES]
    else:
        words = {"p": NINE[tile], "n": nouns}
        templates = [
            template.replace("{v} {h}", "{p}")
            for template in (*_TEMPLATES, *PLACE_TEMPLATES)
            if not any(part in template for part in _OF_FOUR)
        ]
        templates = [template for template in templates if set(slots(template)) <= {"p", "n"}]
    return tuple(dict.fromkeys(text for template in templates for text in every(template, words)))


def unseen_wording(tile: int, side: int = 2) -> str:
    """A sentence of a form that `wordings` never gives."""
    return UNSEEN_TEMPLATE.format(place=PLACES[tile] if side == 2 else NINE[tile][0])


def tile(images: Tensor, masks: Tensor, target: int, side: int = 2) -> tuple[Tensor, Tensor]:
    """side² pictures → one of the same size.

    Args:
        images: uint8 (side², channel, size, size), in reading order. masks: uint8 (side², 1, size, size). target: the tile that is meant.
    Returns:
        image uint8 (channel, size, size), each picture area-averaged to its tile; mask uint8 (1, size, size), the target's alone. Where the size is
        no multiple of `side`, tiles differ by a pixel.
    """
    image, mask = torch.empty_like(images[target]), torch.zeros_like(masks[target])
    cuts = [round(i * image.shape[-1] / side) for i in range(side + 1)]
    for number in range(side**2):
        row, column = divmod(number, side)
        place = (
            slice(None),
            slice(cuts[row], cuts[row + 1]),
            slice(cuts[column], cuts[column + 1]),
        )
        reach = (cuts[row + 1] - cuts[row], cuts[column + 1] - cuts[column])
        image[place] = (
            interpolate(images[number][None].float(), reach, mode="area")[0].round().to(torch.uint8)
        )
        if number == target:
            mask[place] = interpolate(masks[number][None], reach, mode="nearest")[0]
    return image, mask


class Mosaics(NamedTuple):
    """So many mosaics: images uint8 (mosaic, channel, size, size), masks uint8 (mosaic, 1, size, size), and what is said of each.

    `right` names the target's tile, `contradictory` another one, `unseen` the target's in a form never trained on.
    """

    images: Tensor
    masks: Tensor
    right: list[str]
    contradictory: list[str]
    unseen: list[str]


def draw(store: Store, n_mosaics: int, seed: int, target: str, side: int = 2) -> Mosaics:
    """Mosaics of a store's rows, drawn with replacement: a function of (store, seed) alone."""
    drawn = [
        _draw_one(store, seeds.generator(seed, "mosaic probe", case), target, side)
        for case in range(n_mosaics)
    ]
    pictures, masks, *said = zip(*drawn)
    return Mosaics(torch.stack(pictures), torch.stack(masks), *(list(texts) for texts in said))


def _draw_one(
    store: Store, random: np.random.Generator, target: str, side: int
) -> tuple[Tensor, Tensor, str, str, str]:
    chosen, named = random.integers(len(store.masks), size=side**2), int(random.integers(side**2))
    other = (named + 1 + int(random.integers(side**2 - 1))) % side**2
    picture, mask = tile(store.images[store.image_of_row[chosen]], store.masks[chosen], named, side)
    right, contradictory = (
        seeds.one_of(wordings(target, number, side), random) for number in (named, other)
    )
    return picture, mask, right, contradictory, unseen_wording(named, side)
