"""What a sentence claims of its mask that can be measured: side, height, number, size.

Sentences of lungs claim which thirds of which lung; all others are read on the 3×3 grid.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from saywhere.captions.grid import NUMBERS, _cells, _centre, components
from saywhere.captions.lungs import SIDES, THIRDS, _measured, named

LEAST = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
"""Of the largest component's area, to choose from: what is smaller a set does not count."""
SIZES = ("small", "medium", "large")
_SIZE_OF = {
    "tiny": 0,
    "small": 0,
    "little": 0,
    "medium": 1,
    "medium-sized": 1,
    "large": 2,
    "big": 2,
}
_WORD = re.compile(r"[^\W_]+(?:-sized)?")
_ACROSS = ("left", "centre", "right")
_DOWN = ("upper", "middle", "lower")
_NUMBER = re.compile(rf"\b({'|'.join([*NUMBERS[1:], 'six', 'both'])})\b", re.IGNORECASE)
# "One of the two lungs", "one third", "the right one": no count of what the mask shows.
_NO_COUNT = re.compile(
    r"\bone\s+(?:of|third|half|quarter|side)\b|\bthe\s+\w+\s+one\b", re.IGNORECASE
)
_COUNTS = {word: number for number, word in enumerate((*NUMBERS, "six")) if word} | {"both": 2}


@dataclass(frozen=True)
class Shape:
    """What is measured of a mask, in shares of the image.

    Attributes:
        centres: (down, across) of each component's box, from the top down.
        box: (down, across) of the box around all of them.
        area: of the largest component: the public sets name the size of each, not of all.
        halves: (share, top, bottom) of what lies in the left half, and in the right one.
        counts: how many components there are, at each of LEAST.
    """

    centres: tuple[tuple[float, float], ...]
    box: tuple[float, float]
    area: float
    halves: tuple[tuple[float, float, float], ...]
    counts: tuple[int, ...]

    def mirrored(self) -> Shape:
        """The shape as it lies with left and right exchanged: in the patient's frame."""
        return Shape(
            tuple((down, 1 - across) for down, across in self.centres),
            (self.box[0], 1 - self.box[1]),
            self.area,
            self.halves[::-1],
            self.counts,
        )


@dataclass(frozen=True)
class Claim:
    """One thing that a sentence says, with what is measured of it.

    Attributes:
        aspect: what it is about, as "side" or "left lung"; claims of one aspect are compared.
        kind: `side`, `height`, `number` or `size`, for people.
        claimed: the class that the sentence names, a small whole number.
        value: the measure that decides the class.
        names: class → its word.
        counts: of a number, what is counted at each of LEAST.
    """

    aspect: str
    kind: str
    claimed: int
    value: float
    names: tuple[str, ...]
    counts: tuple[int, ...] = ()


def shape_of(mask: np.ndarray) -> Shape | None:
    """Measure a mask.

    Args:
        mask: bool (height, width).

    Returns:
        Its shape; None of an empty mask, of which no sentence claims a place.
    """
    box = _centre(mask)
    if box is None:
        return None
    parts = components(mask)
    centres = [centre for centre in map(_centre, parts) if centre is not None]
    area = max(float(part.mean()) for part in parts)
    halves = tuple((float(share), float(top), float(low)) for share, top, low in _measured(mask))
    return Shape(tuple(centres), box, area, halves, _counts(mask))


def _counts(mask: np.ndarray) -> tuple[int, ...]:
    # Imported late: SciPy loads slowly, and only rules that read masks need it.
    from scipy import ndimage

    labels, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    areas = np.bincount(labels.ravel())[1:]
    return tuple(int(np.count_nonzero(areas >= least * areas.max())) for least in LEAST)


def claims_of(sentence: str, shape: Shape) -> list[Claim]:
    """List what a sentence claims of a mask.

    Args:
        sentence: any.
        shape: of its mask.

    Returns:
        The claims; none of a sentence that says nothing that can be measured.
    """
    zones = named(sentence)
    places = _on_grid(sentence, shape) if zones is None else _of_lungs(zones, shape)
    return [*places, *_counted(sentence, shape), *_sized(sentence, shape)]


def _on_grid(sentence: str, shape: Shape) -> list[Claim]:
    cells = _cells(sentence)
    # One place is that of the whole mask; several are those of its components, from the top down.
    points = (shape.box,) if len(cells) == 1 else shape.centres
    if len(cells) != len(points):
        return []
    claims = []
    for (row, column), (down, across) in zip(cells, points):
        claims.append(Claim("across", "side", column, across, _ACROSS))
        claims.append(Claim("down", "height", row, down, _DOWN))
    return claims


def _of_lungs(zones: tuple[tuple[bool, ...], ...], shape: Shape) -> list[Claim]:
    claims = []
    for side, thirds, (share, top, bottom) in zip(SIDES, zones, shape.halves):
        lung = f"{side} lung"
        names = (f"no {lung}", lung)
        claims.append(Claim(lung, "side", int(any(thirds)), share, names))
        # Where the side itself is wrong, its thirds say nothing more.
        if not any(thirds) or not share:
            continue
        measures = (top, bottom - top, bottom)
        for third, is_named, measure in zip(THIRDS, thirds, measures):
            words = (f"not {third} {lung}", f"{third} {lung}")
            claims.append(Claim(f"{third} third", "height", int(is_named), measure, words))
    return claims


def _counted(sentence: str, shape: Shape) -> list[Claim]:
    match = _NUMBER.search(_NO_COUNT.sub(" ", sentence))
    if match is None:
        return []
    names = ("none", *NUMBERS[1:], "six", "seven or more")
    counts = tuple(min(count, len(names) - 1) for count in shape.counts)
    claimed = _COUNTS[match[1].lower()]
    return [Claim("number", "number", claimed, float(len(shape.centres)), names, counts)]


def _sized(sentence: str, shape: Shape) -> list[Claim]:
    sizes = {_SIZE_OF[word] for word in _WORD.findall(sentence.lower()) if word in _SIZE_OF}
    # "Large polyp beside a small one" says nothing of the whole.
    return [Claim("size", "size", sizes.pop(), shape.area, SIZES)] if len(sizes) == 1 else []
