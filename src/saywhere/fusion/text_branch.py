"""The text branch: from a sentence vector to its pseudo-image."""

from __future__ import annotations

from torch import Tensor, nn

from saywhere.text.whitening import EmbeddingScale, one_vector, scaled
from saywhere.types import PseudoImage


class TextBranch(nn.Module):
    """Sentence vectors as pseudo-images: scale (fixed), projection and generator (both learn).

    Args:
        scale: fitted on the training prompts.
        projection: scaled vector, or tokens → seed of the generator.
        generator: seed → pseudo-image, eight times as high and wide.
        reads_tokens: are embeddings (batch, token, embedding), rather than (batch, embedding)?
    """

    def __init__(
        self,
        scale: EmbeddingScale,
        projection: nn.Module,
        generator: nn.Module,
        reads_tokens: bool = False,
    ) -> None:
        super().__init__()
        self.scale, self.projection, self.generator = scale, projection, generator
        self.reads_tokens = reads_tokens

    def generate(self, embedding: Tensor, noise: Tensor | None = None) -> PseudoImage:
        """The pseudo-image of each prompt.

        Args:
            embedding: (batch, embedding), as the encoder gives it; (batch, token, embedding)
                where tokens are read.
            noise: (batch, scaled), added to the scaled embedding; tokens get none.

        Returns:
            (batch, channel, height, width), [0, 1], original frame.
        """
        numbers = scaled(self.scale, embedding, noise, reads_tokens=self.reads_tokens)
        return self.generator(self.projection(numbers))

    def vectors(self, embedding: Tensor, noise: Tensor | None = None) -> Tensor:
        """The scaled vector of each prompt, of tokens their mean.

        Args:
            embedding: as `generate` takes it.
            noise: (batch, scaled), added.

        Returns:
            (batch, scaled).
        """
        return scaled(self.scale, one_vector(embedding), noise, reads_tokens=False)

    def prompt_distance(self, embedding: Tensor) -> Tensor:
        """(batch,): distance of each prompt from the training prompts;
        above 1: unlike any of them.
        """
        return self.scale.distance(one_vector(embedding))
