"""Places on a 3×3 grid, one per component of a mask, and the rule by which a set names them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from typing import NamedTuple, TypedDict

import numpy as np

from saywhere.text.directions import CENTRES, POSITIONS, positions

VERTICAL = ("top", "", "bottom")
HORIZONTAL = ("left", "", "right")
PLACES = tuple(
    f"{row} {column}".strip() or "center" for row, column in product(VERTICAL, HORIZONTAL)
)
"""The 3×3 grid in reading order: "top left", "top", …, "center", …, "bottom right"."""
# The index is the number. No sentence counts no places, so that 0 has no word.
NUMBERS = ("", "one", "two", "three", "four", "five")
# Places that a rewritten sentence names. Two give 9 + 45 lists, all embedded beforehand; three
# would give 219, and only 17 of Kvasir's 1,000 sentences name so many.
MOST = 2
# Of the largest component's area. What is smaller is a speck, not a lesion of its own.
SMALLEST_SHARE = 0.05
Cells = tuple[tuple[int, int], ...]
"""(row, column) of the grid, one per place."""
Centre = tuple[float, float]
"""(down, across), in shares of the sides, [0, 1]."""
_STEP = 0.02
_DOWN = {"top": 0, "upper": 0, "bottom": 2, "lower": 2}
_ACROSS = {"left": 0, "right": 2}
_SIDES = (_DOWN, _ACROSS)
_GRID_WORDS = _DOWN.keys() | _ACROSS.keys() | set(CENTRES)
_SEVERAL = re.compile(rf"\b(?:{'|'.join(NUMBERS[2:])}|many)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+")
_BETWEEN = re.compile(r",|\band\b", re.IGNORECASE)


class Example(NamedTuple):
    """A sentence that names positions, and the mask that it describes."""

    sentence: str
    """Empty where no sentence of the row names a position."""
    mask: Callable[[], np.ndarray | None]
    """Reads the mask, bool (height, width); None where there is none that can be read."""


@dataclass(frozen=True)
class PlaceFit:
    """How well a rule gives the sentences of some examples back."""

    n: int = 0
    """Sentences that were compared."""
    agreement: float | None = None
    """Share of them of which the rule gives all places, in any order; None where n is 0."""

    def to_json(self) -> dict[str, int | float | None]:
        """The record for a JSON file.

        Returns:
            `n` and `agreement`; of no examples, `n` alone.
        """
        return {"n": self.n, "agreement": self.agreement} if self.n else {"n": 0}


class PlaceRuleRecord(TypedDict):
    """A `PlaceRule` in a JSON file."""

    across: list[float]
    down: list[float]
    n: int
    agreement: float | None


@dataclass(frozen=True)
class PlaceRule:
    """Where the names of places change, in shares of the image's sides.

    A centre below the first cut is left (or top), from the second cut on right (or bottom).
    """

    across: tuple[float, float] = (1 / 3, 2 / 3)
    down: tuple[float, float] = (1 / 3, 2 / 3)
    n: int = 0
    """Sentences that it was fitted to; 0 for plain thirds."""
    agreement: float | None = None
    """Share of them of which it gives all places, in any order."""

    def place(self, mask: np.ndarray) -> str | None:
        """Name the place of a mask by the box around its foreground.

        Args:
            mask: bool (height, width), in its own frame.

        Returns:
            One of `PLACES`; None for an empty mask.
        """
        centre = _centre(mask)
        return None if centre is None else self.at(centre)

    def at(self, centre: Centre) -> str:
        """Name the place of a point.

        Args:
            centre: (down, across), in shares of the sides.

        Returns:
            One of `PLACES`.
        """
        down, across = centre
        row = int(np.searchsorted(self.down, down, side="right"))
        column = int(np.searchsorted(self.across, across, side="right"))
        return PLACES[3 * row + column]

    def places(self, mask: np.ndarray, most: int | None = None) -> tuple[str, ...]:
        """Name the places of a mask's components.

        Args:
            mask: bool (height, width), in its own frame.
            most: only that many of the largest components; 1 takes all of them as one box; None
                takes each.

        Returns:
            One of `PLACES` per component, in reading order; equal ones are repeated.
        """
        parts = [mask] if most == 1 else components(mask)
        if most is not None and len(parts) > most:
            parts = sorted(parts, key=np.count_nonzero, reverse=True)[:most]
        return tuple(sorted(filter(None, map(self.place, parts)), key=PLACES.index))

    def rewrite(self, prompt: str, mask: np.ndarray) -> str:
        """Write a prompt anew with the places of a mask.

        Args:
            prompt: any sentence.
            mask: bool (height, width), in its own frame.

        Returns:
            The prompt with at most as many places as it named, and at most `MOST`. Of an empty
            mask, the prompt as it is.
        """
        n_named = min(len(_clauses(prompt)), MOST)
        places = self.places(mask, n_named or 1)
        return replace_places(prompt, places) if places else prompt

    def versions(self, prompt: str) -> list[str]:
        """List everything that `rewrite` can answer, so that it can be embedded beforehand.

        Args:
            prompt: any sentence.

        Returns:
            Distinct sentences, the prompt first.
        """
        sentences = [prompt]
        for n in range(1, min(len(_clauses(prompt)), MOST) + 1):
            lists = combinations_with_replacement(PLACES, n)
            sentences += [replace_places(prompt, places) for places in lists]
        return list(dict.fromkeys(sentences))

    def fit_on(self, examples: Iterable[Example]) -> PlaceFit:
        """Measure how well the rule gives the sentences of examples back.

        Args:
            examples: sentences with their masks.

        Returns:
            The number of sentences that name places, and the agreement with them.
        """
        return _compared(self, *_observed(examples))

    def to_json(self) -> PlaceRuleRecord:
        """The record for run.json and a report.

        Returns:
            The cuts, the number of sentences and the agreement.
        """
        return {
            "across": list(self.across),
            "down": list(self.down),
            "n": self.n,
            "agreement": self.agreement,
        }


def fit_places(examples: Iterable[Example]) -> PlaceRule:
    """Choose the cuts that give the most of the examples' own words back.

    A sentence is fitted to where it names as many places as its mask has components. All
    sentences that name places count for the agreement.

    Args:
        examples: sentences with their masks.

    Returns:
        The rule; thirds where no example has a mask and names places.
    """
    sentences, centres = _observed(examples)
    pairs: list[tuple[Centre, tuple[int, int]]] = []
    for cells, points in zip(sentences, centres):
        # Otherwise nothing says which named place is whose component.
        if len(cells) == len(points):
            pairs += zip(points, cells)
    if not pairs:
        return PlaceRule()
    values = np.array([point for point, _ in pairs])
    cells_of_values = np.array([cell for _, cell in pairs])
    across = _cuts(values[:, 1], cells_of_values[:, 1])
    down = _cuts(values[:, 0], cells_of_values[:, 0])
    # On all sentences, those too that the cuts could not be fitted to.
    fit = _compared(PlaceRule(across, down), sentences, centres)
    return PlaceRule(across, down, fit.n, fit.agreement)


def components(mask: np.ndarray) -> list[np.ndarray]:
    """Split a mask into its connected components; pixels that touch by a corner are connected.

    Args:
        mask: bool (height, width).

    Returns:
        Masks of the same shape, from the top down; specks below `SMALLEST_SHARE` of the largest
        component's area are left out.
    """
    # Imported late: SciPy loads slowly, and only rules that read masks need it.
    from scipy import ndimage

    labels, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    # Label 0 is the background.
    areas = np.bincount(labels.ravel())[1:]
    return [
        labels == number
        for number, area in enumerate(areas, start=1)
        if area >= SMALLEST_SHARE * areas.max()
    ]


def replace_places(prompt: str, places: Sequence[str]) -> str:
    """Replace everything from the first position word to the last.

    Args:
        prompt: any sentence; one that names no position stays as it is.
        places: the names to write, separated by commas.

    Returns:
        The new sentence. Where the prompt counts what it names ("two …, located in top, right"),
        the number is the new one too.
    """
    spans = _spans(prompt)
    if not spans:
        return prompt
    before = prompt[: spans[0][0]]
    after = prompt[spans[-1][1] :]
    n_named = len(_clauses(prompt))
    if n_named < len(NUMBERS):
        before = re.sub(
            rf"\b{NUMBERS[n_named]}\b",
            lambda number: as_written(number[0], NUMBERS[len(places)]),
            before,
            count=1,
            flags=re.IGNORECASE,
        )
    return f"{before}{', '.join(places)}{after}"


def as_written(replaced: str, word: str) -> str:
    """Write a word with a capital where the word that it replaces has one.

    Args:
        replaced: the word of the sentence.
        word: the new one, in lower case.

    Returns:
        The new word, capitalized or not.
    """
    return word.capitalize() if replaced[:1].isupper() else word


def _spans(prompt: str) -> list[tuple[int, int]]:
    return [match.span() for match in _WORD.finditer(prompt) if match.group().lower() in POSITIONS]


def _clauses(prompt: str) -> list[str]:
    """What a prompt names, place by place: "top left, right" → "top left" and "right".

    Where the prompt counts no more than one, a row and a column side by side are one place: "top,
    on the left".
    """
    spans = _spans(prompt)
    if not spans:
        return []
    named_part = prompt[spans[0][0] : spans[-1][1]]
    clauses = [clause for clause in _BETWEEN.split(named_part) if positions(clause)]
    # Where several are counted, "top, left" are two places.
    if _SEVERAL.search(prompt):
        return clauses
    joined: list[str] = []
    for clause in clauses:
        if joined and _complete_each_other(joined[-1], clause):
            joined[-1] += f", {clause}"
        else:
            joined.append(clause)
    return joined


def _complete_each_other(first: str, second: str) -> bool:
    """Does one clause name a row alone, and the other one a column alone?"""
    return sorted([*_axes(first), *_axes(second)]) == [0, 1] and len(_axes(second)) == 1


def _axes(clause: str) -> list[int]:
    """Which of down (0) and across (1) a clause names."""
    return [axis for axis, side in enumerate(_SIDES) if positions(clause) & side.keys()]


def _cells(sentence: str) -> Cells:
    """The cells that a sentence names; none where one of its places is not of the grid."""
    cells = [_cell(clause) for clause in _clauses(sentence)]
    known = tuple(cell for cell in cells if cell is not None)
    return known if len(known) == len(cells) else ()


def _cell(clause: str) -> tuple[int, int] | None:
    names = positions(clause)
    rows = {_DOWN[name] for name in names & _DOWN.keys()}
    columns = {_ACROSS[name] for name in names & _ACROSS.keys()}
    if len(rows) > 1 or len(columns) > 1 or names - _GRID_WORDS:
        return None
    # "above the middle" and "top center" are no cells of this grid.
    if names & set(CENTRES) and (rows or columns):
        return None
    return next(iter(rows), 1), next(iter(columns), 1)


def _observed(examples: Iterable[Example]) -> tuple[list[Cells], list[list[Centre]]]:
    """The cells that are named, and the centres of the mask, of all examples that have both.

    Where one place is named, the centre is that of the box around all components.
    """
    sentences: list[Cells] = []
    centres: list[list[Centre]] = []
    for sentence, read_mask in examples:
        cells = _cells(sentence)
        mask = read_mask() if cells else None
        if mask is not None and mask.any():
            # The public sets name components from the top down, which is the order given here.
            parts = [mask] if len(cells) == 1 else components(mask)
            sentences.append(cells)
            centres.append([point for point in map(_centre, parts) if point is not None])
    return sentences, centres


def _compared(
    rule: PlaceRule, sentences: Sequence[Cells], centres: Sequence[Sequence[Centre]]
) -> PlaceFit:
    if not sentences:
        return PlaceFit()
    is_right = [
        sorted(map(rule.at, points), key=PLACES.index) == _in_order(cells)
        for cells, points in zip(sentences, centres)
    ]
    return PlaceFit(len(sentences), round(float(np.mean(is_right)), 4))


def _in_order(cells: Cells) -> list[str]:
    return [PLACES[3 * row + column] for row, column in sorted(cells)]


def _centre(mask: np.ndarray) -> Centre | None:
    """Of the box around the foreground: (down, across), in shares of the sides."""
    rows = np.flatnonzero(mask.any(1))
    columns = np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    height, width = mask.shape
    # + 1: the box ends at the far edge of its last pixel.
    return (rows[0] + rows[-1] + 1) / 2 / height, (columns[0] + columns[-1] + 1) / 2 / width


def _cuts(values: np.ndarray, cells: np.ndarray) -> tuple[float, float]:
    """The pair of cuts that agrees most; of equal ones the one nearest to thirds."""
    steps = np.arange(_STEP, 1, _STEP)
    pairs = [(low, high) for low in steps for high in steps if low < high]
    # Every pair is tried: they are 1,176, and the best one is then certain.
    agreement = [
        float((np.searchsorted(pair, values, side="right") == cells).mean()) for pair in pairs
    ]

    def rank(number: int) -> tuple[float, float]:
        low, high = pairs[number]
        return agreement[number], -abs(low - 1 / 3) - abs(high - 2 / 3)

    low, high = pairs[max(range(len(pairs)), key=rank)]
    # The steps are not exact in binary, and run.json should say 0.34.
    return round(float(low), 4), round(float(high), 4)
