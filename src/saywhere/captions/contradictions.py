"""Claims that contradict their masks, by the rule that the set's own sentences follow.

The rule is fitted to the measures that `describe` fits its own to (the box's centre, the area, the
count): what most of the masks nearest in that measure are called. Between two cuts that is the word
between them. How sure a contradiction is: the share of these masks that are called otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from saywhere.captions.claims import Claim

FEWEST = 20
"""Claims of an aspect that make a rule; fewer are judged by plain thirds, where those are clear."""
NEIGHBOURS = 50
LEAST_AGREEMENT = 0.5
_PLAIN = {"across": (1 / 3, 2 / 3), "down": (1 / 3, 2 / 3)}


@dataclass(frozen=True)
class Contradiction:
    """A claim that its mask does not bear out.

    Attributes:
        number: of the claim among those that were judged.
        shown: what the mask shows, in the claim's own words.
        score: how sure, [0, 1]: the share of the masks most like this one that are called
            otherwise.
    """

    number: int
    shown: str
    score: float


def contradictions(claims: Sequence[Claim]) -> list[Contradiction]:
    """Judge the claims of a set's sentences.

    Args:
        claims: of all sentences of one level.

    Returns:
        The contradicted ones, the surest first.
    """
    by_aspect: dict[str, list[int]] = defaultdict(list)
    for number, claim in enumerate(claims):
        by_aspect[claim.aspect].append(number)
    contradicted: list[Contradiction] = []
    for numbers in by_aspect.values():
        members = [claims[number] for number in numbers]
        judged = _by_rule(members) if len(members) >= FEWEST else _by_thirds(members)
        contradicted += [
            Contradiction(numbers[place], members[place].names[shown], score)
            for place, shown, score in judged
        ]
    return sorted(contradicted, key=lambda one: (-one.score, one.number))


def _by_rule(claims: Sequence[Claim]) -> list[tuple[int, int, float]]:
    """(place, what is shown, score) of the contradicted ones, where the set follows a rule."""
    claimed = np.array([claim.claimed for claim in claims])
    is_count = claims[0].aspect == "number"
    values = _counted(claims, claimed) if is_count else np.array([one.value for one in claims])
    usual, scores = _among_neighbours(values, claimed)
    # A number is what is counted; a place or a size is what such masks are called.
    shown = values.astype(int) if is_count else usual
    if float((shown == claimed).mean()) < LEAST_AGREEMENT:
        return []
    places = np.flatnonzero((shown != claimed) & (usual != claimed))
    return [(int(place), int(shown[place]), float(scores[place])) for place in places]


def _counted(claims: Sequence[Claim], claimed: np.ndarray) -> np.ndarray:
    """What is counted, leaving out the specks that the set's own sentences leave out."""
    counts = np.array([claim.counts for claim in claims])
    right = (counts == claimed[:, None]).mean(0)
    return np.asarray(counts[:, int(np.argmax(right))])


def _by_thirds(claims: Sequence[Claim]) -> list[tuple[int, int, float]]:
    """Too few for a rule: only a side that is named and lies in the opposite third."""
    judged = []
    for place, claim in enumerate(claims):
        cuts = _PLAIN.get(claim.aspect)
        if cuts is None:
            continue
        shown = int(np.searchsorted(cuts, claim.value, side="right"))
        if abs(shown - claim.claimed) == 2:
            judged.append((place, shown, round(abs(claim.value - 0.5) + 0.5, 3)))
    return judged


def _among_neighbours(values: np.ndarray, claimed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What masks of nearly the same measure are called, and the share called otherwise than this.

    The mask itself is left out. By one sorting and running sums, so that the time does not grow
    with the square of their number.
    """
    order = np.argsort(values, kind="stable")
    start, end = _windows(values, order)
    classes = np.unique(claimed)
    counts = np.empty((len(classes), len(values)))
    for number, one in enumerate(classes):
        sums = np.concatenate([[0], np.cumsum(claimed[order] == one)])
        counts[number] = sums[end] - sums[start] - (claimed == one)
    same = counts[np.searchsorted(classes, claimed), np.arange(len(values))]
    share = 1 - same / np.maximum(end - start - 1, 1)
    return classes[counts.argmax(0)], np.round(share, 4)


def _windows(values: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each value, where its neighbours begin and end among the sorted ones."""
    n = len(values)
    # Of a small set fewer, so that they lie near.
    near = min(NEIGHBOURS, max(FEWEST // 2, n // 10))
    place = np.empty(n, int)
    place[order] = np.arange(n)
    start = np.clip(place - near // 2, 0, max(0, n - near - 1))
    end = np.minimum(start + near + 1, n)
    # All of equal value count: their order says nothing.
    in_order = values[order]
    start = np.minimum(start, np.searchsorted(in_order, values, side="left"))
    end = np.maximum(end, np.searchsorted(in_order, values, side="right"))
    return start, end
