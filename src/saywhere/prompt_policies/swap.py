"""Position words are exchanged as the image is transformed.

Flips exchange left and right, or upper and lower; a quarter turn cycles all four. A free rotation
counts as the nearest quarter turn. Scale and shift change nothing: there are no words for them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from torch import Tensor

from saywhere.config import AugmentConfig
from saywhere.data.manifest_row import Row
from saywhere.prompt_policies.policy import PromptPolicy
from saywhere.text.directions import turn
from saywhere.transforms.geometry import Geometry

log = logging.getLogger("saywhere")


class Swap(PromptPolicy):
    """Exchange the position words of a prompt."""

    changes_prompts = True

    @classmethod
    def open(cls, augment: AugmentConfig, levels: Sequence[str], rows: Sequence[Row]) -> Swap:
        """Make the policy; the log warns of transforms that have no words.

        Args:
            augment: How images will be transformed.
            levels: Not used: position words are exchanged in prompts of any level.
            rows: Not used.

        Returns:
            The policy.
        """
        unsaid = _unsaid(augment)
        if unsaid:
            log.warning(
                "fusion.arm = 'swap' has words for flips and quarter turns only: %s",
                ", ".join(unsaid),
            )
        return cls()

    def sentences(self, prompt: str) -> list[str]:
        """The prompt after every flip and quarter turn. See `PromptPolicy`."""
        every = [
            turn(prompt, mirrored, flipped, quarters)
            for mirrored in (False, True)
            for flipped in (False, True)
            for quarters in range(4)
        ]
        # Many of the sixteen are equal: flipped both ways is turned by half.
        return list(dict.fromkeys(every))

    def prompts_after(self, prompts: Sequence[str], geometry: Geometry, mask: Tensor) -> list[str]:
        """The prompts with position words exchanged. See `PromptPolicy`."""
        # % 4: a quarter turn clockwise is three the other way.
        quarters = (geometry.degrees / 90).round().astype(int) % 4
        flips = zip(geometry.horizontal_flip > 0, geometry.vertical_flip > 0)
        return [
            turn(prompt, bool(h), bool(v), int(q))
            for prompt, (h, v), q in zip(prompts, flips, quarters)
        ]


def _unsaid(augment: AugmentConfig) -> list[str]:
    """Transforms of the augmentation that position words cannot follow, in sentences."""
    # Flips have words, and everything else belongs to the affine part.
    if augment.name == "none" or not augment.affine:
        return []
    unsaid = []
    if augment.degrees:
        unsaid.append(
            f"a rotation (augment.degrees = {augment.degrees:g}) "
            "is said as the nearest quarter turn"
        )
    switches = {"scale": augment.scale != (1, 1), "translate": augment.translate > 0}
    moved = [f"augment.{name}" for name, is_on in switches.items() if is_on]
    if moved:
        unsaid.append(f"{' and '.join(moved)} {'are' if len(moved) > 1 else 'is'} not said")
    return unsaid
