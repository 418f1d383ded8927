"""Any `torch.nn.Module` as a network, and MONAI's 2-D networks by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from saywhere.errors import MissingExtra, UsageError, nearest
from saywhere.networks.stack_check import check_stack


class Adapter(nn.Module):
    """Hold a module to the contract of a network: a stack goes in, one logit a pixel comes out.

    What the module itself says (`multiple`, `smallest`, `image_mean`, `image_std`,
    `pretrained_parameters`) is passed on.
    A list of outputs (deep supervision, shallowest decoder first) is answered with its last.
    """

    def __init__(
        self,
        module: nn.Module,
        in_channels: int,
        multiple: int | None = None,
        smallest: int | None = None,
        largest: int | None = None,
    ) -> None:
        """`multiple`, `smallest` and `largest` (px) are the sides that the module takes; without
        the first two, what it says itself, else 1.
        """
        super().__init__()
        self.module, self.in_channels = module, in_channels
        self.multiple = multiple or int(getattr(module, "multiple", 1))
        self.smallest = smallest or int(getattr(module, "smallest", self.multiple))
        self.largest = largest
        for name in ("image_mean", "image_std"):
            if hasattr(module, name):
                setattr(self, name, getattr(module, name))

    def forward(self, stack: Tensor) -> Tensor:
        """(batch, in_channels, height, width) → logits (batch, 1, height, width).

        Raises:
            UsageError: it does not take the stack, or the module's output has another shape.
        """
        name = type(self.module).__name__
        check_stack(stack, name, self.in_channels, self.smallest, self.multiple, self.largest)
        logits = self.module(stack)
        logits = logits[-1] if isinstance(logits, list) and logits else logits
        wanted = (stack.shape[0], 1, *stack.shape[2:])
        if not isinstance(logits, Tensor) or logits.shape != wanted:
            # A tuple or a dictionary has no shape to name.
            kind = f"type {type(logits).__name__}"
            if isinstance(logits, Tensor):
                kind = f"shape {tuple(logits.shape)}"
            rule = f"it must be one logit a pixel, {wanted}"
            raise UsageError(
                f"an output of {kind}",
                where=name,
                allowed=rule,
                remedy="build the module with one output channel and no sigmoid",
            )
        return logits

    def pretrained_parameters(self) -> list[nn.Parameter]:
        """The module's own, if it names them."""
        named = getattr(self.module, "pretrained_parameters", None)
        return list(named()) if callable(named) else []


def monai_network(name: str, in_channels: int, width: int = 64, size: int | None = None) -> Adapter:
    """`SegResNet`, `AttentionUnet`, … of monai.networks.nets, with one output channel.

    Args:
        name: of the class.
        in_channels: of the stack.
        width: channels of the first level, where the network's settings are known (`MONAI`).
        size: side of its pictures, px. Networks that are made for one size need it, and one whose
            settings are not known is tried at it.

    Raises:
        UsageError: MONAI has no such network, or it gives no logit a pixel.
        MissingExtra: it needs a package that is not installed.
    """
    from monai.networks import nets  # 2 seconds: only where it is asked for

    known = [
        key
        for key, value in vars(nets).items()
        if isinstance(value, type) and issubclass(value, nn.Module)
    ]
    if name not in known:
        raise UsageError(f"MONAI has no network {name!r}", remedy=nearest(name, known))
    # MONAI would say so only in the first step.
    if name in NEED_EINOPS and find_spec("einops") is None:
        raise MissingExtra(
            f"MONAI's {name} needs einops, which is not installed",
            remedy="pip install 'saywhere[monai]'",
        )
    make = getattr(nets, name)
    settings = MONAI[name](width) if name in MONAI else Settings({})
    options = settings.options | _size_option(name, make, size)
    try:
        with _NumbersStayNumbers():
            module = make(spatial_dims=2, in_channels=in_channels, out_channels=1, **options)
    # What MONAI's constructors raise where a setting is missing or wrong.
    except (TypeError, ValueError, AssertionError, ImportError) as error:
        raise UsageError(
            f"MONAI's {name} cannot be built from a name ({_first_line(error)})", remedy=WRAP
        ) from None
    if name in ONE_SIZE:
        return Adapter(module, in_channels, ONE_SIZE[name], size, size)
    network = Adapter(module, in_channels, settings.multiple, settings.smallest)
    if name not in MONAI and size is not None:
        _try(name, network, size)
    return network


def _size_option(name: str, make: type[nn.Module], size: int | None) -> dict[str, Any]:
    """`img_size` for a class that cannot do without it.

    Raises UsageError where it is not known, or does not fit.
    """
    wanted = inspect.signature(make).parameters.get("img_size")
    # A class with a default can do without a size.
    if wanted is None or wanted.default is not inspect.Parameter.empty:
        return {}
    if size is None:
        raise UsageError(
            f"MONAI's {name} is made for pictures of one size, and no size is given",
            remedy="give build() or monai_network() a size in px",
        )
    if name in ONE_SIZE and size % ONE_SIZE[name]:
        multiple = ONE_SIZE[name]
        raise UsageError(
            f"MONAI's {name} for {size} px",
            allowed=f"the size must be a multiple of {multiple}",
            remedy=f"try data.size={max(1, round(size / multiple)) * multiple}",
        )
    return {"img_size": (size, size)}


@torch.no_grad()
def _try(name: str, network: Adapter, size: int) -> None:
    """One empty picture through a network that nobody has tried, before a training is made ready
    for it. Raises UsageError.
    """
    network.eval()
    try:
        # The caller's random numbers go on as if nothing had been tried.
        with torch.random.fork_rng(devices=[]):
            network(torch.zeros(1, network.in_channels, size, size))
    except Exception as error:  # whatever modules raise that are no segmentation networks
        if isinstance(error, NotImplementedError) and any(
            parameter.is_meta for parameter in network.parameters()
        ):
            return  # shapes alone cannot be tried with it; the network with its numbers can
        message = (
            f"MONAI's {name} gives no logit a pixel "
            f"of a picture of {size}×{size} px ({_first_line(error)})"
        )
        raise UsageError(message, remedy=f"try another data.size, or {WRAP}") from None
    finally:
        network.train()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]


class _NumbersStayNumbers(TorchFunctionMode):
    """Some constructors read numbers off `torch.linspace` (SwinUNETR), which the meta device has
    not.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}) | ({"device": "cpu"} if func is torch.linspace else {}))


class Settings(NamedTuple):
    """What MONAI's class needs beside the channels, and the sides in px that it takes."""

    options: dict[str, Any]
    multiple: int = 1
    smallest: int = 1


def _levels(key: str, **more: Any) -> Callable[[int], Settings]:
    """Five levels of w … 16w channels, as the argument `key`."""
    return lambda width: Settings(
        # Four halvings; instance norm needs more than the one pixel that 16 px would leave.
        {key: [width * 2**level for level in range(5)], **more},
        multiple=16,
        smallest=32,
    )


def _basic(width: int) -> Settings:
    # MONAI's own proportions.
    return Settings(
        {"features": (width, width, 2 * width, 4 * width, 8 * width, width)}, smallest=32
    )


def _unetr(width: int) -> Settings:
    # Width 64 gives MONAI's own numbers.
    return Settings(
        {
            "feature_size": max(1, width // 4),
            "hidden_size": 12 * width,
            "mlp_dim": 48 * width,
            "num_heads": 12,
        }
    )


NEED_EINOPS = ("SwinUNETR", "UNETR")
# The patches of UNETR are 16 px wide, and its position embedding fixes their number.
ONE_SIZE = {"UNETR": 16}
"""Name → what the one size must be a multiple of."""
WRAP = "build it in Python and wrap it: saywhere.networks.adapter.Adapter(module, in_channels)"
MONAI: dict[str, Callable[[int], Settings]] = {
    "UNet": _levels("channels", strides=(2, 2, 2, 2), num_res_units=2),
    "AttentionUnet": _levels("channels", strides=(2, 2, 2, 2)),
    "DynUNet": _levels(
        "filters", kernel_size=[3] * 5, strides=[1, 2, 2, 2, 2], upsample_kernel_size=[2] * 4
    ),
    "BasicUNet": _basic,
    "BasicUNetPlusPlus": _basic,
    # Its group norm has 8 groups.
    "SegResNet": lambda width: Settings(
        {"init_filters": 8 * max(1, round(width / 8))}, multiple=8, smallest=16
    ),
    # `pretrained` would download its weights.
    "FlexibleUNet": lambda width: Settings(
        {"backbone": "efficientnet-b0", "pretrained": False}, multiple=32, smallest=64
    ),
    # Its heads and gates need multiples of 12.
    "SwinUNETR": lambda width: Settings(
        {"feature_size": 12 * max(1, round(width / 12))}, multiple=32, smallest=64
    ),
    "UNETR": _unetr,
}
"""Name → width → settings. Any other network of MONAI is tried with its own defaults."""
