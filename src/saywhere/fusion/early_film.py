"""`early-film`: the pseudo-image says where, FiLM says what (arXiv 2510.12482 and 1709.07871)."""

from __future__ import annotations

from torch import Tensor, nn

from saywhere.fusion.conditioning import FeatureConditioner
from saywhere.fusion.film import Film
from saywhere.fusion.pseudo_image import Early

WIDTH = 16
"""Numbers between the embedding and the channels: so few that a model has about as many parameters
as with `early`."""


class NarrowFilm(FeatureConditioner):
    """`Film` of a few numbers that are made of the sentence's vector.

    Which tissue a sentence means takes less to say than where it lies.
    """

    def __init__(self, n_channels: int, n_embedding: int) -> None:
        super().__init__(n_channels, n_embedding)
        self.reduce = nn.Sequential(nn.Linear(n_embedding, WIDTH), nn.GELU())
        self.film = Film(n_channels, WIDTH)

    # Every decoder stage.
    stages = staticmethod(Film.stages)

    def forward(self, feature: Tensor, embedding: Tensor) -> Tensor:
        """(batch, channel, height, width), (batch, embedding) → the same shape as the map."""
        return self.film(feature, self.reduce(embedding))


class EarlyFilm(Early):
    """`early`, and the same sentence vector scales and shifts the decoder's channels.

    The pseudo-image is transformed with the image, and can say places. A vector cannot turn, but
    size, brightness and number are the same in every frame.
    """

    conditioner = NarrowFilm
