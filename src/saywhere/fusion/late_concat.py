"""`late-concat`: the sentence beside the bottleneck's channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from saywhere.fusion.conditioning import FeatureConditioner


class LateConcat(FeatureConditioner):
    """The sentence, repeated at each place, beside the map's channels.

    A 1×1 convolution brings them back to as many channels as before.
    """

    def __init__(self, n_channels: int, n_embedding: int) -> None:
        super().__init__(n_channels, n_embedding)
        self.mix = nn.Conv2d(n_channels + n_embedding, n_channels, kernel_size=1)
        # The map passes unchanged at the start, and the prompt is heard from the first step.
        with torch.no_grad():
            self.mix.weight[:, :n_channels, 0, 0] = torch.eye(n_channels)

    def forward(self, feature: Tensor, embedding: Tensor) -> Tensor:
        """(batch, channel, height, width), (batch, embedding) → the same shape as the map."""
        # Under mixed precision one float32 part would make the whole map float32.
        tiled = embedding.to(feature.dtype)[..., None, None].expand(-1, -1, *feature.shape[-2:])
        return self.mix(torch.cat([feature, tiled], dim=1))
