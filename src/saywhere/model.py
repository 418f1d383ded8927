"""The figure: words become a pseudo-image, join the image, turn with it, and any network segments (arXiv 2510.12482)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from saywhere.fusion.augment import Geometry
from saywhere.fusion.early import Imagination
from saywhere.fusion.generator import Generator
from saywhere.fusion.late import saying
from saywhere.fusion.mixing import Mixing
from saywhere.fusion.projection import Projection
from saywhere.fusion.stack import fuse
from saywhere.normalize import Normalize
from saywhere.shapes import Embedding, Image, Logits, PseudoImage, Stack
from saywhere.text.scale import EmbeddingScale


@dataclass
class Segmentation:
    """What a forward pass gives: logits in the augmented frame, the pseudo-image in the original one (None: image only)."""

    logits: Logits
    pseudo_image: PseudoImage | None


class ReferringSegmenter(Imagination):
    """Fuse the words with the image, turn both by one geometry, segment."""

    def __init__(
        self, scale: EmbeddingScale, projection: Projection, generator: Generator, normalize: Normalize, network: nn.Module, words_turn: bool = True
    ) -> None:
        super().__init__(scale, projection, generator)
        self.normalize, self.network, self.words_turn = normalize, network, words_turn

    def forward(
        self, image: Image, embedding: Embedding, geometry: Geometry | None = None, noise: Tensor | None = None, mixing: Mixing | None = None
    ) -> Segmentation:
        """Image in [0, 1] (original frame), embedding as the encoder gives it; `noise` is added to the scaled embedding."""
        pseudo_image = self.imagine(embedding, noise)  # (batch, channel, height, width), [0, 1], original frame
        stack = self.turn(image, mixing.of_words(pseudo_image) if mixing else pseudo_image, geometry)  # (batch, 2*channel, height, width), augmented frame
        stack = mixing.of_stack(stack) if mixing else stack
        logits = self.network(self.normalize(stack))  # (batch, 1, height, width), augmented frame
        return Segmentation(logits, pseudo_image)

    def turn(self, image: Image, pseudo_image: PseudoImage, geometry: Geometry | None) -> Stack:
        """Fuse first, then turn. With `words_turn` off the words stay behind: the fault that the paper mends, for comparison."""
        if geometry is None:
            return fuse(image, pseudo_image)
        return geometry(fuse(image, pseudo_image)) if self.words_turn else fuse(geometry(image), pseudo_image)


class ImageSegmenter(nn.Module):
    """The same without words, to compare with: image, geometry, network."""

    def __init__(self, normalize: Normalize, network: nn.Module) -> None:
        super().__init__()
        self.normalize, self.network = normalize, network

    def forward(
        self, image: Image, embedding: Embedding | None = None, geometry: Geometry | None = None, noise: Tensor | None = None, mixing: Mixing | None = None
    ) -> Segmentation:
        """As `ReferringSegmenter.forward`; whatever is said is not heard."""
        turned = image if geometry is None else geometry(image)  # (batch, channel, height, width), augmented frame
        turned = mixing.cutmix(turned) if mixing else turned
        return Segmentation(self.network(self.normalize(turned)), None)


class FeatureSegmenter(nn.Module):
    """The rival, to compare with: image, geometry, network, and the words join its features (`fusion.late.join`)."""

    def __init__(self, scale: EmbeddingScale, normalize: Normalize, network: nn.Module, reads_tokens: bool) -> None:
        super().__init__()
        self.scale, self.normalize, self.network, self.reads_tokens = scale, normalize, network, reads_tokens

    def forward(
        self, image: Image, embedding: Tensor, geometry: Geometry | None = None, noise: Tensor | None = None, mixing: Mixing | None = None
    ) -> Segmentation:
        """As `ReferringSegmenter.forward`; `embedding` is (batch, token, embedding), and has no noise, where tokens are read.

        A box of another sample comes without that one's words: a vector has no place to bring them to.
        """
        turned = image if geometry is None else geometry(image)  # (batch, channel, height, width), augmented frame
        turned = mixing.cutmix(turned) if mixing else turned
        words = embedding if self.reads_tokens else self.scale(embedding) if noise is None else self.scale(embedding) + noise
        with saying(words):
            return Segmentation(self.network(self.normalize(turned)), None)


Model = ReferringSegmenter | FeatureSegmenter | ImageSegmenter
