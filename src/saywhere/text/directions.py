"""Words for places in a prompt: name them, count them, contradict them, turn them with the image.

A side is taken as the reader of the image sees it, never as the patient's. Whose left a prompt
means is settled before it comes here: see `saywhere.text.frames`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

PAIRS = (
    ("left", "right"),
    ("lefthand", "righthand"),
    ("leftmost", "rightmost"),
    ("leftward", "rightward"),
    ("leftwards", "rightwards"),
    ("upper", "lower"),
    ("uppermost", "lowermost"),
    ("top", "bottom"),
    ("topmost", "bottommost"),
    ("above", "below"),
    # Anatomy's words for up and down, as in reports of films.
    ("superior", "inferior"),
    ("cranial", "caudal"),
)
"""Opposite words; across the image where the first starts with "left", else along it."""
OPPOSITES: dict[str, str] = {word: other for pair in PAIRS for word, other in (pair, pair[::-1])}
"""Each word that names a side, and its mirror.

No word that only names how many sides ("bilateral") or none ("center").
"""
# They have no opposite: neither a mirror nor a turn moves the middle.
CENTRES = ("center", "centre", "central", "middle")
POSITIONS = frozenset((*OPPOSITES, *CENTRES))

# An underscore parts words here, as in "left_upper"; a hyphen does anyway, as in "left-hand".
_WORD = re.compile(r"[^\W_]+")
_CLAUSE = re.compile(r"[,;.:/]|\band\b|\bor\b", re.IGNORECASE)
_ACROSS_FIRST = re.compile(r"\b(left|right) (upper|lower|top|bottom)\b", re.IGNORECASE)
_RIGHT, _UP, _LEFT, _DOWN = range(4)
_N_SIDES = 4


def _numbered_sides() -> dict[str, int]:
    """The side that each word names, as a number.

    Counted counter-clockwise, so that a quarter turn counter-clockwise adds one.
    """
    sides: dict[str, int] = {}
    for first, second in PAIRS:
        is_across = first.startswith("left")
        sides[first] = _LEFT if is_across else _UP
        sides[second] = _RIGHT if is_across else _DOWN
    return sides


_SIDES = _numbered_sides()


def positions(prompt: str) -> frozenset[str]:
    """The position words that a prompt names.

    Args:
        prompt: A sentence in any case.

    Returns:
        Words of `POSITIONS` (sides and centres), in lower case.
    """
    return frozenset(word.lower() for word in _WORD.findall(prompt)) & POSITIONS


def count_positions(prompts: Iterable[str]) -> dict[str, int]:
    """How many prompts name each position word.

    Args:
        prompts: Sentences. A prompt that names a word twice counts once.

    Returns:
        The count per word, sides first, then centres; 0 where no prompt names it.
    """
    counts: Counter[str] = Counter()
    for prompt in prompts:
        counts.update(positions(prompt))
    return {word: counts[word] for word in (*OPPOSITES, *CENTRES)}


def contradict(prompt: str) -> str | None:
    """The prompt with left and right exchanged, and upper and lower, as far as it names them.

    Case and punctuation stay. "right" is always taken for the side, never for "correct".

    Args:
        prompt: A sentence.

    Returns:
        The contradiction. None where there is nothing to contradict: no side is named, or the
        exchange means the same again, as of "upper left lung and lower right lung".
    """
    exchanged = _WORD.sub(lambda match: _mirror(match.group()), prompt)
    return None if _meaning(exchanged) == _meaning(prompt) else exchanged


def exchanged_sides(prompt: str) -> str:
    """The prompt with left and right exchanged, and heights as they are.

    Args:
        prompt: A sentence; case and punctuation stay.

    Returns:
        "Upper left" → "Upper right". A word such as "leftover" is no side, and stays.
    """
    return turn(prompt, True, False, 0)


def turn(prompt: str, mirrored: bool, flipped: bool, quarters: int) -> str:
    """The prompt that fits the image after it was mirrored, then flipped, then turned.

    Case is kept.

    Args:
        prompt: A sentence that fits the image as it was.
        mirrored: Was the image mirrored, left to right?
        flipped: Was the image flipped, top to bottom?
        quarters: Quarter turns counter-clockwise: top becomes left, left becomes bottom.

    Returns:
        The turned prompt. A turned "left" becomes "upper" or "lower" where the prompt uses one of
        these two words, else "top" or "bottom".
    """
    words = {word.lower() for word in _WORD.findall(prompt)}
    # The turned prompt keeps to the pair of words for the height that it uses itself.
    up, down = ("upper", "lower") if words & {"upper", "lower"} else ("top", "bottom")
    cycle = ("right", up, "left", down)

    def turned(match: re.Match[str]) -> str:
        return _turned_word(match.group(), mirrored, flipped, quarters, cycle)

    changed = _WORD.sub(turned, prompt)
    # English names the height first: "left upper" after a quarter turn reads "upper left".
    return _ACROSS_FIRST.sub(r"\2 \1", changed) if quarters % 2 else changed


def _turned_word(
    written: str, mirrored: bool, flipped: bool, quarters: int, cycle: tuple[str, ...]
) -> str:
    word = written.lower()
    side = _SIDES.get(word)
    if side is None:
        return written
    is_across = side in (_LEFT, _RIGHT)
    # A mirror exchanges left and right alone, a flip above and below alone.
    is_exchanged = mirrored if is_across else flipped
    if is_exchanged:
        word = OPPOSITES[word]
        side = (side + 2) % _N_SIDES
    # Half a turn keeps the kind of word ("superior" → "inferior"); a quarter cannot.
    if quarters % _N_SIDES == 2:
        word = OPPOSITES[word]
    elif quarters % _N_SIDES:
        word = cycle[(side + quarters) % _N_SIDES]
    return _as_case(written, word)


def _mirror(word: str) -> str:
    other = OPPOSITES.get(word.lower())
    return word if other is None else _as_case(word, other)


def _as_case(word: str, other: str) -> str:
    """`other`, written in the case of `word`."""
    if word.isupper():
        return other.upper()
    return other.capitalize() if word[0].isupper() else other


def _meaning(prompt: str) -> Counter[tuple[str, ...]]:
    """The prompt's clauses in any order, each as its words in any order."""
    clauses = _CLAUSE.split(prompt)
    return Counter(tuple(sorted(_WORD.findall(clause.lower()))) for clause in clauses)
