"""Sentences that name one half of an image: "infection, left lung" means only what lies there.

They mean nothing where nothing lies. A set whose sentences always name everything never shows that
a part can be meant; a person does mean parts. No sentence of the set is needed for it.
"""

from __future__ import annotations

from functools import cache

from torch import Tensor

SIDES = ("left", "right")
"""Of the image, as everywhere (frame `image`)."""

# Many forms: the more wordings are trained, the better a new one is understood.
_TEMPLATES = (
    "{n}, {h} {p}",
    "{n}, {h} {p} only",
    "{n} in the {h} {p}",
    "{n} of the {h} {p}",
    "the {n} in the {h} {p}",
    "only the {n} in the {h} {p}",
    "{h} {p}",
    "the {h} {p}",
    "{h} {p}: {n}",
    "{h} {p} {n}",
    "{h}-sided {n}",
    "{h} sided {n}",
    "unilateral {n}, {h} {p}",
    "unilateral {n}, {h} {p}.",
    "unilateral {n} of the {h} {p}",
    "segment the {n} in the {h} {p}",
    "find the {n}, {h} {p}",
    "outline what is seen in the {h} {p}",
    "mark the {h} {p}'s {n}",
    "{n} on the {h}",
    "{n} on the {h} side",
    "the {n} on the {h} of the image",
    "{h} side",
    "on the {h}",
    "all {n} on the {h} side of the image",
    "{n}, {h} half of the image",
)


# Called for every sample of a half.
@cache
def wordings(target: str, side: str, part: str, also: tuple[str, ...] = ()) -> tuple[str, ...]:
    """List the sentences that name the target of one side.

    Args:
        target: what the masks show, as a noun.
        side: left or right, of the image.
        part: what lies there: half, lung, kidney.
        also: other nouns for the target.

    Returns:
        Distinct sentences, in a fixed order.
    """
    sentences = [
        template.format(n=noun, h=side, p=part)
        for noun in (target, *also)
        for template in _TEMPLATES
    ]
    # Templates without a noun give the same sentence for each noun.
    return tuple(dict.fromkeys(sentences))


def cut(mask: Tensor, side: str) -> Tensor:
    """Empty the other half of a mask.

    Args:
        mask: ([channel,] height, width).
        side: the half that stays, left or right; of an odd width the middle column is right.

    Returns:
        A copy.
    """
    middle = mask.shape[-1] // 2
    # The mask is a view of the decoded store, which other samples read too.
    half = mask.clone()
    (half[..., middle:] if side == "left" else half[..., :middle]).zero_()
    return half
