"""Mosaics, where the words decide: four images of a set tiled 2×2, and the sentence names one tile.

Without the words nothing says which lesion is meant. The words' place is exact, so a model learns from them to listen.
"""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

PLACES = (("upper", "left"), ("upper", "right"), ("lower", "left"), ("lower", "right"))
_VERTICAL = {"upper": ("upper", "top"), "lower": ("lower", "bottom")}
_FRAMES = (
    "the {target} in the {place} image",
    "{target} in the {place} image",
    "{target}, {place} image",
    "{place} image: {target}",
    "the {target} in the {place} picture",
    "{target} in the {place} part of the picture",
    "the {target}, {place} of the image",
    "{target}, located in the {place} of the image",
    "segment the {target} in the {place} tile",
    "show me the {target} in the {place} panel",
    "one {target} in the {place} quarter",
    "only the {target} at the {place}",
    "find the {place} {target}",
    "outline the {target} that lies {place}",
    "the {place} {target}",
)
UNSEEN_FRAME = "please mark the abnormal tissue that you see in the {place} field"


def wordings(target: str, tile: int) -> list[str]:
    """Sentences that name a tile (0 upper left, 1 upper right, 2 lower left, 3 lower right)."""
    vertical, horizontal = PLACES[tile]
    places = [f"{word} {horizontal}" for word in _VERTICAL[vertical]]
    return [frame.format(target=target, place=place) for frame, place in product(_FRAMES, places)]


def unseen_wording(tile: int) -> str:
    """A sentence of a form that `wordings` never gives."""
    return UNSEEN_FRAME.format(place=" ".join(PLACES[tile]))


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
