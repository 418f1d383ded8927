"""The networks by name."""

from __future__ import annotations

from typing import Any

from torch import nn

from saywhere.errors import UsageError, nearest
from saywhere.networks.adapter import monai_network
from saywhere.networks.lite import Lite
from saywhere.networks.missformer import MissFormer
from saywhere.networks.transunet import TransUNet
from saywhere.networks.unet import UNet
from saywhere.networks.unetpp import UNetPlusPlus

NETWORKS: dict[str, type[nn.Module]] = {
    "unet": UNet,
    "unetpp": UNetPlusPlus,
    "transunet": TransUNet,
    "missformer": MissFormer,
    "lite": Lite,
}


def build(name: str, *, in_channels: int, width: int = 64, pretrained: bool = True, first_filters: str = "scale", depth: float = 1.0) -> nn.Module:
    """A network that takes (batch, in_channels, height, width) and returns logits (batch, 1, height, width).

    `name` is a key of NETWORKS or `monai:NAME`. `width` 64 and `depth` 1.0 are the published size. Raises UsageError, MissingExtra, BadCheckpoint.
    """
    if in_channels < 1 or width < 1:
        raise UsageError(f"a network with in_channels {in_channels} and width {width}", allowed="both are at least 1")
    if name.startswith("monai:"):
        return monai_network(name.removeprefix("monai:"), in_channels, width)
    if name not in NETWORKS:
        raise UsageError(f"no network is called {name!r}", remedy=nearest(name, [*NETWORKS, "monai:SegResNet"]))
    options: dict[str, Any] = {"pretrained": pretrained, "first_filters": first_filters} if name == "lite" else {"depth": depth}
    return NETWORKS[name](in_channels=in_channels, width=width, **options)
