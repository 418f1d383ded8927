"""Any `torch.nn.Module` as a network, and MONAI's 2-D networks by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

from torch import Tensor, nn

from saywhere.errors import MissingExtra, UsageError, nearest
from saywhere.networks.accept import check_stack


class Adapter(nn.Module):
    """Hold a module to the contract of a network: a stack goes in, one logit a pixel comes out.

    What the module itself says (`multiple`, `smallest`, `image_mean`, `image_std`, `pretrained_parameters`) is passed on.
    A list of outputs (deep supervision, shallowest decoder first) is answered with its last.
    """

    def __init__(self, module: nn.Module, in_channels: int, multiple: int | None = None, smallest: int | None = None) -> None:
        """`multiple` and `smallest` (px) are the sides that the module takes; without them, what it says itself, else 1."""
        super().__init__()
        self.module, self.in_channels = module, in_channels
        self.multiple = multiple or int(getattr(module, "multiple", 1))
        self.smallest = smallest or int(getattr(module, "smallest", self.multiple))
        for name in ("image_mean", "image_std"):
            if hasattr(module, name):
                setattr(self, name, getattr(module, name))

    def forward(self, stack: Tensor) -> Tensor:
        """(batch, in_channels, height, width) → logits (batch, 1, height, width). Raises UsageError for an output of another shape."""
        name = type(self.module).__name__
        check_stack(stack, name, self.in_channels, self.smallest, self.multiple)
        logits = self.module(stack)
        logits = logits[-1] if isinstance(logits, list) and logits else logits
        wanted = (stack.shape[0], 1, *stack.shape[2:])
        if not isinstance(logits, Tensor) or logits.shape != wanted:
            found = f"an output of shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else f"an output of type {type(logits).__name__}"
            rule = f"it must be one logit a pixel, {wanted}"
            raise UsageError(found, where=name, allowed=rule, remedy="build the module with one output channel and no sigmoid")
        return logits

    def pretrained_parameters(self) -> list[nn.Parameter]:
        """The module's own, if it names them."""
        named = getattr(self.module, "pretrained_parameters", None)
        return list(named()) if callable(named) else []


def monai_network(name: str, in_channels: int, width: int = 64) -> Adapter:
    """`SegResNet`, `AttentionUnet`, … of monai.networks.nets, with one output channel. Raises UsageError, MissingExtra."""
    from monai.networks import nets  # 2 seconds: only where it is asked for

    known = [key for key, value in vars(nets).items() if isinstance(value, type) and issubclass(value, nn.Module)]
    if name not in known:
        raise UsageError(f"MONAI has no network {name!r}", remedy=nearest(name, known))
    if name in NEED_EINOPS and find_spec("einops") is None:  # MONAI would say so only in the first step
        raise MissingExtra(f"MONAI's {name} needs einops, which is not installed", remedy="pip install einops")
    settings = MONAI[name](width) if name in MONAI else Settings({})
    try:
        module = getattr(nets, name)(spatial_dims=2, in_channels=in_channels, out_channels=1, **settings.options)
    except (TypeError, ValueError, AssertionError, ImportError) as error:
        remedy = "build it in Python and wrap it: saywhere.networks.adapter.Adapter(module, in_channels)"
        raise UsageError(f"MONAI's {name} cannot be built from a name ({error})", remedy=remedy) from None
    return Adapter(module, in_channels, settings.multiple, settings.smallest)


class Settings(NamedTuple):
    """What MONAI's class needs beside the channels, and the sides in px that it takes."""

    options: dict[str, Any]
    multiple: int = 1
    smallest: int = 1


def _levels(key: str, **more: Any) -> Callable[[int], Settings]:
    """Five levels of w … 16w channels, as the argument `key`."""
    return lambda width: Settings({key: [width * 2**level for level in range(5)], **more}, multiple=16, smallest=32)


def _basic(width: int) -> Settings:
    return Settings({"features": (width, width, 2 * width, 4 * width, 8 * width, width)}, smallest=32)  # MONAI's own proportions


NEED_EINOPS = ("SwinUNETR",)
MONAI: dict[str, Callable[[int], Settings]] = {
    "UNet": _levels("channels", strides=(2, 2, 2, 2), num_res_units=2),
    "AttentionUnet": _levels("channels", strides=(2, 2, 2, 2)),
    "DynUNet": _levels("filters", kernel_size=[3] * 5, strides=[1, 2, 2, 2, 2], upsample_kernel_size=[2] * 4),
    "BasicUNet": _basic,
    "BasicUNetPlusPlus": _basic,
    "SegResNet": lambda width: Settings({"init_filters": 8 * max(1, round(width / 8))}, multiple=8, smallest=16),  # group norm of 8 groups
    "FlexibleUNet": lambda width: Settings({"backbone": "efficientnet-b0", "pretrained": False}, multiple=32, smallest=64),  # True would download
    "SwinUNETR": lambda width: Settings({"feature_size": 12 * max(1, round(width / 12))}, multiple=32, smallest=64),  # heads and gates: multiples of 12
}
"""Name → width → settings. Any other network of MONAI is tried with its own defaults."""
