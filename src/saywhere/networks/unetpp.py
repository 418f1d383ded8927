"""UNet++ (Zhou 2018), as the paper's public code has it: twice the widths, bilinear enlargement, no
deep supervision.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from saywhere.networks.stack_check import check_stack
from saywhere.networks.unet import double_convolution
from saywhere.types import FeatureEdit, Stages, unedited


class UNetPlusPlus(nn.Module):
    """Nested skips: node (row, column) joins all nodes left of it and the one below; 36,629,633
    parameters at width 64 and 3 channels.

    `depth` is the share of the four levels that is kept. Any side of at least 2**(levels + 1) px is
    accepted.
    """

    multiple = 1

    def __init__(self, in_channels: int = 3, width: int = 64, depth: float = 1.0) -> None:
        super().__init__()
        self.n_levels = max(1, round(4 * depth))
        self.in_channels = in_channels
        # 2 × 2 pixels at the bottom: batch norm cannot train on a single value.
        self.smallest = 2 ** (self.n_levels + 1)
        widths = [width * 2**row for row in range(self.n_levels + 1)]
        self.nodes = nn.ModuleDict()
        for column in range(self.n_levels + 1):
            for row in range(self.n_levels + 1 - column):
                n_left = (
                    [in_channels, *widths][row]
                    if column == 0
                    else column * widths[row] + widths[row + 1]
                )
                # With a bias, as the public code has it: its number of parameters is held to.
                self.nodes[f"{row}_{column}"] = double_convolution(n_left, widths[row], bias=True)
        self.shrink = nn.MaxPool2d(2)
        self.head = nn.Conv2d(width, 1, kernel_size=1)

    def forward(self, stack: Tensor, edit: FeatureEdit = unedited) -> Tensor:
        """Segment a stack.

        Args:
            stack: (batch, in_channels, height, width).
            edit: called at each of `stages()`; what it returns goes on in the map's place.

        Returns:
            logits (batch, 1, height, width).
        """
        check_stack(stack, "unetpp", self.in_channels, self.smallest)
        rows = [[self.nodes["0_0"](stack)]]  # rows[row][column], finest first
        for row in range(1, self.n_levels + 1):
            node = self.nodes[f"{row}_0"](self.shrink(rows[-1][0]))
            rows.append([edit(f"nodes.{row}_0", node)])
        for column in range(1, self.n_levels + 1):
            for row in range(self.n_levels + 1 - column):
                below = _enlarge(rows[row + 1][column - 1], rows[row][0])
                node = self.nodes[f"{row}_{column}"](torch.cat([*rows[row], below], dim=1))
                rows[row].append(edit(f"nodes.{row}_{column}", node))
        return self.head(rows[0][-1])

    def stages(self) -> Stages:
        """Names of the maps that `forward` hands to its `edit`."""
        # The outermost diagonal, which is a plain UNet's decoder.
        n = self.n_levels
        return Stages(
            f"nodes.{n}_0", tuple(f"nodes.{n - column}_{column}" for column in range(1, n + 1))
        )

    def pretrained_parameters(self) -> list[nn.Parameter]:
        """None: this network starts from random weights."""
        return []


def _enlarge(feature: Tensor, skip: Tensor) -> Tensor:
    return functional.interpolate(
        feature, size=skip.shape[-2:], mode="bilinear", align_corners=True
    )
