"""Fusions before the network: how a prompt becomes a pseudo-image, and where its parts start.

`early` is the paper's (arXiv 2510.12482). Another one is a class like `Early` in a file of its own,
and a line in `config.fusions.FUSIONS`.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Protocol

from torch import Tensor, nn

from saywhere.fusion.conditioning import FeatureConditioner
from saywhere.fusion.generator import Generator, start_unit_variance
from saywhere.fusion.projection import Projection


class PseudoImageParts(NamedTuple):
    """What `ReferringSegmenter` and `EarlyFusion` are built of."""

    projection: nn.Module
    """scaled embedding (batch, embedding), or tokens (batch, token, embedding) → seed of the
    generator
    """
    generator: nn.Module
    """seed → pseudo-image (batch, channel, height, width), [0, 1], original frame"""


class PseudoImageFusion(Protocol):
    """A fusion that brings the prompt in before the network, as an image."""

    reads_tokens: ClassVar[bool]
    """Does it read a sentence's tokens, rather than its one vector?"""
    conditioner: ClassVar[type[FeatureConditioner] | None]
    """What changes the network's features by the sentence's vector as well; None for nothing"""

    def build(
        self, n_embedding: int, n_channels: int, size_px: int, projection: str
    ) -> PseudoImageParts:
        """The parts, with PyTorch's first weights.

        Args:
            n_embedding: numbers of a scaled embedding, or of a token's.
            n_channels: of the image: 1 or 3.
            size_px: side of the image; a multiple of 8.
            projection: the configuration's `fusion.projection`.
        """

    def start(self, parts: PseudoImageParts, scaled: Tensor) -> None:
        """Change the first weights so that prompts differ (`fusion.start = "unit-variance"`).

        Args:
            parts: what `build` gave; changed in place.
            scaled: (prompt, embedding), the training's prompts; (prompt, token, embedding) where
                tokens are read.
        """


class Early:
    """The paper's: a fully connected projection to a grid, then three transposed convolutions."""

    reads_tokens = False
    conditioner: ClassVar[type[FeatureConditioner] | None] = None

    def build(
        self, n_embedding: int, n_channels: int, size_px: int, projection: str
    ) -> PseudoImageParts:
        """As `PseudoImageFusion.build`; the grid has an eighth of the image's side."""
        # The generator doubles the side three times.
        seed_grid = (size_px // 8, size_px // 8)
        return PseudoImageParts(
            Projection(projection, n_embedding, seed_grid), Generator(n_channels)
        )

    def start(self, parts: PseudoImageParts, scaled: Tensor) -> None:
        """As `PseudoImageFusion.start`, by `generator.start_unit_variance`."""
        projection, generator = parts
        # `start` is called with what this fusion's own `build` made.
        assert isinstance(projection, Projection)
        assert isinstance(generator, Generator)
        start_unit_variance(projection, generator, scaled)
