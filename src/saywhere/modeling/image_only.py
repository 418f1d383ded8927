"""The same network without a prompt, to compare with."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from saywhere.modeling.changes import UNCHANGED, Changes
from saywhere.modeling.normalize import Normalize
from saywhere.modeling.presence_head import answered
from saywhere.types import Embedding, Image, Segmentation


class ImageSegmenter(nn.Module):
    """Image, geometry, network: every prompt gets the same answer.

    Args:
        normalize: of the image, after the geometry.
        network: image (batch, channel, height, width) → logits (batch, 1, height, width).
    """

    uses_text = False
    reads_tokens = False
    # There is no prompt that would have to follow.
    can_mirror = True
    text_branch = None
    pseudo_image_turns = False

    def __init__(self, normalize: Normalize, network: nn.Module) -> None:
        super().__init__()
        self.normalize, self.network = normalize, network

    def text_parameters(self) -> list[nn.Parameter]:
        """None."""
        return []

    def prompt_distance(self, embedding: Tensor) -> Tensor:
        """(batch,): 0, since every prompt gets the same answer."""
        return torch.zeros(len(embedding))

    def forward(
        self,
        image: Image,
        embedding: Embedding | None = None,
        changes: Changes = UNCHANGED,
    ) -> Segmentation:
        """Segment; arguments as those of `ReferringSegmenter.forward`.

        The embedding and its noise are not used.
        """
        # The noise is for the embedding, which is not read here.
        geometry, _, mixing = changes
        turned = image if geometry is None else geometry(image)  # augmented frame
        turned = mixing.cutmix(turned) if mixing else turned
        logits, presence = answered(self.network, self.normalize(turned))
        return Segmentation(logits, None, presence)
