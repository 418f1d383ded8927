"""TransUNet (Chen 2021), R50 + ViT-B/16: a ResNet's last map as tokens of a vision transformer,
then a UNet decoder.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from saywhere.networks.stack_check import check_stack
from saywhere.types import FeatureEdit, Stages, unedited

# ViT-B/16's, whose published weights can be loaded.
HEADS = 12
GRID = 14
"""Tokens a side of the position embedding: 224 px / 16. Other sizes interpolate it."""


class TransUNet(nn.Module):
    """105,275,921 parameters at width 64 and 3 channels; sides are multiples of 16.

    `width` scales every layer (64: hidden size 768); `depth` scales the numbers of blocks (1.0: 3,
    4 and 9 residual units, 12 transformer blocks).
    """

    # A token is 16 px wide.
    multiple, smallest = 16, 32

    def __init__(self, in_channels: int = 3, width: int = 64, depth: float = 1.0) -> None:
        super().__init__()
        self.in_channels, self.width, self.depth = in_channels, width, depth
        self.has_pretrained = False
        self.encoder = ResNet(
            in_channels, width, tuple(max(1, round(units * depth)) for units in (3, 4, 9))
        )
        self.transformer = Transformer(16 * width, HEADS * width, max(1, round(12 * depth)))
        self.first = _convolution(HEADS * width, 8 * width)
        widths = (8 * width, 4 * width, 2 * width, width, max(1, width // 4))
        skips = (8 * width, 4 * width, width, 0)
        self.decoder = nn.ModuleList(
            Enlarge(n_in, n_skip, n_out) for n_in, n_skip, n_out in zip(widths, skips, widths[1:])
        )
        self.head = nn.Conv2d(widths[-1], 1, kernel_size=3, padding=1)

    def forward(self, stack: Tensor, edit: FeatureEdit = unedited) -> Tensor:
        """Segment a stack.

        Args:
            stack: (batch, in_channels, height, width).
            edit: called at each of `stages()`; what it returns goes on in the map's place.

        Returns:
            logits (batch, 1, height, width).
        """
        check_stack(stack, "transunet", self.in_channels, self.smallest, self.multiple)
        feature, skips = self.encoder(stack)
        feature = edit("first", self.first(self.transformer(feature)))
        # No map of the encoder has the full size, so that the last level has no skip.
        for level, (enlarge, skip) in enumerate(zip(self.decoder, [*reversed(skips), None])):
            feature = edit(f"decoder.{level}", enlarge(feature, skip))
        return self.head(feature)

    def stages(self) -> Stages:
        """Names of the maps that `forward` hands to its `edit`."""
        return Stages("first", tuple(f"decoder.{i}" for i in range(len(self.decoder))))

    def pretrained_parameters(self) -> list[nn.Parameter]:
        """None, until `vit_weights.load_vit` has loaded published ones: the public code trains this
        network from scratch too.
        """
        return (
            [*self.encoder.parameters(), *self.transformer.parameters()]
            if self.has_pretrained
            else []
        )


class ResNet(nn.Module):
    """Weight-standardised ResNet of three stages (Kolesnikov 2020): (batch, c, 16n, 16m) → (batch,
    16w, n, m) and skips at 1/2, 1/4, 1/8.
    """

    def __init__(self, in_channels: int, width: int, n_units: tuple[int, ...]) -> None:
        super().__init__()
        self.root = nn.Sequential(
            StandardisedConv2d(in_channels, width, 7, stride=2, padding=3, bias=False),
            _group_norm(width),
            nn.ReLU(inplace=True),
        )
        self.shrink = nn.MaxPool2d(3, stride=2)
        self.stages = nn.ModuleList()
        n_in = width
        for stage, units in enumerate(n_units):
            n_mid, n_out = width * 2**stage, 4 * width * 2**stage
            first = Bottleneck(n_in, n_mid, n_out, stride=1 if stage == 0 else 2)
            self.stages.append(
                nn.Sequential(first, *(Bottleneck(n_out, n_mid, n_out) for _ in range(units - 1)))
            )
            n_in = n_out

    def forward(self, stack: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The last map, and the skips, largest first."""
        root = self.root(stack)
        # One row and column short of a quarter, since the published pool has no padding.
        quarter = self.stages[0](self.shrink(root))
        eighth = self.stages[1](quarter)
        # Padded, so that the skip has the size of the decoder's map.
        return self.stages[2](eighth), [root, functional.pad(quarter, (0, 1, 0, 1)), eighth]


class Bottleneck(nn.Module):
    """1×1, 3×3, 1×1, each normalised; add the input, projected where its shape differs."""

    def __init__(self, n_in: int, n_mid: int, n_out: int, stride: int = 1) -> None:
        super().__init__()
        self.convolve = nn.Sequential(
            StandardisedConv2d(n_in, n_mid, 1, bias=False),
            _group_norm(n_mid),
            nn.ReLU(inplace=True),
            StandardisedConv2d(n_mid, n_mid, 3, stride=stride, padding=1, bias=False),
            _group_norm(n_mid),
            nn.ReLU(inplace=True),
            StandardisedConv2d(n_mid, n_out, 1, bias=False),
            _group_norm(n_out),
        )
        self.project: nn.Module = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.project = nn.Sequential(
                StandardisedConv2d(n_in, n_out, 1, stride=stride, bias=False),
                # A group per channel here alone: so the published network has it.
                nn.GroupNorm(n_out, n_out),
            )

    def forward(self, feature: Tensor) -> Tensor:
        """(batch, n_in, h, w) → (batch, n_out, ceil(h / stride), ceil(w / stride))."""
        return functional.relu(self.project(feature) + self.convolve(feature))


class StandardisedConv2d(nn.Conv2d):
    """Each filter is brought to mean 0 and variance 1 before it is used (Qiao 2019)."""

    def forward(self, feature: Tensor) -> Tensor:
        """(batch, n_in, h, w) → (batch, n_out, ceil(h / stride), ceil(w / stride))."""
        variance, mean = torch.var_mean(self.weight, dim=(1, 2, 3), keepdim=True, unbiased=False)
        weight = (self.weight - mean) * torch.rsqrt(variance + 1e-5)
        return functional.conv2d(feature, weight, self.bias, self.stride, self.padding)


class Transformer(nn.Module):
    """A map becomes tokens, passes pre-norm blocks (Dosovitskiy 2021), and becomes a map again."""

    def __init__(self, n_in: int, hidden: int, n_blocks: int) -> None:
        super().__init__()
        self.embed = nn.Conv2d(n_in, hidden, kernel_size=1)
        self.position = nn.Parameter(torch.zeros(1, GRID * GRID, hidden))
        # ViT-B/16's share.
        self.dropout = nn.Dropout(0.1)
        self.blocks = nn.ModuleList(Block(hidden) for _ in range(n_blocks))
        self.norm = nn.LayerNorm(hidden, eps=1e-6)

    def forward(self, feature: Tensor) -> Tensor:
        """(batch, n_in, h, w) → (batch, hidden, h, w)."""
        height, width = feature.shape[-2:]
        tokens = self.dropout(
            self.embed(feature).flatten(2).transpose(1, 2) + self._position(height, width)
        )
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens).transpose(1, 2).unflatten(2, (height, width))

    def _position(self, height: int, width: int) -> Tensor:
        if (height, width) == (GRID, GRID):
            return self.position
        square = self.position.transpose(1, 2).unflatten(2, (GRID, GRID))
        return (
            functional.interpolate(
                square, size=(height, width), mode="bilinear", align_corners=False
            )
            .flatten(2)
            .transpose(1, 2)
        )


class Block(nn.Module):
    """Attention among all tokens, then an MLP for each, both added to their input."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.attention_norm, self.mlp_norm = (
            nn.LayerNorm(hidden, eps=1e-6),
            nn.LayerNorm(hidden, eps=1e-6),
        )
        self.query, self.key, self.value, self.out = (nn.Linear(hidden, hidden) for _ in range(4))
        widen, narrow = nn.Linear(hidden, 4 * hidden), nn.Linear(4 * hidden, hidden)
        for layer in (widen, narrow):
            nn.init.xavier_uniform_(layer.weight)
            # ViT's own start.
            nn.init.normal_(layer.bias, std=1e-6)
        self.mlp = nn.Sequential(widen, nn.GELU(), nn.Dropout(0.1), narrow, nn.Dropout(0.1))

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, token, hidden), the same shape out."""
        normed = self.attention_norm(tokens)
        query, key, value = (
            layer(normed).unflatten(2, (HEADS, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        attended = (
            functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        )
        tokens = tokens + self.out(attended)
        return tokens + self.mlp(self.mlp_norm(tokens))


class Enlarge(nn.Module):
    """Double the size, join the skip if there is one, convolve twice."""

    def __init__(self, n_in: int, n_skip: int, n_out: int) -> None:
        super().__init__()
        self.convolve = nn.Sequential(
            *_convolution(n_in + n_skip, n_out), *_convolution(n_out, n_out)
        )

    def forward(self, feature: Tensor, skip: Tensor | None) -> Tensor:
        """(batch, n_in, h, w) → (batch, n_out, 2h, 2w)."""
        larger = functional.interpolate(
            # As published: corners on corners.
            feature,
            scale_factor=2,
            mode="bilinear",
            align_corners=True,
        )
        return self.convolve(larger if skip is None else torch.cat([larger, skip], dim=1))


def _convolution(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    )


def _group_norm(n_channels: int) -> nn.GroupNorm:
    # 32 groups, as published; fewer where a narrow network's channels cannot be parted so.
    return nn.GroupNorm(math.gcd(32, n_channels), n_channels, eps=1e-6)
