"""No geometric augmentation: words and image fit because nothing moves."""

from __future__ import annotations

from saywhere.engine.arms.arm import Arm
from saywhere.fusion.augment import Geometry


class Still(Arm):
    """Whatever was drawn, image and mask stay."""

    def geometry(self, drawn: Geometry) -> Geometry:
        return Geometry.still(len(drawn.degrees))
