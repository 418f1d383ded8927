"""What can be done to a prompt as text: clean it, contradict it, exchange it for another case's, count its position words, tell whether it denies."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

from saywhere.errors import UsageError
from saywhere.io.limits import MAX_PROMPT_CHARS

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
    ("superior", "inferior"),
    ("cranial", "caudal"),
)
OPPOSITES: dict[str, str] = {word: other for pair in PAIRS for word, other in (pair, pair[::-1])}
"""Each word that names a side, and its mirror. No word that only names how many sides ("bilateral") or none ("center")."""
CENTRES = ("center", "centre", "central", "middle")
POSITIONS = frozenset((*OPPOSITES, *CENTRES))

_SIDES = {
    word: side
    for pair in PAIRS
    for word, side in zip(pair, (2, 0) if pair[0].startswith("left") else (1, 3))
}
"""Right 0, up 1, left 2, down 3: a quarter turn counter-clockwise is one more."""
_ACROSS_FIRST = re.compile(r"\b(left|right) (upper|lower|top|bottom)\b", re.IGNORECASE)

# An underscore parts words here, as in "left_upper"; a hyphen does anyway, as in "left-hand" and "right-sided".
_WORD = re.compile(r"[^\W_]+")
_DENYING = r"no(?!\s*[.:#]\s*\w)|not|nor|none|nothing|neither|never|cannot|without|w/o|absent|absence|except|lacks|lacking|negative for|free of|\w+n['’ʼ]t"
_DENIAL = re.compile(
    rf"(?<![^\W_])(?:{_DENYING})(?![^\W_])", re.IGNORECASE
)  # "no. 3" and "no: 3" are numbers
_CLAUSE = re.compile(r"[,;.:/]|\band\b|\bor\b", re.IGNORECASE)


def contradict(prompt: str) -> str | None:
    """The prompt with left and right, and upper and lower, exchanged (as far as it names them); case and punctuation are kept.

    None where there is nothing to contradict: no side is named, or the exchange says the same again ("upper left lung and lower right lung").
    "right" is always taken for the side.
    """
    exchanged = _WORD.sub(lambda match: _mirror(match.group()), prompt)
    return None if _meaning(exchanged) == _meaning(prompt) else exchanged


def count_positions(prompts: Iterable[str]) -> dict[str, int]:
    """How many prompts name each position word (sides first, then centres), a prompt counted once a word; 0 where none does."""
    counts: Counter[str] = Counter()
    for prompt in prompts:
        counts.update(positions(prompt))
    return {word: counts[word] for word in (*OPPOSITES, *CENTRES)}


def turn(prompt: str, mirrored: bool, flipped: bool, quarters: int) -> str:
    """The prompt as it would be said of an image that was mirrored (left ↔ right), flipped (upper ↔ lower), then turned.

    `quarters`: quarter turns counter-clockwise: top becomes left, left becomes bottom, and so on; "upper" and "lower" where the prompt says
    one of them. Case is kept.
    """
    words = {word.lower() for word in _WORD.findall(prompt)}
    up, down = ("upper", "lower") if words & {"upper", "lower"} else ("top", "bottom")
    cycle = ("right", up, "left", down)

    def turned(match: re.Match[str]) -> str:
        word = match.group().lower()
        side = _SIDES.get(word)
        if side is None:
            return match.group()
        if (mirrored and side % 2 == 0) or (flipped and side % 2 == 1):
            word, side = OPPOSITES[word], (side + 2) % 4
        if quarters % 4 == 2:
            word = OPPOSITES[word]
        elif quarters % 4:
            word = cycle[(side + quarters) % 4]
        return _as_case(match.group(), word)

    changed = _WORD.sub(turned, prompt)
    return _ACROSS_FIRST.sub(r"\2 \1", changed) if quarters % 2 else changed


def positions(prompt: str) -> frozenset[str]:
    """The position words (sides and centres) that a prompt names, in lower case."""
    return frozenset(word.lower() for word in _WORD.findall(prompt)) & POSITIONS


def refuse_endless(prompts: Iterable[str]) -> None:
    """Raises UsageError for a prompt of more than MAX_PROMPT_CHARS characters, before an encoder meets it."""
    if too_long := next((prompt for prompt in prompts if len(prompt) > MAX_PROMPT_CHARS), None):
        raise UsageError(
            f"a prompt of {len(too_long):,} characters",
            allowed=f"at most {MAX_PROMPT_CHARS:,}",
            remedy="say it in a sentence",
        )


def clean(prompt: str) -> str:
    """Unicode NFC, control characters and lone surrogates to spaces, runs of white space to one; every script and emoji is kept."""
    visible = "".join(
        " "
        if unicodedata.category(character) in ("Cc", "Cs") or character == "\ufeff"
        else character
        for character in prompt
    )
    return " ".join(unicodedata.normalize("NFC", visible).split())


def is_blank(prompt: str) -> bool:
    """Whether nothing of it would show: only white space, control and format characters, or marks without a letter."""
    return all(
        unicodedata.category(character) in ("Cc", "Cf", "Cs")
        or unicodedata.category(character)[0] in "ZM"
        for character in prompt
    )


def denies(prompt: str) -> bool:
    """Does it hold a word that denies, as in "no polyp", "not on the left", "without a stalk"? The published sets of `saywhere prepare` hold none of them."""
    return _DENIAL.search(prompt) is not None


def shuffle(prompts: Sequence[str], seed: int) -> list[str]:
    """For each case another case's prompt, with a different text (case and white space make no difference).

    A permutation where no text fills more than half of the cases. Otherwise the rarer texts are given more than once, so that every case still gets
    a different one. Where all texts are equal there is nothing to exchange, and they come back as they are. Equal seeds give equal lists.
    """
    groups = _groups(prompts, seed)
    if len(groups) < 2:
        return list(prompts)
    n, most = len(prompts), max(len(group) for group in groups)
    if most > n - most:
        return _against_majority(prompts, groups)
    # In an order in which equal texts lie together, a shift by at least the largest group (either way round) always lands in another one.
    order = [case for group in groups for case in group]
    shift = most + _random(seed, "shift", n - 2 * most + 1)[0]
    shuffled = [""] * n
    for position, case in enumerate(order):
        shuffled[case] = prompts[order[(position + shift) % n]]
    return shuffled


def _mirror(word: str) -> str:
    other = OPPOSITES.get(word.lower())
    return word if other is None else _as_case(word, other)


def _as_case(word: str, other: str) -> str:
    return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other


def _meaning(prompt: str) -> Counter[tuple[str, ...]]:
    """The prompt's clauses in any order, each as its words in any order."""
    return Counter(tuple(sorted(_WORD.findall(clause.lower()))) for clause in _CLAUSE.split(prompt))


def _groups(prompts: Sequence[str], seed: int) -> list[list[int]]:
    """The cases of each distinct text; groups and cases in random order."""
    groups: dict[str, list[int]] = {}
    for case in _random(seed, "cases", len(prompts)):
        groups.setdefault(clean(prompts[case]).casefold(), []).append(case)
    return list(groups.values())


def _against_majority(prompts: Sequence[str], groups: list[list[int]]) -> list[str]:
    """One text fills more than half: its cases take turns among the others' prompts, the others get it."""
    majority = max(groups, key=len)
    others = [case for group in groups if group is not majority for case in group]
    shuffled = [prompts[majority[0]]] * len(prompts)
    for turn, case in enumerate(majority):
        shuffled[case] = prompts[others[turn % len(others)]]
    return shuffled


def _random(seed: int, purpose: str, n: int) -> list[int]:
    """A random permutation of n."""
    from saywhere.seeds import (
        generator,
    )  # here, because it loads torch, which cleaning and counting words do not need

    return [int(number) for number in generator(seed, f"shuffle {purpose}").permutation(n)]
