"""`lite` and `lite2`: EfficientNet-Lite0 or Lite2 with ImageNet weights in a light UNet
decoder; the networks for people without a GPU.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from saywhere.errors import UsageError, nearest
from saywhere.networks.efficientnet import (
    LITE0,
    LITE2,
    EfficientNetLite,
    Variant,
    imagenet_state,
    stem,
)
from saywhere.networks.first_filters import (
    DEFAULT,
    FILTERS,
    MODULES,
    ChannelMix,
    TwoStems,
    image_channels,
    widen,
)
from saywhere.networks.stack_check import check_stack
from saywhere.networks.unet import double_convolution
from saywhere.types import FeatureEdit, Stages, unedited


class Lite(nn.Module):
    """3.78 M parameters, 1.64 GFLOP at 224 px and width 64 (decoder 128-64-32-16).

    Any side of at least 32 px is accepted.
    """

    variant = LITE0
    multiple, smallest = 1, 32
    # The input is then (255·image − 127) / 128, as the weights were trained.
    image_mean = (127 / 255,) * 3
    image_std = (128 / 255,) * 3

    def __init__(
        self,
        in_channels: int = 3,
        width: int = 64,
        pretrained: bool = True,
        first_filters: str = DEFAULT,
    ) -> None:
        """`first_filters`: how the pseudo-image's channels come in, see `first_filters.widen`,
        `first_filters.ChannelMix` and `first_filters.TwoStems` ("stem").
        """
        super().__init__()
        self.in_channels, self.has_pretrained = in_channels, pretrained
        self.encoder = _encoder(self.variant, in_channels, pretrained, first_filters)
        self.widths = widths = [max(1, width * 2 // 2**level) for level in range(4)]
        # Deepest first, as the decoder meets them.
        channels = self.variant.tap_channels
        skips = channels[-2::-1]
        self.decoder = nn.ModuleList(
            Join(n_in, n_skip, n_out)
            for n_in, n_skip, n_out in zip([channels[-1], *widths], skips, widths)
        )
        self.head = nn.Conv2d(widths[-1], 1, kernel_size=1)

    def forward(self, stack: Tensor, edit: FeatureEdit = unedited) -> Tensor:
        """Segment a stack.

        Args:
            stack: (batch, in_channels, height, width).
            edit: called at each of `stages()`; what it returns goes on in the map's place.

        Returns:
            logits (batch, 1, height, width).
        """
        check_stack(stack, type(self).__name__.lower(), self.in_channels, self.smallest)
        *skips, feature = self.encoder(stack)
        feature = edit(self._deepest, feature)
        for level, join in enumerate(self.decoder):
            feature = edit(f"decoder.{level}", join(feature, skips.pop()))
        # The encoder's largest map has half of the image's size.
        return functional.interpolate(
            self.head(feature), size=stack.shape[-2:], mode="bilinear", align_corners=False
        )

    @property
    def _deepest(self) -> str:
        return f"encoder.blocks.{self.variant.taps[-1]}"

    def stages(self) -> Stages:
        """Names of the maps that `forward` hands to its `edit`."""
        return Stages(self._deepest, tuple(f"decoder.{i}" for i in range(len(self.decoder))))

    def stage_channels(self) -> dict[str, int]:
        """Channels of each map that `forward` hands to its `edit`."""
        decoded = {f"decoder.{level}": width for level, width in enumerate(self.widths)}
        return {self._deepest: self.variant.tap_channels[-1], **decoded}

    def pretrained_parameters(self) -> list[nn.Parameter]:
        """The encoder's that started from ImageNet; they take a lower learning rate."""
        if not self.has_pretrained:
            return []
        stem = self.encoder.stem
        # A module that was put before or beside the stem has seen no pretraining.
        new = stem.new_parameters() if isinstance(stem, (ChannelMix, TwoStems)) else []
        # By identity, since `in` would compare tensors number by number.
        is_new = {id(parameter) for parameter in new}
        return [p for p in self.encoder.parameters() if id(p) not in is_new]


class Lite2(Lite):
    """`Lite` with the larger encoder: 5.23 M parameters, 2.04 GFLOP at 224 px and width 64."""

    variant = LITE2


def _encoder(
    variant: Variant, in_channels: int, pretrained: bool, strategy: str
) -> EfficientNetLite:
    """An encoder whose stem takes a stack of image and pseudo-image as `strategy` says."""
    known = (*FILTERS, *MODULES)
    if strategy not in known:
        raise UsageError(f"first_filters is {strategy!r}", remedy=nearest(strategy, known))
    n_image = image_channels(in_channels)
    if strategy in FILTERS:
        return _with_weights(EfficientNetLite(in_channels, variant), pretrained, strategy)
    if n_image == in_channels:  # an image alone: there is nothing for a module to take in
        return _with_weights(EfficientNetLite(in_channels, variant), pretrained)
    own = EfficientNetLite(3 if strategy == "adapter" else n_image, variant)
    encoder = _with_weights(own, pretrained)
    if strategy == "adapter":
        encoder.stem = ChannelMix(encoder.stem, in_channels)
    else:
        encoder.stem = TwoStems(encoder.stem, stem(in_channels - n_image), in_channels)
    return encoder


def _with_weights(
    encoder: EfficientNetLite, pretrained: bool, strategy: str = DEFAULT
) -> EfficientNetLite:
    if pretrained:
        state = imagenet_state(encoder.variant)
        state["stem.0.weight"] = widen(state["stem.0.weight"], encoder.in_channels, strategy)
        encoder.load_state_dict(state)
    return encoder


class Join(nn.Module):
    """Enlarge to the skip's size (nearest), join it, convolve twice."""

    def __init__(self, n_in: int, n_skip: int, n_out: int) -> None:
        super().__init__()
        self.convolve = double_convolution(n_in + n_skip, n_out)

    def forward(self, feature: Tensor, skip: Tensor) -> Tensor:
        """feature (batch, n_in, h, w), skip (batch, n_skip, H, W) → (batch, n_out, H, W)."""
        larger = functional.interpolate(feature, size=skip.shape[-2:], mode="nearest")
        # Under autocast some of the encoder's layers stay in float32, so that types may differ.
        return self.convolve(torch.cat([larger, skip.to(larger.dtype)], dim=1))
