"""Words that name one half of a picture: "infection, left lung" means what lies there, and nothing where nothing lies.

A set whose sentences always name everything never says that a part can be meant; a person does. No sentence of the set is needed for it.
"""

from __future__ import annotations

from functools import cache

from torch import Tensor

SIDES = ("left", "right")
"""Of the image, as everywhere (frame `image`)."""

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


@cache  # asked for at every sample
def wordings(target: str, side: str, part: str, also: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Sentences that name the `target` of one side; `part` is what lies there: half, lung, kidney. `also`: other nouns for the target."""
    return tuple(
        dict.fromkeys(
            template.format(n=noun, h=side, p=part)
            for noun in (target, *also)
            for template in _TEMPLATES
        )
    )


def cut(mask: Tensor, side: str) -> Tensor:
    """mask ([channel,] height, width) → a copy with the other half empty; of an odd width the middle column counts as right."""
    middle = mask.shape[-1] // 2
    kept = mask.clone()
    (kept[..., middle:] if side == "left" else kept[..., :middle]).zero_()
    return kept
