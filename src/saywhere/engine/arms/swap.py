"""The words are changed as the image is, word by word.

Flips exchange left and right, or upper and lower; a quarter turn cycles all four. A free rotation is said as the nearest quarter
turn, and a scale or a shift not at all: there are no words for them.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from saywhere.engine.arms.arm import Arm
from saywhere.fusion.augment import Geometry
from saywhere.text.prompts import turn


class Swap(Arm):
    """Exchange the position words."""

    changes_words = True

    def sentences(self, prompt: str) -> list[str]:
        every = [turn(prompt, mirrored, flipped, quarters) for mirrored in (False, True) for flipped in (False, True) for quarters in range(4)]
        return list(dict.fromkeys(every))

    def say(self, prompts: Sequence[str], geometry: Geometry, mask: Tensor) -> list[str]:
        quarters = (geometry.degrees / 90).round().astype(int) % 4
        flips = zip(geometry.horizontal_flip > 0, geometry.vertical_flip > 0)
        return [turn(prompt, bool(h), bool(v), int(q)) for prompt, (h, v), q in zip(prompts, flips, quarters)]
