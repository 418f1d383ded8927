"""The paper's UNet (Ronneberger 2015
with same padding and batch normalisation; arXiv 2510.12482).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from saywhere.networks.stack_check import check_stack
from saywhere.types import FeatureEdit, Stages, unedited


class UNet(nn.Module):
    """Four levels down, four up, skips between them; 31,037,633 parameters at width 64 and 3
    channels.

    `depth` is the share of the four levels that is kept (0.5: two levels). Any side of at least
    2**(levels + 1) px is accepted.
    """

    multiple = 1

    def __init__(self, in_channels: int = 3, width: int = 64, depth: float = 1.0) -> None:
        super().__init__()
        n_levels = max(1, round(4 * depth))
        widths = [width * 2**level for level in range(n_levels + 1)]
        self.in_channels = in_channels
        # 2 × 2 pixels at the bottom: batch norm cannot train on a single value.
        self.smallest = 2 ** (n_levels + 1)
        self.first = double_convolution(in_channels, width)
        self.down = nn.ModuleList(
            nn.Sequential(nn.MaxPool2d(2), double_convolution(above, below))
            for above, below in pairwise(widths)
        )
        self.up = nn.ModuleList(
            # A list, since `reversed` takes no iterator.
            Up(below, above)
            for above, below in reversed(list(pairwise(widths)))
        )
        self.head = nn.Conv2d(width, 1, kernel_size=1)

    def forward(self, stack: Tensor, edit: FeatureEdit = unedited) -> Tensor:
        """Segment a stack.

        Args:
            stack: (batch, in_channels, height, width).
            edit: called at each of `stages()`; what it returns goes on in the map's place.

        Returns:
            logits (batch, 1, height, width).
        """
        check_stack(stack, "unet", self.in_channels, self.smallest)
        features = [self.first(stack)]
        for level, down in enumerate(self.down):
            features.append(edit(f"down.{level}", down(features[-1])))
        feature = features.pop()
        for level, up in enumerate(self.up):
            feature = edit(f"up.{level}", up(feature, features.pop()))
        return self.head(feature)

    def stages(self) -> Stages:
        """Names of the maps that `forward` hands to its `edit`."""
        return Stages(f"down.{len(self.down) - 1}", tuple(f"up.{i}" for i in range(len(self.up))))

    def pretrained_parameters(self) -> list[nn.Parameter]:
        """None: this network starts from random weights."""
        return []


class Up(nn.Module):
    """Double the size, halve the channels, join the skip."""

    def __init__(self, below: int, above: int) -> None:
        super().__init__()
        self.enlarge = nn.ConvTranspose2d(below, above, kernel_size=2, stride=2)
        self.join = double_convolution(2 * above, above)

    def forward(self, feature: Tensor, skip: Tensor) -> Tensor:
        """feature (batch, below, h, w), skip (batch, above, 2h or 2h + 1, 2w or 2w + 1) → (batch,
        above, as skip).
        """
        return self.join(torch.cat([skip, pad_to(self.enlarge(feature), skip)], dim=1))


def pad_to(feature: Tensor, skip: Tensor) -> Tensor:
    """Zeros around a feature until it has the skip's size: an odd side lost its last row when it
    was halved.
    """
    rows, columns = skip.shape[-2] - feature.shape[-2], skip.shape[-1] - feature.shape[-1]
    if rows == 0 and columns == 0:
        return feature
    return functional.pad(
        feature, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
    )


# No bias by default: the batch norm would take any constant away.
def double_convolution(n_in: int, n_out: int, bias: bool = False) -> nn.Sequential:
    """Twice: 3×3 convolution, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel_size=3, padding=1, bias=bias),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
        nn.Conv2d(n_out, n_out, kernel_size=3, padding=1, bias=bias),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    )
