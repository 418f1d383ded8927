"""Sentences whose target is not in the image: denials, and words of another organ.

A model that learns from present targets alone finds something in anything. These teach it that
nothing may be meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from saywhere.data.halves import SIDES

# Many forms: the more wordings are trained, the better a new one is understood.
_DENIALS = (
    "no {n}",
    "no {n}.",
    "no {n} in the image",
    "no {n} in this picture.",
    "there is no {n}",
    "there is no {n} in the image.",
    "there are no {n}s here",
    "without {n}",
    "an image without any {n}",
    "no sign of a {n}",
    "no evidence of {n}",
    "not a {n}",
    "a {n} is not seen",
    "the {n} is absent",
    "free of {n}",
    "normal, no {n}",
    "nothing to mark, no {n}",
    "no {n} on the left",
    "no {n} on the right",
    "not a {n} on the left",
    "not a {n} on the right",
)
_FOREIGN = (
    "{n}",
    "the {n}",
    "one {n}",
    "a {n}.",
    "{n} in the image",
    "the {n} in this picture.",
    "find the {n}",
    "segment the {n}",
    "mark the {n}",
    "outline the {n} in the image",
    "one small {n}",
    "one large {n}",
    "a bright {n} in the centre",
)
_ELSEWHERE = (
    "polyp",
    "skin lesion",
    "lung infection",
    "lung",
    "breast tumor",
    "kidney",
    "liver",
    "heart",
    "optic disc",
    "tooth",
    "brain tumor",
    "surgical instrument",
)
_PLACED = ("{n}, {h}", "{n} on the {h}", "the {h} {n}", "one {n}, located on the {h} of the image")


# Called for every sample of a denial.
@cache
def denials(nouns: tuple[str, ...]) -> tuple[str, ...]:
    """List the sentences that deny a target.

    Args:
        nouns: its names.

    Returns:
        Distinct sentences, in a fixed order.
    """
    return tuple(dict.fromkeys(text.format(n=noun) for noun in nouns for text in _DENIALS))


@cache
def foreign(noun: str) -> tuple[str, ...]:
    """List the sentences that name one target of another set.

    Args:
        noun: as polyp, or left kidney.

    Returns:
        Distinct sentences, in a fixed order.
    """
    plain = [text.format(n=noun) for text in _FOREIGN]
    placed = [text.format(n=noun, h=side) for text in _PLACED for side in SIDES]
    return tuple(dict.fromkeys([*plain, *placed]))


def denied(prompt: str) -> str:
    """Deny what a prompt names, in its own words.

    Args:
        prompt: as it is.

    Returns:
        Such as "no one small round polyp, upper left".
    """
    return f"no {prompt[:1].lower()}{prompt[1:]}"


def foreign_targets(prompts: Iterable[str]) -> tuple[str, ...]:
    """List targets that a set does not hold, as far as its words tell.

    Args:
        prompts: the set's own, and its target's names.

    Returns:
        Nouns, in a fixed order, that share no word with them; one or more.
    """
    own = {word for prompt in prompts for word in re.findall(r"[a-z]+", prompt.lower())}
    # A plural is the same noun.
    own |= {word.removesuffix("s") for word in own}
    others = tuple(noun for noun in _ELSEWHERE if not own & set(noun.split()))
    # A set that names all of them is asked for what no medical picture shows.
    return others or ("bicycle",)
