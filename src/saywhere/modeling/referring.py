"""The figure: a pseudo-image joins the image, turns with it, and any network segments (arXiv
2510.12482).
"""

from __future__ import annotations

from torch import Tensor, nn

from saywhere.fusion.stack import fuse
from saywhere.fusion.text_branch import TextBranch
from saywhere.modeling.changes import UNCHANGED, Changes
from saywhere.modeling.normalize import Normalize
from saywhere.modeling.presence_head import answered
from saywhere.text.whitening import EmbeddingScale
from saywhere.transforms.geometry import Geometry
from saywhere.types import Image, PseudoImage, Segmentation, Stack


class ReferringSegmenter(TextBranch):
    """Fuse the prompt with the image, transform both by one geometry, segment.

    Args:
        scale: of the embeddings, fitted on the training prompts.
        projection: scaled embedding, or tokens → seed of the generator.
        generator: seed → pseudo-image.
        normalize: of the stack, after the geometry.
        network: stack (batch, 2*channel, height, width) → logits (batch, 1, height, width).
        pseudo_image_turns: False leaves the pseudo-image behind when the image is transformed:
            the fault that the paper mends, for comparison.
        reads_tokens: are embeddings (batch, token, embedding), rather than (batch, embedding)?
        is_conditioned: is the network a `ConditionedNetwork`, which takes the scaled sentence
            vectors beside the stack?
    """

    uses_text = True

    def __init__(
        self,
        scale: EmbeddingScale,
        projection: nn.Module,
        generator: nn.Module,
        normalize: Normalize,
        network: nn.Module,
        pseudo_image_turns: bool = True,
        reads_tokens: bool = False,
        is_conditioned: bool = False,
    ) -> None:
        super().__init__(scale, projection, generator, reads_tokens)
        self.normalize, self.network = normalize, network
        self.pseudo_image_turns = pseudo_image_turns
        self.is_conditioned = is_conditioned

    @property
    def can_mirror(self) -> bool:
        """May image and prompt be mirrored together? Only where the pseudo-image turns too."""
        return self.pseudo_image_turns

    @property
    def text_branch(self) -> TextBranch:
        """What turns a prompt into a pseudo-image: this model itself."""
        return self

    def text_parameters(self) -> list[nn.Parameter]:
        """What learns from the prompts: projection, generator and the network's conditioners."""
        # Only a `ConditionedNetwork` has them.
        conditioners = getattr(self.network, "conditioners", nn.ModuleDict())
        parts = (self.projection, self.generator, conditioners)
        return [parameter for part in parts for parameter in part.parameters()]

    def forward(
        self,
        image: Image,
        embedding: Tensor,
        changes: Changes = UNCHANGED,
    ) -> Segmentation:
        """Segment what the prompts name.

        Args:
            image: (batch, channel, height, width), [0, 1], original frame.
            embedding: (batch, embedding), as the encoder gives it; (batch, token, embedding)
                where tokens are read.
            changes: of a training step. Else nothing moves, and nothing is added.

        Returns:
            logits in the augmented frame, the pseudo-image in the original one, and presence where
            the network has a head for it.
        """
        geometry, noise, mixing = changes
        pseudo_image = self.generate(embedding, noise)  # (batch, channel, height, width), original
        # Colours change before the stack moves, boxes are pasted after.
        mixed = mixing.of_words(pseudo_image) if mixing else pseudo_image
        stack = self.turn(image, mixed, geometry)  # (batch, 2*channel, height, width), augmented
        stack = mixing.of_stack(stack) if mixing else stack
        beside = [self.vectors(embedding, noise)] if self.is_conditioned else []
        # (batch, 1, height, width), augmented frame
        logits, presence = answered(self.network, self.normalize(stack), *beside)
        return Segmentation(logits, pseudo_image, presence)

    def turn(self, image: Image, pseudo_image: PseudoImage, geometry: Geometry | None) -> Stack:
        """The stack in the augmented frame: fused first, then transformed."""
        if geometry is None:
            return fuse(image, pseudo_image)
        if self.pseudo_image_turns:
            return geometry(fuse(image, pseudo_image))
        return fuse(geometry(image), pseudo_image)
