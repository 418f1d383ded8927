"""Early fusion, for this package's model and for any other loop: `EarlyFusion` stacks words and image, `Augmentation` draws what turns stack and mask."""

from saywhere.fusion.augment import Augmentation, Geometry
from saywhere.fusion.early import EarlyFusion, Fused

__all__ = ["Augmentation", "EarlyFusion", "Fused", "Geometry"]
