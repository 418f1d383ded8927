"""(value − mean) / std a channel, each half of the stack by its own numbers, after the augmentation
(as the public code).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from saywhere.types import Stack


class Normalize(nn.Module):
    """Subtract a mean and divide by a standard deviation, per channel; nothing learns.

    Corners that the geometry left empty are 0 before, and (0 − mean) / std after.

    Args:
        mean: one per channel of the stack.
        std: one per channel of the stack.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        # Not persistent: the configuration holds the numbers, and a checkpoint need not.
        self.register_buffer("mean", torch.tensor(mean).reshape(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).reshape(1, -1, 1, 1), persistent=False)

    def forward(self, stack: Stack) -> Stack:
        """(batch, channel, height, width), [0, 1] → the same shape, normalised."""
        return (stack - self.mean) / self.std
