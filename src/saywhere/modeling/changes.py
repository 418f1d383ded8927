"""What changes a batch on its way through a model."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from saywhere.transforms.cutmix import Mixing
from saywhere.transforms.geometry import Geometry


class Changes(NamedTuple):
    """What a training step does to a batch inside of a model; each None: nothing.

    A named tuple, because Fabric walks through what a model is given and copies dataclasses.
    """

    geometry: Geometry | None = None
    """transforms the stack, and the mask with it"""
    noise: Tensor | None = None
    """(batch, scaled), added to the scaled embedding"""
    mixing: Mixing | None = None
    """CutMix and photometric changes"""


# Safe as a default argument: a named tuple cannot be changed.
UNCHANGED = Changes()
"""Prediction and evaluation: image and prompt as they are."""
