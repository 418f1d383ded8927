"""Early fusion: from a sentence vector to a pseudo-image, and the stack with the image.

For your own training loop: `EarlyFusion` stacks image and pseudo-image, `Augmentation` draws the
geometry that transforms stack and mask together.
"""

from __future__ import annotations

from importlib import import_module

# Imported on first use: these rooms import this one, and the circle would not load.
_ELSEWHERE = {
    "Augmentation": "saywhere.transforms.augmentation",
    "EarlyFusion": "saywhere.modeling.early_fusion",
    "Fused": "saywhere.modeling.early_fusion",
    "Geometry": "saywhere.transforms.geometry",
}
__all__ = ["Augmentation", "EarlyFusion", "Fused", "Geometry"]


def __getattr__(name: str) -> object:
    """The public names, which live in rooms that import this one."""
    if name not in _ELSEWHERE:
        raise AttributeError(f"module 'saywhere.fusion' has no attribute {name!r}")
    return getattr(import_module(_ELSEWHERE[name]), name)
