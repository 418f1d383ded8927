"""Prompts from a mask: number, size, shape and place, in the grammar of the public prompt sets.

They come from the truth (oracle text): a manifest that holds them says so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from saywhere.data.manifest import Row
from saywhere.errors import UsageError
from saywhere.io import images
from saywhere.io.given import as_mask
from saywhere.text.prompts import CENTRES, POSITIONS, positions

VERTICAL, HORIZONTAL = ("top", "", "bottom"), ("left", "", "right")
PLACES = tuple(f"{v} {h}".strip() or "center" for v, h in product(VERTICAL, HORIZONTAL))
"""The 3×3 grid in reading order: "top left", "top", …, "center", …, "bottom right"."""
NUMBERS = ("", "one", "two", "three", "four", "five")
SMALLEST_SHARE = 0.05  # of the largest component's area: what is smaller is no lesion of its own
ROUND, ELONGATED = 0.8, 0.5  # ratio of the second to the first axis of inertia
SMALL, LARGE = 0.02, 0.15  # share of the image
_STEP = 0.02


@dataclass(frozen=True)
class PlaceRule:
    """Where the words change: a centre below the first cut is left (top), from the second on right (bottom), in shares of the side."""

    across: tuple[float, float] = (1 / 3, 2 / 3)
    down: tuple[float, float] = (1 / 3, 2 / 3)
    n: int = 0
    """masks that it was fitted on; 0: thirds"""
    agreement: float | None = None
    """share of them whose words it gives, both ways right"""

    def place(self, mask: np.ndarray) -> str | None:
        """Of the box around the foreground of a mask (height, width), in the mask's own frame; None for an empty mask."""
        centre = _centre(mask)
        if centre is None:
            return None
        row, column = (int(np.searchsorted(cuts, value, side="right")) for cuts, value in zip((self.down, self.across), centre))
        return PLACES[3 * row + column]

    def facts(self) -> dict[str, Any]:
        """For run.json and a report."""
        return {"across": list(self.across), "down": list(self.down), "n": self.n, "agreement": self.agreement}


def fit_places(rows: Sequence[Row], levels: Sequence[str]) -> PlaceRule:
    """Cuts that give the most of the rows' own words back; thirds where no row has a mask and names one place."""
    centres: list[tuple[float, float]] = []
    said: list[tuple[int, int]] = []
    for row in rows:
        sentence = next((text for level in levels for text in row.prompts.get(level, ()) if positions(text)), "")
        place = _one_place(sentence)
        centre = _centre(images.read_mask(row.mask)) if place is not None and row.mask is not None else None
        if place is not None and centre is not None:
            centres.append(centre)
            said.append(place)
    if not said:
        return PlaceRule()
    found, named = np.array(centres), np.array(said)
    down, across = _cuts(found[:, 0], named[:, 0]), _cuts(found[:, 1], named[:, 1])
    is_right = (np.searchsorted(down, found[:, 0], side="right") == named[:, 0]) & (np.searchsorted(across, found[:, 1], side="right") == named[:, 1])
    return PlaceRule(across, down, len(said), round(float(np.mean(is_right)), 4))


def describe(mask: Any, target: str = "lesion", rule: PlaceRule | None = None) -> str:
    """A mask → "one small round polyp, located in top left of the image"; an empty one → "no polyp". The words come from the truth: oracle text.

    `mask`: (height, width) of two values, as a path, a PIL image, an array or a tensor. `target`: what it shows, as a noun.
    Number: connected components of at least 5 % of the largest one's area. Size: small below 2 % of the image, large from 15 %. Shape, of a single
    one: round from an axis ratio of 0.8, elongated below 0.5. Place: of the box around all of it, see `PlaceRule`.
    Raises UsageError for what is no mask and for a `target` that is no word, and what reading a file raises.
    """
    if not isinstance(target, str) or not target.strip():
        raise UsageError(f"target is {target!r}", where="describe", allowed="a noun: polyp, lesion, infection", remedy='say target="lesion"')
    mask = as_mask(mask)
    place = (rule or PlaceRule()).place(mask)
    if place is None:
        return f"no {target}"
    n = _count(mask)
    share = float(mask.mean())
    size = "small" if share < SMALL else "large" if share >= LARGE else "medium"
    shape = _shape(mask) if n == 1 else ""
    number = NUMBERS[n] if n < len(NUMBERS) else "many"
    noun = target if n == 1 else f"{target}s"
    return f"{' '.join(word for word in (number, size, shape, noun) if word)}, located in {place} of the image"


def replace_place(prompt: str, place: str) -> str:
    """Everything from the first position word to the last becomes `place`; a prompt that names none is kept."""
    spans = [match.span() for match in re.finditer(r"[^\W_]+", prompt) if match.group().lower() in POSITIONS]
    return f"{prompt[: spans[0][0]]}{place}{prompt[spans[-1][1] :]}" if spans else prompt


def _centre(mask: np.ndarray) -> tuple[float, float] | None:
    """Of the box around the foreground: (down, across), in shares of the sides."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    height, width = mask.shape
    return (rows[0] + rows[-1] + 1) / 2 / height, (columns[0] + columns[-1] + 1) / 2 / width


def _one_place(sentence: str) -> tuple[int, int] | None:
    """(row, column) of the grid where a sentence names one place only."""
    named = positions(sentence)
    sides = {"top": 0, "upper": 0, "bottom": 2, "lower": 2}, {"left": 0, "right": 2}
    found = [{side[word] for word in named & side.keys()} for side in sides]
    if not named or any(len(numbers) > 1 for numbers in found) or named - sides[0].keys() - sides[1].keys() - set(CENTRES):
        return None
    if named & set(CENTRES) and any(found):  # "top left, center": more than one
        return None
    row, column = (next(iter(numbers), 1) for numbers in found)
    return row, column


def _cuts(values: np.ndarray, said: np.ndarray) -> tuple[float, float]:
    """The pair that agrees most; of equal ones the one nearest to thirds."""
    grid = np.arange(_STEP, 1, _STEP)
    pairs = [(low, high) for low in grid for high in grid if low < high]
    agreement = [float((np.searchsorted(pair, values, side="right") == said).mean()) for pair in pairs]
    best = max(range(len(pairs)), key=lambda i: (agreement[i], -abs(pairs[i][0] - 1 / 3) - abs(pairs[i][1] - 2 / 3)))
    return round(float(pairs[best][0]), 4), round(float(pairs[best][1]), 4)


def _count(mask: np.ndarray) -> int:
    from scipy import ndimage

    labels, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    areas = np.bincount(labels.ravel())[1:]
    return int((areas >= SMALLEST_SHARE * areas.max()).sum())


def _shape(mask: np.ndarray) -> str:
    """Of the ellipse of equal second moments."""
    points = np.argwhere(mask).astype(float)
    if len(points) < 3:
        return ""
    small, large = np.linalg.eigvalsh(np.cov(points.T) + np.eye(2) / 12)  # a pixel is a square, not a point
    ratio = float(np.sqrt(small / large))
    return "round" if ratio >= ROUND else "elongated" if ratio < ELONGATED else "oval"
