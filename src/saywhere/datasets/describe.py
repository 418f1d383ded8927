"""Prompts from a mask: number, size, shape and places, in the grammar of the public prompt sets.

They come from the truth (oracle text): a manifest that holds them says so.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from saywhere.captions.grid import NUMBERS, PlaceRule
from saywhere.errors import UsageError
from saywhere.io.inputs import as_mask

ROUND, ELONGATED = 0.8, 0.5  # ratio of the second to the first axis of inertia
SMALL, LARGE = 0.02, 0.15  # share of the image


def describe(mask: Any, target: str = "lesion", rule: PlaceRule | None = None) -> str:
    """A mask → "one small round polyp, located in top left of the image"; an empty one → "no polyp". The words come from the truth: oracle text.

    `mask`: (height, width) of two values, as a path, a PIL image, an array or a tensor. `target`: what it shows, as a noun.
    Number: connected components of at least 5 % of the largest one's area. Size: small below 2 % of the image, large from 15 %. Shape, of a single
    one: round from an axis ratio of 0.8, elongated below 0.5. Places: one a component in reading order, "two …, located in top left, right of the
    image"; of more than five, each place once; see `PlaceRule`.
    Raises UsageError for what is no mask and for a `target` that is no word, and what reading a file raises.
    """
    if not isinstance(target, str) or not target.strip():
        raise UsageError(
            f"target is {target!r}",
            where="describe",
            allowed="a noun: polyp, lesion, infection",
            remedy='say target="lesion"',
        )
    mask = as_mask(mask)
    if not mask.any():
        return f"no {target}"
    places = (rule or PlaceRule()).places(mask)
    n = len(places)
    share = float(mask.mean())
    size = "small" if share < SMALL else "large" if share >= LARGE else "medium"
    shape = _shape(mask) if n == 1 else ""
    number = NUMBERS[n] if n < len(NUMBERS) else "many"
    noun = target if n == 1 else f"{target}s"
    named = places if n < len(NUMBERS) else dict.fromkeys(places)
    return f"{' '.join(word for word in (number, size, shape, noun) if word)}, located in {', '.join(named)} of the image"


def _shape(mask: np.ndarray) -> str:
    """Of the ellipse of equal second moments."""
    points = np.argwhere(mask).astype(float)
    if len(points) < 3:
        return ""
    small, large = np.linalg.eigvalsh(
        np.cov(points.T) + np.eye(2) / 12
    )  # a pixel is a square, not a point
    ratio = float(np.sqrt(small / large))
    return "round" if ratio >= ROUND else "elongated" if ratio < ELONGATED else "oval"
