"""No geometric augmentation: words and image fit because nothing moves."""

from __future__ import annotations

from saywhere.prompt_policies.policy import PromptPolicy
from saywhere.transforms.geometry import Geometry


class Still(PromptPolicy):
    """Whatever was drawn, image and mask stay."""

    def geometry(self, drawn: Geometry) -> Geometry:
        return Geometry.still(len(drawn.degrees))
