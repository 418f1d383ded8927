"""MISSFormer (Huang 2021): a transformer that encodes, bridges its four scales by one attention,
and decodes.

As the public code has it, without the 7,009,792 parameters that never get a gradient there.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from saywhere.networks.stack_check import check_stack
from saywhere.types import FeatureEdit, Stages, unedited

MULTIPLES = (1, 2, 5, 8)
"""Channels of the four scales, in widths; also their attention heads."""
REDUCTIONS = (8, 4, 2, 1)
"""Each scale's keys and values are shortened to the deepest scale's grid."""


class MissFormer(nn.Module):
    """35,452,225 parameters at width 64 and 3 channels; sides are multiples of 32.

    `depth` scales the numbers of blocks (1.0: 2 a stage, bridge 4).
    """

    # Patches of 4 px, halved three times.
    multiple, smallest = 32, 32

    def __init__(self, in_channels: int = 3, width: int = 64, depth: float = 1.0) -> None:
        super().__init__()
        self.in_channels = in_channels
        n_blocks = max(1, round(2 * depth))
        channels = [width * multiple for multiple in MULTIPLES]
        scales = list(zip(channels, MULTIPLES, REDUCTIONS))
        self.encoder = nn.ModuleList(
            Stage(before, *scale, n_blocks, is_first=i == 0)
            for i, (before, scale) in enumerate(zip([in_channels, *channels], scales))
        )
        self.bridge = nn.ModuleList(BridgeBlock(width) for _ in range(max(1, round(4 * depth))))
        self.expand = Expand(channels[3], 2, channels[3] // 2)
        self.decoder = nn.ModuleList(
            # The expansion before has halved the channels. The first patches were 4 px wide.
            DecoderStage(deeper // 2, *scale, n_blocks, factor=2 if i else 4)
            for i, (deeper, scale) in reversed(list(enumerate(zip(channels[1:], scales))))
        )
        self.head = nn.Conv2d(width, 1, kernel_size=1)
        for part in (self.expand, self.decoder, self.head):
            # These parts alone, as the public code starts them.
            part.apply(_xavier)

    def forward(self, stack: Tensor, edit: FeatureEdit = unedited) -> Tensor:
        """Segment a stack.

        Args:
            stack: (batch, in_channels, height, width).
            edit: called at each of `stages()`; what it returns goes on in the map's place.

        Returns:
            logits (batch, 1, height, width).
        """
        check_stack(stack, "missformer", self.in_channels, self.smallest, self.multiple)
        features = []
        feature = stack
        for stage in self.encoder:
            feature = stage(feature)
            features.append(feature)
        for block in self.bridge:
            features = block(features)
        feature = _edited(edit, "expand", self.expand(features.pop()))
        for level, decode in enumerate(self.decoder):
            feature = _edited(edit, f"decoder.{level}", decode(feature, features.pop()))
        return self.head(feature.permute(0, 3, 1, 2))

    def stages(self) -> Stages:
        """Names of the maps that `forward` hands to its `edit`."""
        return Stages("expand", tuple(f"decoder.{i}" for i in range(len(self.decoder))))

    def pretrained_parameters(self) -> list[nn.Parameter]:
        """None: no weights were published."""
        return []


class Stage(nn.Module):
    """Overlapping patches, then blocks; the first stage takes channels first, as images come."""

    def __init__(
        self, n_in: int, n_out: int, heads: int, reduction: int, n_blocks: int, is_first: bool
    ) -> None:
        super().__init__()
        self.is_first = is_first
        self.embed = (
            nn.Conv2d(n_in, n_out, 7, stride=4, padding=3)
            if is_first
            else nn.Conv2d(n_in, n_out, 3, stride=2, padding=1)
        )
        self.embed_norm, self.norm = nn.LayerNorm(n_out), nn.LayerNorm(n_out)
        self.blocks = nn.Sequential(*(Block(n_out, heads, reduction) for _ in range(n_blocks)))

    def forward(self, feature: Tensor) -> Tensor:
        """(batch, n_in, H, W) if first, else (batch, H, W, n_in) → (batch, h, w, n_out)."""
        embedded = self.embed(feature if self.is_first else feature.permute(0, 3, 1, 2)).permute(
            0, 2, 3, 1
        )
        return self.norm(self.blocks(self.embed_norm(embedded)))


class DecoderStage(nn.Module):
    """Join the bridge's map, blocks, expand: (batch, h, w, n_below) and (batch, h, w, n) → (batch,
    factor·h, factor·w, n_out).
    """

    def __init__(
        self, n_below: int, n_channels: int, heads: int, reduction: int, n_blocks: int, factor: int
    ) -> None:
        super().__init__()
        self.join = nn.Linear(n_below + n_channels, n_channels)
        self.blocks = nn.Sequential(*(Block(n_channels, heads, reduction) for _ in range(n_blocks)))
        self.expand = Expand(n_channels, factor, n_channels // 2 if factor == 2 else n_channels)

    def forward(self, feature: Tensor, skip: Tensor) -> Tensor:
        """(batch, h, w, n_below), (batch, h, w, n) → (batch, factor·h, factor·w, n_out)."""
        return self.expand(self.blocks(self.join(torch.cat([feature, skip], dim=-1))))


class Block(nn.Module):
    """Attention and a mixing MLP, each added to its input; (batch, h, w, channel), the same shape
    out.
    """

    def __init__(self, n_channels: int, heads: int, reduction: int) -> None:
        super().__init__()
        self.attention_norm, self.mix_norm = nn.LayerNorm(n_channels), nn.LayerNorm(n_channels)
        self.attention = Attention(n_channels, heads)
        self.mix = Mix(n_channels)
        self.reduce = (
            nn.Conv2d(n_channels, n_channels, reduction, stride=reduction)
            if reduction > 1
            else None
        )
        # Where nothing is shortened, the published network has no such layers.
        self.reduce_norm = nn.LayerNorm(n_channels) if reduction > 1 else None

    def forward(self, feature: Tensor) -> Tensor:
        """(batch, h, w, channel), the same shape out."""
        normed = self.attention_norm(feature)
        context = normed
        if self.reduce is not None and self.reduce_norm is not None:
            context = self.reduce_norm(self.reduce(normed.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
        feature = feature + self.attention(normed.flatten(1, 2), context.flatten(1, 2)).view_as(
            feature
        )
        return feature + self.mix(self.mix_norm(feature))


class Attention(nn.Module):
    """Tokens (batch, n, channel) attend to a context (batch, m, channel)."""

    def __init__(self, n_channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key_value, self.out = (
            nn.Linear(n_channels, n_channels),
            nn.Linear(n_channels, 2 * n_channels),
            nn.Linear(n_channels, n_channels),
        )

    def forward(self, tokens: Tensor, context: Tensor) -> Tensor:
        """(batch, n, channel), (batch, m, channel) → (batch, n, channel)."""
        query = self.query(tokens).unflatten(2, (self.heads, -1)).transpose(1, 2)
        key, value = (
            self.key_value(context).unflatten(2, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        )
        return self.out(
            functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        )


class Mix(nn.Module):
    """An MLP whose hidden layer sees its 3×3 neighbours (the paper's "enhanced Mix-FFN"); (batch,
    h, w, channel).
    """

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.widen, self.narrow = (
            nn.Linear(n_channels, 4 * n_channels),
            nn.Linear(4 * n_channels, n_channels),
        )
        self.neighbours = nn.Conv2d(
            4 * n_channels, 4 * n_channels, 3, padding=1, groups=4 * n_channels
        )
        self.norm = nn.LayerNorm(4 * n_channels)

    def forward(self, feature: Tensor) -> Tensor:
        """(batch, h, w, channel), the same shape out."""
        wide = self.widen(feature)  # once: the public code computes it twice
        return self.narrow(
            functional.gelu(
                self.norm(self.neighbours(wide.permute(0, 3, 1, 2)).permute(0, 2, 3, 1) + wide)
            )
        )


class BridgeBlock(nn.Module):
    """All four scales as tokens of one width attend to each other; then each scale's own mixing
    MLP.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width
        channels = [width * multiple for multiple in MULTIPLES]
        self.attention_norm, self.reduce_norm, self.mix_norm = (
            nn.LayerNorm(width),
            nn.LayerNorm(width),
            nn.LayerNorm(width),
        )
        # A head has `width` channels everywhere, and a token of the bridge has no more.
        self.attention = Attention(width, heads=1)
        self.reduce = nn.ModuleList(
            nn.Conv2d(n, n, reduction, stride=reduction)
            # The deepest scale is not reduced: its grid is the one that all are brought to.
            for n, reduction in zip(channels, REDUCTIONS[:-1])
        )
        self.mix = nn.ModuleList(Mix(n) for n in channels)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Four maps (batch, h, w, channel), largest first; the same shapes out."""
        tokens = torch.cat([self._fold(feature) for feature in features], dim=1)
        normed = self.attention_norm(tokens)
        tokens = tokens + self.attention(normed, self._context(self._unfold(normed, features)))
        maps = self._unfold(self.mix_norm(tokens), features)
        mixed = torch.cat([self._fold(mix(each)) for mix, each in zip(self.mix, maps)], dim=1)
        return self._unfold(tokens + mixed, features)

    def _context(self, maps: list[Tensor]) -> Tensor:
        """The shortened tokens.

        Reduced maps are folded channels first, the rest channels last: a quirk of the published
        network, kept.
        """
        reduced = [
            reduce(each.permute(0, 3, 1, 2)).reshape(each.shape[0], self.width, -1).transpose(1, 2)
            for reduce, each in zip(self.reduce, maps)
        ]
        return self.reduce_norm(torch.cat([*reduced, self._fold(maps[-1])], dim=1))

    def _fold(self, feature: Tensor) -> Tensor:
        return feature.reshape(feature.shape[0], -1, self.width)

    def _unfold(self, tokens: Tensor, like: list[Tensor]) -> list[Tensor]:
        lengths = [
            feature.shape[1] * feature.shape[2] * feature.shape[3] // self.width for feature in like
        ]
        return [
            part.reshape(feature.shape) for part, feature in zip(tokens.split(lengths, dim=1), like)
        ]


class Expand(nn.Module):
    """Spread channels over factor × factor pixels: (batch, h, w, n_in) → (batch, factor·h,
    factor·w, n_out).
    """

    def __init__(self, n_in: int, factor: int, n_out: int) -> None:
        super().__init__()
        self.factor, self.n_out = factor, n_out
        # No bias: the norm that follows has one.
        self.spread = nn.Linear(n_in, factor * factor * n_out, bias=False)
        self.norm = nn.LayerNorm(n_out)

    def forward(self, feature: Tensor) -> Tensor:
        """(batch, h, w, n_in) → (batch, factor·h, factor·w, n_out)."""
        batch, height, width, _ = feature.shape
        pixels = (
            self.spread(feature)
            .reshape(batch, height, width, self.factor, self.factor, self.n_out)
            .permute(0, 1, 3, 2, 4, 5)
        )
        return self.norm(
            pixels.reshape(batch, height * self.factor, width * self.factor, self.n_out)
        )


def _edited(edit: FeatureEdit, stage: str, feature: Tensor) -> Tensor:
    """An edit sees channels first, as in every other network; the maps here have them last."""
    return edit(stage, feature.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


def _xavier(layer: nn.Module) -> None:
    if isinstance(layer, nn.Linear | nn.Conv2d):
        nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
