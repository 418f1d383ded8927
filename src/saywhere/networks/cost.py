"""What a network costs: parameters and arithmetic, counted on torch's meta device (shapes without
memory).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from saywhere.networks.registry import build


class Cost(NamedTuple):
    """`gflop`: 10⁹ operations of one forward pass of one image, two a multiply-add; convolutions
    and matrix products only.
    """

    parameters: int
    gflop: float
    multiple: int
    smallest_px: int


def cost(
    name: str, in_channels: int, width: int = 64, size_px: int = 224, depth: float = 1.0
) -> Cost:
    """Count a network's parameters and operations.

    Args:
        name: a key of `registry.NETWORKS`, or monai:NAME.
        in_channels: of the stack.
        width: channels of the first level; 64 is the published size.
        size_px: side of the image.
        depth: share of the published levels or blocks.

    Raises:
        UsageError: there is no such network, or it does not take these sizes.
    """
    # Not pretrained: shapes are enough, and a file's weights have no place on the meta device.
    with torch.device("meta"), torch.no_grad():
        network = build(
            name, in_channels=in_channels, width=width, depth=depth, size=size_px, pretrained=False
        ).eval()
        # An empty stack will do: the count depends on shapes alone.
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, in_channels, size_px, size_px))
    n_parameters = sum(parameter.numel() for parameter in network.parameters())
    return Cost(
        n_parameters,
        counter.get_total_flops() / 1e9,
        multiple=int(getattr(network, "multiple", 1)),
        smallest_px=int(getattr(network, "smallest", 1)),
    )
