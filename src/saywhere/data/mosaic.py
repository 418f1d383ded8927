"""Mosaics, where the words decide: four images of a set tiled 2×2, and the sentence names one tile.

Without the words nothing says which lesion is meant. The words' place is exact, so a model learns from them to listen.
"""

from __future__ import annotations

import torch
from torch import Tensor

from saywhere.data.wordings import PLACE_TEMPLATES, PLACES, every, synonyms

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


def wordings(target: str, tile: int) -> list[str]:
    """Sentences that name a tile (0 upper left, 1 upper right, 2 lower left, 3 lower right), some ninety."""
    words = synonyms(PLACES[tile], bright=True, large=True) | {"n": (target,)}
    return list(dict.fromkeys(text for template in (*_TEMPLATES, *PLACE_TEMPLATES) for text in every(template, words)))


def unseen_wording(tile: int) -> str:
    """A sentence of a form that `wordings` never gives."""
    return UNSEEN_TEMPLATE.format(place=PLACES[tile])


def tile(images: Tensor, masks: Tensor, target: int) -> tuple[Tensor, Tensor]:
    """Four pictures → one of the same size.

    Args:
        images: uint8 (4, channel, size, size). masks: uint8 (4, 1, size, size). target: the tile that is meant.
    Returns:
        image uint8 (channel, size, size), each tile area-averaged to half its side; mask uint8 (1, size, size), the target's alone.
    """
    half = torch.nn.functional.avg_pool2d(images.float(), 2).round().to(torch.uint8)
    image = torch.cat([torch.cat([half[0], half[1]], -1), torch.cat([half[2], half[3]], -1)], -2)
    small = masks[target, :, ::2, ::2]
    mask = torch.zeros_like(masks[target])
    height, width = small.shape[-2:]
    row, column = divmod(target, 2)
    mask[:, row * height : (row + 1) * height, column * width : (column + 1) * width] = small
    return image, mask
