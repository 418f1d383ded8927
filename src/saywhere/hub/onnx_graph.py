"""What goes into an ONNX file: a model with its resizing, and a text encoder.

Both are plain `nn.Module`s, so that the graph is what PyTorch runs, and can be compared with it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from saywhere.io.framing import Framing
from saywhere.modeling.model import Model
from saywhere.modeling.presence_head import judges
from saywhere.modeling.stage_statistics import watch
from saywhere.text.bert import pool


class AnySize(nn.Module):
    """A model that takes images of any size, as `Segmenter.segment` does.

    Args:
        model: In evaluation mode.
        framing: How a picture becomes the square that its network sees.
    """

    def __init__(self, model: Model, framing: Framing) -> None:
        super().__init__()
        self.model = model
        self.size_px = framing.size
        self.is_padded = framing.fit == "pad"

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
        rows, columns = self._boxes(image)
        square = rows.into_square() @ image @ columns.into_square().T
        logits = self.model(square, embedding).logits
        probability = rows.out_of_square() @ logits.sigmoid() @ columns.out_of_square().T
        return probability, logits

    def _boxes(self, image: Tensor) -> tuple[_Axis, _Axis]:
        sides = [torch.arange(side, dtype=image.dtype) for side in image.shape[-2:]]
        # Counted in the graph, so that the size stays open.
        lengths = [torch.ones_like(side).sum() for side in sides]
        longer = torch.maximum(lengths[0], lengths[1])
        first, second = (
            _Axis(places, length, longer if self.is_padded else length, self.size_px)
            for places, length in zip(sides, lengths)
        )
        return first, second


class Whole(AnySize):
    """`AnySize` that gives all that a model answers."""

    def outputs(self) -> list[str]:
        """Names of what `forward` returns, in its order."""
        beside = ["pseudo_image"] if self.model.text_branch is not None else []
        judged = ["presence"] if judges(self.model.network) else []
        return ["probability", "logits", *beside, *judged]

    def forward(  # type: ignore[override]
        self, image: Tensor, embedding: Tensor
    ) -> tuple[Tensor, ...]:
        """Segment.

        Args:
            image: As `AnySize.forward`.
            embedding: As `AnySize.forward`.

        Returns:
            Probability and logits; the pseudo-image (batch, channel, size_px, size_px), [0, 1],
            resized frame, and presence (batch,), logits, where the model has them.
        """
        rows, columns = self._boxes(image)
        square = rows.into_square() @ image @ columns.into_square().T
        segmentation = self.model(square, embedding)
        logits = segmentation.logits
        probability = rows.out_of_square() @ logits.sigmoid() @ columns.out_of_square().T
        beside = (segmentation.pseudo_image, segmentation.presence)
        return probability, logits, *(one for one in beside if one is not None)


class WithoutText(nn.Module):
    """`Whole` of an image-only model: it has no second input."""

    def __init__(self, model: Model, framing: Framing) -> None:
        super().__init__()
        self.whole = Whole(model, framing)

    def outputs(self) -> list[str]:
        """As `Whole.outputs`."""
        return self.whole.outputs()

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """As `Whole.forward`, without an embedding."""
        return self.whole(image, torch.zeros(image.shape[0], 1))


class Described(nn.Module):
    """Another module's outputs, and the features of its network, by which pictures are compared.

    Args:
        whole: `AnySize` or one of its kind.
        network: the part of it that hands its maps out, see `modeling.stage_statistics`.
    """

    def __init__(self, whole: nn.Module, network: nn.Module) -> None:
        super().__init__()
        self.whole = whole
        # In a list: a module of its own it would be a second time.
        self.network = [network]

    def forward(self, image: Tensor, embedding: Tensor | None = None) -> tuple[Tensor, ...]:
        """As the other module, with features (batch, feature) after its outputs."""
        with watch(self.network[0]) as seen:
            outputs = self.whole(image) if embedding is None else self.whole(image, embedding)
        return (*outputs, seen.features())


class Sentences(nn.Module):
    """A BERT with its pooling: token numbers → what a model reads.

    Args:
        trunk: The network, in evaluation mode.
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
        states = self.trunk(input_ids, attention_mask)
        if self.gives_tokens:
            return states[-1] * attention_mask[..., None]
        vector = pool(states, attention_mask, self.pooling)
        return nn.functional.normalize(vector, dim=-1) if self.unit_length else vector


class _Axis:
    """Rows or columns of an image, and where they lie in the network's square.

    Pillow rounds to whole grey levels after each pass of a resizing; this does not, and the
    difference is below one level. ONNX has no such operator that PyTorch exports, so resizing is a
    matrix product each way.

    Args:
        places: 0, 1, 2 … of the image's pixels along the axis.
        length: How many they are.
        longer: What fills the whole square: this length, or the image's longer side.
        side: Of the square.
    """

    def __init__(self, places: Tensor, length: Tensor, longer: Tensor, side: int) -> None:
        self.places = places
        self.length = length
        self.squares = torch.arange(side, dtype=places.dtype)
        # As `io.framing.Framing.box`.
        self.inner = (side * length / longer).round().clamp_min(1)
        self.start = ((side - self.inner) / 2).floor()

    def into_square(self) -> Tensor:
        """(side, length): each old pixel's share in each new one, bilinear with antialiasing."""
        scale = self.length / self.inner
        # Below 1 the picture grows, and the triangle reaches to the next pixel only.
        reach = scale.clamp_min(1)
        within = self.squares - self.start
        centres = (within + 0.5) * scale
        distance = (self.places[None] + 0.5 - centres[:, None]).abs() / reach
        shares = (1 - distance).clamp_min(0)
        shares = shares / shares.sum(1, keepdim=True).clamp_min(1e-6)
        is_inside = (within >= 0) & (within < self.inner)
        return shares * is_inside[:, None]

    def out_of_square(self) -> Tensor:
        """(length, side): back by two neighbours, as PyTorch's bilinear interpolation."""
        at = (self.places + 0.5) * self.inner / self.length - 0.5
        at = torch.minimum(at.clamp_min(0), self.inner - 1)
        distance = (self.squares[None] - (self.start + at)[:, None]).abs()
        return (1 - distance).clamp_min(0)
