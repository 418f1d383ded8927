"""The text branch: from a sentence vector to its pseudo-image."""

from __future__ import annotations

from torch import Tensor, nn

from saywhere.fusion.generator import Generator
from saywhere.fusion.projection import Projection
from saywhere.text.whitening import EmbeddingScale, one_vector
from saywhere.types import Embedding, PseudoImage


class TextBranch(nn.Module):
    """Sentence vectors as pseudo-images: scale (fixed), projection and generator (both learn).

    Args:
        scale: fitted on the training prompts.
        projection: scaled vector → seed of the generator.
        generator: seed → pseudo-image, eight times as high and wide.
    """

    def __init__(self, scale: EmbeddingScale, projection: Projection, generator: Generator) -> None:
        super().__init__()
        self.scale, self.projection, self.generator = scale, projection, generator

    def generate(self, embedding: Embedding, noise: Tensor | None = None) -> PseudoImage:
        """The pseudo-image of each prompt.

        Args:
            embedding: (batch, embedding), as the encoder gives it.
            noise: (batch, scaled), added to the scaled embedding.
        Returns:
            (batch, channel, height, width), [0, 1], original frame.
        """
        scaled = self.scale(embedding)
        return self.generator(self.projection(scaled if noise is None else scaled + noise))

    def prompt_distance(self, embedding: Tensor) -> Tensor:
        """(batch,): distance of each prompt from the training prompts;
        above 1: unlike any of them.
        """
        return self.scale.distance(one_vector(embedding))
