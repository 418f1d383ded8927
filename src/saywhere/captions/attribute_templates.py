"""How people name lesions by what they are, rather than by where: size, brightness, number.

Slots as in `captions.templates`, and `{k}` for a number, `{a}` for one attribute.
"""

from __future__ import annotations

from saywhere.captions.templates import NOUNS, SIZES, TONES

ONE_TEMPLATES = (
    "the {s} {t} {n}",
    "the {t} {s} {n}",
    "{s} {t} {n}",
    "{t} {s} {n}",
    "the {s} {t} one",
    "{s}, {t}",
    "{t} and {s}",
    "a {n}, {s} and {t}",
    "the {n} that is {s} and {t}",
    "the {n}, which is {t} and {s}",
    "only the {s} {t} {n}",
    "the one {n} that is {t} and {s}",
    "segment the {s} {t} {n}",
    "find the {t} {s} {n}",
    "mark the {s} {t} one",
    "outline the {n} that is {s} and {t}",
    "there is a {s} {t} {n}",
    "one {s} {t} {n}",
    "look for the {s} and {t} {n}",
    "{n}: {t}, {s}",
)
"""One lesion by size and brightness, without a place."""

SEVERAL_TEMPLATES = (
    "the {k} {a} {n}s",
    "{k} {a} {n}s",
    "all {k} {a} {n}s",
    "the {k} {a} ones",
    "{n}s: the {k} {a} ones",
    "the {k} {n}s that are {a}",
    "{k} {n}s, {a}",
    "segment the {k} {a} {n}s",
    "find all {k} {a} {n}s",
    "mark the {k} {n}s that are {a}",
    "outline the {k} {a} ones",
    "there are {k} {a} {n}s",
)
"""Several lesions by their number and what they share."""

NUMBERS = {2: "two", 3: "three"}


def one_choices(*, bright: bool, large: bool) -> dict[str, tuple[str, ...]]:
    """List the words that are true of one lesion.

    Args:
        bright: is it brighter than what is around it?
        large: is it a large one?

    Returns:
        Slot → its words.
    """
    return {"n": NOUNS, "s": SIZES[large], "t": TONES[bright]}


def several_choices(n_lesions: int, words: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """List the words that are true of several lesions.

    Args:
        n_lesions: 2 or 3.
        words: of what they share.

    Returns:
        Slot → its words.
    """
    # "masses" is no noun and an s.
    nouns = tuple(noun for noun in NOUNS if noun != "mass")
    return {"n": nouns, "k": (NUMBERS[n_lesions],), "a": words}
