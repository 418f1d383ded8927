"""The networks by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from saywhere.errors import UsageError, nearest
from saywhere.networks.adapter import monai_network
from saywhere.networks.first_filters import DEFAULT, MODULES
from saywhere.networks.lite import Lite, Lite2
from saywhere.networks.missformer import MissFormer
from saywhere.networks.transunet import TransUNet
from saywhere.networks.unet import UNet
from saywhere.networks.unetpp import UNetPlusPlus
from saywhere.networks.vit_weights import load_vit

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "unet": UNet,
    "unetpp": UNetPlusPlus,
    "transunet": TransUNet,
    "missformer": MissFormer,
    "lite": Lite,
    "lite2": Lite2,
}
"""Each takes `in_channels` and `width`, and of `depth`, `pretrained`, `first_filters` and `size`
(of its pictures, px) those that its signature names.
"""
READERS: dict[str, Callable[..., None]] = {"transunet": load_vit}
"""Networks that can start from a file of published weights, and what reads it: (network, path,
first_filters).
"""
DEEPEST = 2.0
_WAS_DEFAULT = "scale"  # written into the configuration of every older run, whatever its network


def build(
    name: str,
    *,
    in_channels: int,
    width: int = 64,
    depth: float = 1.0,
    pretrained: bool = True,
    first_filters: str | None = None,
    weights: Path | None = None,
    size: int | None = None,
    restored: bool = False,
) -> nn.Module:
    """Build a network: (batch, in_channels, height, width) → logits (batch, 1, height, width).

    Args:
        name: a key of NETWORKS, or `monai:NAME`.
        in_channels: of the stack.
        width: channels of the first level; 64 is the published size.
        depth: share of the published levels or blocks; 1.0 is the published size.
        pretrained: does it start from the weights that come with it, where it has any?
        first_filters: how a pseudo-image's channels meet pretrained filters, see
            `first_filters.widen`; None for the network's own way.
        weights: a file for one of READERS.
        size: side of its pictures, px; some of MONAI's need it.
        restored: a checkpoint's weights follow, so no others are read, and what only chooses a
            start does not matter.

    Raises:
        UsageError: no such network, or an option that it does not take.
        MissingExtra: it needs a package that is not installed.
        MissingFile: `weights` is not there.
        BadCheckpoint: `weights` does not fit.
    """
    if in_channels < 1 or width < 1:
        raise UsageError(
            f"a network with in_channels {in_channels} and width {width}",
            allowed="both are at least 1",
        )
    if not restored:
        check(
            name, depth=depth, pretrained=pretrained, first_filters=first_filters, weights=weights
        )
    make = _maker(name)
    first_filters = first_filters or DEFAULT
    options: dict[str, Any] = {
        "depth": depth,
        # A checkpoint's weights follow: reading others first would be for nothing.
        "pretrained": pretrained and not restored,
        "first_filters": first_filters,
        "size": size,
    }
    network = make(
        in_channels=in_channels,
        width=width,
        **{key: value for key, value in options.items() if _takes(make, key)},
    )
    if weights is not None and not restored:
        READERS[name](network, weights, first_filters)
    return network


def check(
    name: str,
    *,
    depth: float = 1.0,
    pretrained: bool = True,
    first_filters: str | None = None,
    weights: Path | None = None,
) -> None:
    """Refuse what `build` would refuse, or the network would ignore, before anything is built.

    Args:
        name: as for `build`.
        depth: as for `build`.
        pretrained: as for `build`.
        first_filters: as for `build`.
        weights: as for `build`; the file is not looked at.

    Raises:
        UsageError: says which option, and which networks take it.
    """
    make = _maker(name)
    if not 0 < depth <= DEEPEST:
        raise UsageError(
            f"a network of depth {depth}",
            allowed=f"it is a share above 0 and up to {DEEPEST:g}; 1 is the published network",
        )
    if depth != 1 and not _takes(make, "depth"):
        others = ", ".join(other for other in NETWORKS if has_depth(other))
        raise UsageError(
            f"depth is {depth}, but {name} has no depth scale",
            allowed=f"these have one: {others}",
            remedy="leave network.depth at 1",
        )
    if weights is not None and name not in READERS:
        raise UsageError(
            f"network.weights is {str(weights)!r}, but {name} reads no such file",
            allowed=f"only {', '.join(READERS)} does",
            remedy="leave network.weights out",
        )
    if (
        # A module before or beside the stem changes the network with or without pretrained filters.
        first_filters not in (None, _WAS_DEFAULT)
        and weights is None
        and not (_takes(make, "first_filters") and (pretrained or first_filters in MODULES))
    ):
        raise UsageError(
            f"first_filters is {first_filters!r}, "
            f"but {name} starts without pretrained filters here",
            allowed="it would change nothing",
            remedy="leave network.first_filters out",
        )


def has_filters_to_meet(name: str, weights: object) -> bool:
    """May this network start from pretrained filters, so that `first_filters` says something?
    `weights`: its file of them, if any.
    """
    return weights is not None or (name in NETWORKS and _takes(NETWORKS[name], "first_filters"))


def has_depth(name: str) -> bool:
    """Does `depth` scale this network?

    Raises:
        UsageError: no network has this name.
    """
    return _takes(_maker(name), "depth")


def _maker(name: str) -> Callable[..., nn.Module]:
    if name.startswith("monai:"):
        # `_takes` reads the signature, which a partial keeps.
        return partial(monai_network, name.removeprefix("monai:"))
    if name not in NETWORKS:
        raise UsageError(
            # One of MONAI's, to show the form.
            f"no network is called {name!r}",
            remedy=nearest(name, [*NETWORKS, "monai:SegResNet"]),
        )
    return NETWORKS[name]


def _takes(make: Callable[..., nn.Module], option: str) -> bool:
    return option in inspect.signature(make).parameters
