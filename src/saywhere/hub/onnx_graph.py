"""What goes into an ONNX file: a model with its resizing, and a text encoder.

Both are plain `nn.Module`s, so that the graph is what PyTorch runs, and can be compared with it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from saywhere.modeling.model import Model
from saywhere.text.bert import pool


class AnySize(nn.Module):
    """A model that takes images of any size, as `Segmenter.segment` does.

    Args:
        model: In evaluation mode.
        size_px: Side of the square that its network sees, `data.size`.
    """

    def __init__(self, model: Model, size_px: int) -> None:
        super().__init__()
        self.model = model
        self.size_px = size_px

    def forward(self, image: Tensor, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Segment.

        Args:
            image: (batch, channel, height, width), [0, 1], original frame.
            embedding: (batch, embedding), as the text encoder gives it; (batch, token, embedding)
                where tokens are read.

        Returns:
            Probability (batch, 1, height, width), [0, 1], original frame; logits
            (batch, 1, size_px, size_px), resized frame.
        """
        height, width = image.shape[-2:]
        logits = self.model(resized(image, self.size_px), embedding).logits
        probability = nn.functional.interpolate(
            logits.sigmoid(), (height, width), mode="bilinear", align_corners=False
        )
        return probability, logits


class WithoutText(nn.Module):
    """`AnySize` of an image-only model: it has no second input."""

    def __init__(self, model: Model, size_px: int) -> None:
        super().__init__()
        self.whole = AnySize(model, size_px)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """As `AnySize.forward`, without an embedding."""
        return self.whole(image, torch.zeros(image.shape[0], 1))


class Sentences(nn.Module):
    """A BERT with its pooling: token numbers → what a model reads.

    Args:
        trunk: transformers' model, in evaluation mode.
        pooling: `mean`, `cls` or `paper_code`, see `text.bert.pool`.
        unit_length: Is each vector scaled to length 1?
        gives_tokens: Give a vector per token instead, with zeros at the padding.
    """

    def __init__(self, trunk: Any, pooling: str, unit_length: bool, gives_tokens: bool) -> None:
        super().__init__()
        self.trunk = trunk
        self.pooling = pooling
        self.unit_length = unit_length
        self.gives_tokens = gives_tokens

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Encode.

        Args:
            input_ids: int64 (batch, token), the tokenizer's numbers.
            attention_mask: int64 (batch, token), 1 for a token and 0 for padding.

        Returns:
            float32 (batch, embedding), or (batch, token, embedding).
        """
        output = self.trunk(
            input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True
        )
        if self.gives_tokens:
            return output.last_hidden_state * attention_mask[..., None]
        vector = pool(output.hidden_states, attention_mask, self.pooling)
        return nn.functional.normalize(vector, dim=-1) if self.unit_length else vector


def resized(image: Tensor, side: int) -> Tensor:
    """Resize to a square, bilinear with antialiasing, as Pillow does but without its rounding.

    Pillow rounds to whole grey levels after each of its two passes; the difference is below one
    level. ONNX has no such operator that PyTorch exports, so it is two matrix products.

    Args:
        image: (batch, channel, height, width).
        side: The new height and width.

    Returns:
        (batch, channel, side, side).
    """
    height, width = image.shape[-2:]
    rows = _filters(torch.arange(height, dtype=image.dtype), side)
    columns = _filters(torch.arange(width, dtype=image.dtype), side)
    return rows @ image @ columns.T


def _filters(places: Tensor, side: int) -> Tensor:
    """(side, places): the share of each old pixel in each new one, by a triangle filter."""
    # Counted in the graph, so that the size stays open.
    scale = torch.ones_like(places).sum() / side
    # Below 1 the picture grows, and the triangle reaches to the next pixel only.
    reach = scale.clamp_min(1)
    centres = (torch.arange(side, dtype=places.dtype) + 0.5) * scale
    distance = (places[None] + 0.5 - centres[:, None]).abs() / reach
    shares = (1 - distance).clamp_min(0)
    return shares / shares.sum(1, keepdim=True)
