"""The prompt joins a network's features instead of its input, to compare with."""

from __future__ import annotations

from torch import Tensor, nn

from saywhere.fusion.conditioning import ConditionedNetwork
from saywhere.modeling.changes import UNCHANGED, Changes
from saywhere.modeling.normalize import Normalize
from saywhere.text.whitening import EmbeddingScale, one_vector, scaled
from saywhere.types import Image, Segmentation


class FeatureSegmenter(nn.Module):
    """Image, geometry, and a network whose features are conditioned on the prompt.

    Args:
        scale: of the embeddings, fitted on the training prompts.
        normalize: of the image, after the geometry.
        network: stack and embedding in, logits out, see `fusion.conditioning.condition`.
        reads_tokens: are embeddings (batch, token, embedding), rather than (batch, embedding)?
    """

    uses_text = True
    # The prompt would have to be mirrored with the image, and a vector cannot turn.
    can_mirror = False
    text_branch = None
    pseudo_image_turns = False

    def __init__(
        self,
        scale: EmbeddingScale,
        normalize: Normalize,
        network: ConditionedNetwork,
        reads_tokens: bool,
    ) -> None:
        super().__init__()
        self.scale, self.normalize, self.network = scale, normalize, network
        self.reads_tokens = reads_tokens

    def text_parameters(self) -> list[nn.Parameter]:
        """What learns from the prompts: the conditioners."""
        return list(self.network.conditioners.parameters())

    def prompt_distance(self, embedding: Tensor) -> Tensor:
        """(batch,): distance of each prompt from the training prompts;
        above 1: unlike any of them.
        """
        return self.scale.distance(one_vector(embedding))

    def forward(
        self,
        image: Image,
        embedding: Tensor,
        changes: Changes = UNCHANGED,
    ) -> Segmentation:
        """Segment what the prompts name; arguments as those of `ReferringSegmenter.forward`.

        `embedding` is (batch, token, embedding), and gets no noise, where tokens are read. A box of
        another sample comes without that one's prompt: a vector has no place to bring it to.
        """
        geometry, noise, mixing = changes
        turned = image if geometry is None else geometry(image)  # augmented frame
        # CutMix alone: photometric changes were made to the image before.
        turned = mixing.cutmix(turned) if mixing else turned
        stack = self.normalize(turned)  # (batch, channel, height, width), augmented frame
        numbers = scaled(self.scale, embedding, noise, reads_tokens=self.reads_tokens)
        return Segmentation(self.network(stack, numbers), None)
