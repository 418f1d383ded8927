"""No geometric augmentation: prompt and image fit because nothing moves."""

from __future__ import annotations

from saywhere.prompt_policies.policy import PromptPolicy
from saywhere.transforms.geometry import Geometry


class Still(PromptPolicy):
    """Image and mask stay, whatever was drawn."""

    def geometry(self, drawn: Geometry) -> Geometry:
        """No transform at all. See `PromptPolicy`."""
        # Not `len(drawn)`, which is the number of a geometry's fields.
        return Geometry.still(len(drawn.degrees))
