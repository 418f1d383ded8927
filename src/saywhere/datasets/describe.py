"""Prompts from a mask: number, size, shape and places, in the grammar of the public prompt sets.

They come from the truth (oracle text): a manifest that holds them says so.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from saywhere.captions.grid import NUMBERS, PlaceRule
from saywhere.errors import UsageError
from saywhere.io.inputs import as_mask

# Ratio of the second to the first axis of inertia.
ROUND = 0.8
ELONGATED = 0.5
# Share of the image's area.
SMALL = 0.02
LARGE = 0.15


def describe(mask: Any, target: str = "lesion", rule: PlaceRule | None = None) -> str:
    """Describe a mask: "one small round polyp, located in top left of the image".

    The words come from the truth (oracle text), so a model that is given them is told more than a
    user could. Number: connected components of at least 5 % of the largest one's area. Size: small
    below 2 % of the image, large from 15 %. Shape, of a single one: round from an axis ratio of
    0.8, elongated below 0.5. Places: one per component in reading order, "two …, located in top
    left, right of the image"; of more than five, each place once.

    Args:
        mask: (height, width) of two values, as a path, a PIL image, an array or a tensor.
        target: what it shows, as a noun.
        rule: how places are named; None for thirds of the image (see `PlaceRule`).

    Returns:
        A sentence; "no TARGET" for an empty mask.

    Raises:
        UsageError: it is no mask, or the target is no noun.
        MissingFile: there is no such file.
        UnreadableFile: the file cannot be read.
    """
    if not isinstance(target, str) or not target.strip():
        raise UsageError(
            f"target is {target!r}",
            where="describe",
            allowed="a noun: polyp, lesion, infection",
            remedy='say target="lesion"',
        )
    pixels = as_mask(mask)
    # An empty mask has no place to name, and absence is a prompt too.
    if not pixels.any():
        return f"no {target}"
    places = (rule or PlaceRule()).places(pixels)
    n = len(places)
    is_one = n == 1
    is_counted = n < len(NUMBERS)
    attributes = (
        NUMBERS[n] if is_counted else "many",
        _size(float(pixels.mean())),
        _shape(pixels) if is_one else "",
        target if is_one else f"{target}s",
    )
    # Of many lesions a place is named once: a list of eight places says nothing more.
    names = places if is_counted else tuple(dict.fromkeys(places))
    return f"{' '.join(filter(None, attributes))}, located in {', '.join(names)} of the image"


def _size(share: float) -> str:
    if share < SMALL:
        return "small"
    return "large" if share >= LARGE else "medium"


def _shape(mask: np.ndarray) -> str:
    """Of the ellipse of equal second moments."""
    points = np.argwhere(mask).astype(float)
    # One or two pixels have no shape to name.
    if len(points) < 3:
        return ""
    # A pixel is a square, not a point: its own second moment is 1/12.
    short, long = np.linalg.eigvalsh(np.cov(points.T) + np.eye(2) / 12)
    ratio = float(np.sqrt(short / long))
    if ratio >= ROUND:
        return "round"
    return "elongated" if ratio < ELONGATED else "oval"
