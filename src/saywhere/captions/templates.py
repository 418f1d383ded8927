"""How people name the lesion that they mean: templates times synonyms.

Some templates are held out of training. A template's slots: `{v}` upper or top, `{edge}` top,
`{above}` above (or their opposites), `{h}` left or right, `{n}` a word for lesion, `{s}` its size,
`{t}` its tone. Every template names both sides, so exchanging left with right and upper with lower
always names another place.
"""

from __future__ import annotations

from itertools import product
from string import Formatter

import numpy as np

PLACES = ("upper left", "upper right", "lower left", "lower right")
"""In reading order; left is the left of the image (frame `image`)."""

PLACE_TEMPLATES = (
    "{v} {h}",
    "{h} {v}",
    "the {n} in the {v} {h}",
    "the {v} {h} {n}",
    "{v} {h} {n}",
    "{n}, {v} {h}",
    "{n} {v} {h}",
    "{n} in the {v} {h} corner",
    "{n} in the {v} {h} quadrant",
    "the {n} at the {v} {h}",
    "{v} {h} corner",
    "{v} {h} quadrant",
    "the {v} {h} part of the image",
    "{edge}, on the {h}",
    "on the {h}, at the {edge}",
    "{h} side, {v} half",
    "{v} half, {h} side",
    "{v} half of the image, on the {h}-hand side",
    "{n} on the {h} of the image, near the {edge}",
    "{h}-hand {n}, {v} half",
    "{h}-sided {n} near the {edge}",
    "at the {edge} {h}",
    "{n} at the {edge} of the picture, on the {h}",
    "segment the {v} {h} {n}",
    "segment the {n} at the {edge} on the {h}",
    "find the {n} in the {v} {h}",
    "outline the {n} in the {v} {h} quadrant",
    "mark the {n} on the {h}, {v} half",
    "one {n}, located in {v} {h} of the image",
    "one {n} in the {v} {h} of the picture",
    "there is a {n} in the {v} {h}",
    "{n} {above} the centre, to the {h}",
    "{above} the middle and to the {h}",
    "the {n} {above} the centre on the {h} side",
    "{n} to the {h}, {above} the middle of the image",
    "the {n} towards the {edge} {h} corner",
    "look {v} {h}",
)
"""The place alone."""

ATTRIBUTE_TEMPLATES = (
    "the {s} {t} {n} in the {v} {h}",
    "the {s} {t} one, {v} {h}",
    "{s} {t} {n}, {v} {h}",
    "{t} {s} {n}, {v} {h}",
    "{v} {h}, {s} and {t}",
    "{v} {h}: a {s} {t} {n}",
    "{v} {h}, a {t} {n}",
    "the {t} {n} in the {v} {h} corner",
    "the {s} {n} in the {v} {h} corner",
    "{t} {n} in the {v} {h} quadrant",
    "{s} {n} in the {v} {h} quadrant",
    "the {v} {h} {n}, which is {t}",
    "the {v} {h} {n}, {s} and {t}",
    "one {s} {t} {n}, located in {v} {h} of the image",
    "one {t} {n} located in {v} {h} of the image",
    "{t} {n}, {h} side, {v} half",
    "{s} {n} on the {h}, {v} half",
    "{s} {t} {n} at the {edge}, on the {h}",
    "on the {h} near the {edge}, the {s} {t} {n}",
    "at the {edge} {h}, a {s} {n}",
    "segment the {s} {n} in the {v} {h}",
    "segment the {t} {v} {h} {n}",
    "segment the {s} {t} {n} at the {edge} {h}",
    "find the {t} {n}, {v} {h}",
    "outline the {s} {t} {n} on the {h}, {v} half",
    "mark the {t} one at the {edge}, {h} side",
    "there is a {s} {t} {n} in the {v} {h}",
    "a {t} {n} of the {v} {h} quadrant, {s}",
    "{t}, {s}, {v} {h}",
    "{s} {t} {n} {above} the centre, to the {h}",
    "a {t} {n} {above} the middle on the {h}",
    "{h}-hand {s} {n}, {v} half",
    "{h}-sided {t} {n} towards the {edge}",
    "the {s} one on the {h} side, {v} half of the picture",
)
"""The place and one or two attributes."""

UNSEEN_TEMPLATES = (
    "show me the {n} that sits in the {v} {h} region",
    "which pixels belong to the {n} of the {v} {h} area?",
    "delineation of the {v} {h} {n}",
    "contour the {n} seen at {v} {h}",
    "the finding in the {v} {h} zone of the scan",
    "a {n} is visible in the {v} {h} portion",
    "patient has a {n}, {v} {h} field",
    "please highlight whatever is abnormal in the {v} {h}",
    "I mean the {s} {t} {n} placed {v} {h}",
    "{v} {h} region shows a {s} {t} {n}",
    "abnormality at the {edge} and {h}, {t}",
    "the {t} {n} lies in the {h} {v} sector",
    "select the {s} {n} from the {v} {h} area",
    "focus on the {edge} {h}: {s} {t} {n} there",
)
"""Held out: never trained on, in no combination of synonyms."""

NOUNS = ("lesion", "spot", "blob", "nodule", "mass")
VERTICAL = {
    "upper": {"v": ("upper", "top"), "edge": ("top",), "above": ("above",)},
    "lower": {"v": ("lower", "bottom"), "edge": ("bottom",), "above": ("below",)},
}
SIZES = {True: ("large", "big"), False: ("small", "little")}
TONES = {True: ("bright", "light"), False: ("dark", "dim")}


# Every slot that `render` draws for, whether the template has it or not.
_DRAWN = ("v", "edge", "above", "h", "n", "s", "t")


def synonyms(place: str, *, bright: bool, large: bool) -> dict[str, tuple[str, ...]]:
    """List the words that are true of a lesion.

    Args:
        place: one of `PLACES`.
        bright: whether it is brighter than what is around it.
        large: whether it is a large one.

    Returns:
        Slot → its words.
    """
    vertical, horizontal = place.split()
    return VERTICAL[vertical] | {
        "h": (horizontal,),
        "n": NOUNS,
        "s": SIZES[large],
        "t": TONES[bright],
    }


def slots(template: str) -> list[str]:
    """List a template's slots.

    Args:
        template: a text with names in braces.

    Returns:
        The names, in order; one that stands twice is there twice.
    """
    return [slot for _, slot, _, _ in Formatter().parse(template) if slot]


def render(template: str, choices: dict[str, tuple[str, ...]], random: np.random.Generator) -> str:
    """Draw one wording of a template.

    A word is drawn for every slot, whether the template has it or not. So lesions that share a
    random stream share the wording, up to place and attributes.

    Args:
        template: a text with slots.
        choices: slot → its words, as `synonyms` gives them.
        random: the stream that is drawn from.

    Returns:
        A sentence.
    """
    # For every slot: a draw too few would shift all draws after it.
    chosen = {slot: _one_of(choices[slot], random) for slot in _DRAWN}
    return template.format(**chosen)


def _one_of(choices: tuple[str, ...], random: np.random.Generator) -> str:
    # One number of the stream per word. `integers` takes none where there is one choice only, and
    # lesions that share a stream would drift apart.
    return choices[int(random.random() * len(choices))]


def every(template: str, choices: dict[str, tuple[str, ...]]) -> list[str]:
    """Write a template with each choice of its synonyms.

    Args:
        template: a text with slots.
        choices: slot → its words.

    Returns:
        The sentences, the last slot's words changing fastest.
    """
    # A slot that stands twice has the same word at both places.
    names = list(dict.fromkeys(slots(template)))
    combinations = product(*[choices[name] for name in names])
    return [template.format(**dict(zip(names, chosen))) for chosen in combinations]


def taught(
    place: str, *, bright: bool, large: bool, random: np.random.Generator, n: int = 8
) -> list[str]:
    """Draw different paraphrases for training, half of them the place alone.

    Args:
        place: one of `PLACES`.
        bright: whether the lesion is brighter than what is around it.
        large: whether it is a large one.
        random: the stream that is drawn from.
        n: how many, at most the number of templates.

    Returns:
        n sentences, each of another template.
    """
    choices = synonyms(place, bright=bright, large=large)
    alone = random.permutation(len(PLACE_TEMPLATES))[: n // 2]
    described = random.permutation(len(ATTRIBUTE_TEMPLATES))[: n - n // 2]
    templates = [PLACE_TEMPLATES[i] for i in alone] + [ATTRIBUTE_TEMPLATES[i] for i in described]
    return [render(templates[i], choices, random) for i in random.permutation(len(templates))]


def unseen(place: str, *, bright: bool, large: bool, random: np.random.Generator) -> str:
    """Draw one wording of a template that is held out of training.

    Args:
        place: one of `PLACES`.
        bright: whether the lesion is brighter than what is around it.
        large: whether it is a large one.
        random: the stream that is drawn from.

    Returns:
        A sentence.
    """
    template = UNSEEN_TEMPLATES[int(random.integers(len(UNSEEN_TEMPLATES)))]
    return render(template, synonyms(place, bright=bright, large=large), random)
