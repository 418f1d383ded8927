"""The words are changed as the image is, word by word.

Flips exchange left and right, or upper and lower; a quarter turn cycles all four. A free rotation
is said as the nearest quarter
turn, and a scale or a shift not at all: there are no words for them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from torch import Tensor

from saywhere.config import Config
from saywhere.data.manifest import Row
from saywhere.prompt_policies.policy import PromptPolicy
from saywhere.text.directions import turn
from saywhere.transforms.geometry import Geometry

log = logging.getLogger("saywhere")


class Swap(PromptPolicy):
    """Exchange the position words."""

    changes_prompts = True

    @classmethod
    def open(cls, config: Config, rows: Sequence[Row]) -> Swap:
        """The log says what the configured geometry does that these words cannot."""
        if unsaid := _unsaid(config):
            log.warning(
                "fusion.arm = 'swap' has words for flips and quarter turns only: %s",
                ", ".join(unsaid),
            )
        return cls()

    def sentences(self, prompt: str) -> list[str]:
        every = [
            turn(prompt, mirrored, flipped, quarters)
            for mirrored in (False, True)
            for flipped in (False, True)
            for quarters in range(4)
        ]
        return list(dict.fromkeys(every))

    def prompts_after(self, prompts: Sequence[str], geometry: Geometry, mask: Tensor) -> list[str]:
        quarters = (geometry.degrees / 90).round().astype(int) % 4
        flips = zip(geometry.horizontal_flip > 0, geometry.vertical_flip > 0)
        return [
            turn(prompt, bool(h), bool(v), int(q))
            for prompt, (h, v), q in zip(prompts, flips, quarters)
        ]


def _unsaid(config: Config) -> list[str]:
    """Of the geometry that is drawn: what becomes of it in words."""
    augment = config.augment
    if augment.name == "none" or not augment.affine:
        return []
    turned = (
        [f"a rotation (augment.degrees = {augment.degrees:g}) is said as the nearest quarter turn"]
        if augment.degrees
        else []
    )
    moved = [
        name
        for name, is_on in (
            ("scale", augment.scale != (1, 1)),
            ("translate", augment.translate > 0),
        )
        if is_on
    ]
    return turned + (
        [f"augment.{' and augment.'.join(moved)} {'are' if len(moved) > 1 else 'is'} not said"]
        if moved
        else []
    )
