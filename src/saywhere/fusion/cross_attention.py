"""`cross-attention`: each place attends to the sentence's tokens, as LViT-like methods do."""

from __future__ import annotations

from torch import Tensor, nn

from saywhere.fusion.conditioning import FeatureConditioner
from saywhere.types import Stages

HEADS = 4
WIDTH = 64


class CrossAttention(FeatureConditioner):
    """Each place queries the sentence's tokens, and adds the answer to its features."""

    reads_tokens = True

    def __init__(self, n_channels: int, n_embedding: int) -> None:
        super().__init__(n_channels, n_embedding)
        self.query = nn.Linear(n_channels, WIDTH)
        self.output = nn.Linear(WIDTH, n_channels)
        self.norm_feature = nn.LayerNorm(n_channels)
        self.norm_tokens = nn.LayerNorm(n_embedding)
        self.attention = nn.MultiheadAttention(
            WIDTH, HEADS, kdim=n_embedding, vdim=n_embedding, batch_first=True
        )

    @staticmethod
    def stages(of: Stages) -> tuple[str, ...]:
        """The bottleneck and the deepest decoder stage: at full size, attention costs too much."""
        return of.bottleneck, of.decoder[0]

    def forward(self, feature: Tensor, embedding: Tensor) -> Tensor:
        """(batch, channel, height, width), (batch, token, embedding) padded with zero rows → the
        same shape as the map.
        """
        places = feature.flatten(2).transpose(1, 2)  # (batch, height*width, channel)
        # A blank prompt still has its special tokens, so that no row is padding alone.
        is_padding = ~embedding.any(-1)
        # `text.scale` is for sentence vectors; here the layer norm brings tokens to a scale.
        tokens = self.norm_tokens(embedding)
        attended, _ = self.attention(
            self.query(self.norm_feature(places)),
            tokens,
            tokens,
            key_padding_mask=is_padding,
            # Nobody reads the weights, and PyTorch is faster without them.
            need_weights=False,
        )
        return feature + self.output(attended).transpose(1, 2).reshape(feature.shape)
