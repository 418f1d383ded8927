"""Places on a 3×3 grid, one a component of a mask, and the rule by which a set's own sentences name them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement, product
from typing import Any, NamedTuple

import numpy as np

from saywhere.text.directions import CENTRES, POSITIONS, positions

VERTICAL, HORIZONTAL = ("top", "", "bottom"), ("left", "", "right")
PLACES = tuple(f"{v} {h}".strip() or "center" for v, h in product(VERTICAL, HORIZONTAL))
"""The 3×3 grid in reading order: "top left", "top", …, "center", …, "bottom right"."""
NUMBERS = ("", "one", "two", "three", "four", "five")
MOST = 2  # places that a rewritten sentence names: 9 + 45 lists, all embedded beforehand (three would be 219; Kvasir has 17 such sentences of 1,000)
SMALLEST_SHARE = 0.05  # of the largest component's area: what is smaller is no lesion of its own
Named = tuple[tuple[int, int], ...]
"""(row, column) of the grid, place by place."""
Centre = tuple[float, float]
"""(down, across), in shares of the sides."""
_STEP = 0.02
_SIDES = (
    {"top": 0, "upper": 0, "bottom": 2, "lower": 2},
    {"left": 0, "right": 2},
)  # down, across: the words of a row or column of the grid
_SEVERAL = re.compile(rf"\b(?:{'|'.join(NUMBERS[2:])}|many)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
_BETWEEN = re.compile(r",|\band\b", re.IGNORECASE)


class Example(NamedTuple):
    """A sentence that names positions, and the mask that it speaks of."""

    sentence: str
    """"" where no sentence names a position"""
    mask: Callable[[], np.ndarray | None]
    """reads it, bool (height, width); None where there is none that can be read"""


@dataclass(frozen=True)
class PlaceRule:
    """Where the words change: a centre below the first cut is left (top), from the second on right (bottom), in shares of the side."""

    across: tuple[float, float] = (1 / 3, 2 / 3)
    down: tuple[float, float] = (1 / 3, 2 / 3)
    n: int = 0
    """sentences that it was fitted to; 0: thirds"""
    agreement: float | None = None
    """share of them of which it gives all the places, in any order"""

    def place(self, mask: np.ndarray) -> str | None:
        """Of the box around the foreground of a mask (height, width), in the mask's own frame; None for an empty mask."""
        centre = _centre(mask)
        return None if centre is None else self.at(centre)

    def at(self, centre: Centre) -> str:
        """Of a centre (down, across), in shares of the sides."""
        row, column = (
            int(np.searchsorted(cuts, value, side="right"))
            for cuts, value in zip((self.down, self.across), centre)
        )
        return PLACES[3 * row + column]

    def places(self, mask: np.ndarray, most: int | None = None) -> tuple[str, ...]:
        """One a component, in reading order, equal ones as often as they are; of the `most` largest, or of all as one box where that is 1."""
        parts = [mask] if most == 1 else components(mask)
        if most is not None and len(parts) > most:
            parts = sorted(parts, key=np.count_nonzero, reverse=True)[:most]
        return tuple(sorted(filter(None, map(self.place, parts)), key=PLACES.index))

    def rewrite(self, prompt: str, mask: np.ndarray) -> str:
        """The prompt with the places of this mask, at most as many as it names and at most MOST; of an empty mask, as it is."""
        found = self.places(mask, min(len(_clauses(prompt)), MOST) or 1)
        return replace_places(prompt, found) if found else prompt

    def versions(self, prompt: str) -> list[str]:
        """All that `rewrite` can answer."""
        longest = min(len(_clauses(prompt)), MOST)
        lists = (
            chosen
            for n in range(1, longest + 1)
            for chosen in combinations_with_replacement(PLACES, n)
        )
        return list(dict.fromkeys([prompt, *(replace_places(prompt, chosen) for chosen in lists)]))

    def fit_on(self, examples: Iterable[Example]) -> dict[str, Any]:
        """`n` and `agreement`, of these examples."""
        return _compared(self, *_observed(examples))

    def facts(self) -> dict[str, Any]:
        """For run.json and a report."""
        return {
            "across": list(self.across),
            "down": list(self.down),
            "n": self.n,
            "agreement": self.agreement,
        }


def fit_places(examples: Iterable[Example]) -> PlaceRule:
    """Cuts that give the most of the examples' own words back; thirds where none has a mask and names places.

    A sentence is fitted to where it names as many places as its mask has components; all that name places count for the agreement.
    """
    said, seen = _observed(examples)
    pairs = [
        pair
        for named, centres in zip(said, seen)
        if len(named) == len(centres)
        for pair in zip(centres, named)
    ]
    if not pairs:
        return PlaceRule()
    found, words = (
        np.array([centre for centre, _ in pairs]),
        np.array([place for _, place in pairs]),
    )
    rule = PlaceRule(_cuts(found[:, 1], words[:, 1]), _cuts(found[:, 0], words[:, 0]))
    return replace(rule, **_compared(rule, said, seen))


def components(mask: np.ndarray) -> list[np.ndarray]:
    """Those of at least SMALLEST_SHARE of the largest one's area, from the top down; corners touch."""
    from scipy import ndimage

    labels, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    areas = np.bincount(labels.ravel())[1:]
    return [
        labels == number
        for number, area in enumerate(areas, start=1)
        if area >= SMALLEST_SHARE * areas.max()
    ]


def replace_places(prompt: str, places: Sequence[str]) -> str:
    """Everything from the first position word to the last becomes `places`; a prompt that names none is kept.

    Where the prompt counts what it names ("two …, located in top, right"), the number is theirs too.
    """
    spans = _spans(prompt)
    if not spans:
        return prompt
    before, after, n = prompt[: spans[0][0]], prompt[spans[-1][1] :], len(_clauses(prompt))
    if n < len(NUMBERS):
        before = re.sub(
            rf"\b{NUMBERS[n]}\b",
            lambda said: as_written(said[0], NUMBERS[len(places)]),
            before,
            count=1,
            flags=re.IGNORECASE,
        )
    return f"{before}{', '.join(places)}{after}"


def as_written(said: str, word: str) -> str:
    """The word with a capital where what it replaces has one."""
    return word.capitalize() if said[:1].isupper() else word


def _spans(prompt: str) -> list[tuple[int, int]]:
    return [match.span() for match in _WORD.finditer(prompt) if match.group().lower() in POSITIONS]


def _clauses(prompt: str) -> list[str]:
    """What a prompt names, place by place: "top left, right" → "top left" and "right".

    Where the prompt counts no more than one, a row and a column side by side are one place: "top, on the left".
    """
    spans = _spans(prompt)
    clauses = (
        [
            clause
            for clause in _BETWEEN.split(prompt[spans[0][0] : spans[-1][1]])
            if positions(clause)
        ]
        if spans
        else []
    )
    if _SEVERAL.search(prompt):
        return clauses
    joined: list[str] = []
    for clause in clauses:
        if (
            joined
            and sorted([*_axes(joined[-1]), *_axes(clause)]) == [0, 1]
            and len(_axes(clause)) == 1
        ):
            joined[-1] += f", {clause}"
        else:
            joined.append(clause)
    return joined


def _axes(clause: str) -> list[int]:
    """Which of down (0) and across (1) a clause names."""
    return [axis for axis, side in enumerate(_SIDES) if positions(clause) & side.keys()]


def _named(sentence: str) -> Named:
    """(row, column) of the grid, place by place; none where one of them is no place of the grid."""
    found = [_one_place(clause) for clause in _clauses(sentence)]
    return tuple(place for place in found if place is not None) if None not in found else ()


def _one_place(clause: str) -> tuple[int, int] | None:
    named = positions(clause)
    found = [{side[word] for word in named & side.keys()} for side in _SIDES]
    if any(len(numbers) > 1 for numbers in found) or named - _SIDES[0].keys() - _SIDES[
        1
    ].keys() - set(CENTRES):
        return None
    if named & set(CENTRES) and any(found):  # "above the middle", "top center": not of this grid
        return None
    row, column = (next(iter(numbers), 1) for numbers in found)
    return row, column


def _observed(examples: Iterable[Example]) -> tuple[list[Named], list[list[Centre]]]:
    """The places that are named, and the centres of the mask, of all examples that have both.

    Where one place is named, the centre is that of the box around all components.
    """
    said, seen = [], []
    for sentence, read_mask in examples:
        named = _named(sentence)
        mask = read_mask() if named else None
        if mask is not None and mask.any():
            said.append(named)
            parts = (
                [mask] if len(named) == 1 else components(mask)
            )  # the public sets name components from the top down
            seen.append([centre for part in parts if (centre := _centre(part))])
    return said, seen


def _compared(
    rule: PlaceRule, said: Sequence[Named], seen: Sequence[Sequence[Centre]]
) -> dict[str, Any]:
    if not said:
        return {"n": 0}
    is_right = [
        sorted(map(rule.at, centres), key=PLACES.index) == _in_order(named)
        for named, centres in zip(said, seen)
    ]
    return {"n": len(said), "agreement": round(float(np.mean(is_right)), 4)}


def _in_order(named: Named) -> list[str]:
    return [PLACES[number] for number in sorted(3 * row + column for row, column in named)]


def _centre(mask: np.ndarray) -> Centre | None:
    """Of the box around the foreground: (down, across), in shares of the sides."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    height, width = mask.shape
    return (rows[0] + rows[-1] + 1) / 2 / height, (columns[0] + columns[-1] + 1) / 2 / width


def _cuts(values: np.ndarray, said: np.ndarray) -> tuple[float, float]:
    """The pair that agrees most; of equal ones the one nearest to thirds."""
    grid = np.arange(_STEP, 1, _STEP)
    pairs = [(low, high) for low in grid for high in grid if low < high]
    agreement = [
        float((np.searchsorted(pair, values, side="right") == said).mean()) for pair in pairs
    ]
    best = max(
        range(len(pairs)),
        key=lambda i: (agreement[i], -abs(pairs[i][0] - 1 / 3) - abs(pairs[i][1] - 2 / 3)),
    )
    return round(float(pairs[best][0]), 4), round(float(pairs[best][1]), 4)
