"""`film`: the sentence scales and shifts the decoder's channels (Perez 2018, arXiv 1709.07871)."""

from __future__ import annotations

from torch import Tensor, nn

from saywhere.fusion.conditioning import FeatureConditioner
from saywhere.types import Stages


class Film(FeatureConditioner):
    """Scale and shift of each channel by the sentence, at every decoder stage."""

    def __init__(self, n_channels: int, n_embedding: int) -> None:
        super().__init__(n_channels, n_embedding)
        self.scale_and_shift = nn.Linear(n_embedding, 2 * n_channels)

    @staticmethod
    def stages(of: Stages) -> tuple[str, ...]:
        """Every decoder stage."""
        return of.decoder

    def forward(self, feature: Tensor, embedding: Tensor) -> Tensor:
        """(batch, channel, height, width), (batch, embedding) → the same shape as the map."""
        scale, shift = self.scale_and_shift(embedding)[..., None, None].chunk(2, dim=1)
        # 1 + scale: a layer that starts near zero leaves the map as it is.
        return feature * (1 + scale) + shift
