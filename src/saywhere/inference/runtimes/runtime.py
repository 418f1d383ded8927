"""What every runtime can: from squares and embeddings to scores, and back to the original frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from saywhere.config import Config
from saywhere.io.framing import Box
from saywhere.text.encoder import Encoder

AUTO, TORCH, HALF, ONNX = "auto", "torch", "torch-bfloat16", "onnx"
RUNTIMES = (TORCH, HALF, ONNX)
"""By name: PyTorch in float32, PyTorch with bfloat16 where it is safe, ONNX Runtime."""


@dataclass(frozen=True)
class Scores:
    """What a network answers of a batch, at its own size.

    Attributes:
        probability: float32 (batch, 1, size, size), [0, 1].
        pseudo_image: float32 (batch, 1 or 3, size, size), [0, 1]; None where the model has none.
        unfamiliarity: (batch,): distance of each prompt from the training prompts.
        features: float32 (batch, feature): mean and spread of the network's maps, as
            `modeling.stage_statistics` takes them. None where the network names no maps.
        presence: float32 (batch,), logits: is what the prompt names in the picture? None for a
            model without a head for it.
        words: float32 (batch, embedding): each prompt's vector. None before `Segmenter.scores`
            has set it.
    """

    probability: NDArray[np.float32]
    pseudo_image: NDArray[np.float32] | None
    unfamiliarity: NDArray[np.float32]
    features: NDArray[np.float32] | None = None
    presence: NDArray[np.float32] | None = None
    words: NDArray[np.float32] | None = None

    @property
    def described(self) -> NDArray[np.float32] | None:
        """What presence is learned from where there is no head: features, then the words.

        Returns:
            float32 (batch, feature + embedding); None where either is missing.
        """
        if self.features is None or self.words is None:
            return None
        return np.concatenate([self.features, self.words], axis=1)

    def of(self, number: int) -> Scores:
        """One answer of the batch.

        Args:
            number: Of the picture in the batch, from 0.

        Returns:
            Scores of a batch of one. The pseudo-image has three channels, as people look at it:
            those of a grey one are equal.
        """
        one = slice(number, number + 1)
        shown = self.pseudo_image
        if shown is not None:
            shown = np.repeat(shown[one], 3 // shown.shape[1], axis=1)
        features = None if self.features is None else self.features[one]
        presence = None if self.presence is None else self.presence[one]
        words = None if self.words is None else self.words[one]
        return Scores(
            self.probability[one], shown, self.unfamiliarity[one], features, presence, words
        )


def sentence_vectors(embedding: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average tokens, where a model reads them.

    Args:
        embedding: (batch, embedding), or (batch, token, embedding) with zeros as padding.

    Returns:
        (batch, embedding); zeros where a prompt has no token.
    """
    if embedding.ndim == 2:
        return embedding
    # Where there is no token at all, the mean is zero and not NaN.
    n_tokens = np.maximum(embedding.any(-1).sum(1, keepdims=True), 1)
    return (embedding.sum(1) / n_tokens).astype(np.float32)


class Runtime(Protocol):
    """A loaded model that answers.

    Attributes:
        name: Of RUNTIMES.
        config: The resolved configuration that the model was trained with.
        state: What its checkpoint says of itself: epoch, step, encoder …
    """

    name: str
    config: Config
    state: Any

    @property
    def uses_text(self) -> bool:
        """False for an image-only model."""
        ...

    @property
    def reads_tokens(self) -> bool:
        """Is an embedding (token, embedding), rather than one vector?"""
        ...

    def refuse_mirrors(self) -> None:
        """Refuse to mirror where the model or the runtime cannot.

        Raises:
            UsageError: Saying why.
        """

    def scores(
        self, squares: NDArray[np.uint8], embedding: NDArray[np.float32], *, mirror: bool
    ) -> Scores:
        """Segment a batch.

        Args:
            squares: uint8 (batch, size, size, channel), as the model's framing makes them.
            embedding: float32 (batch, embedding), or (batch, token, embedding).
            mirror: Average over four mirrorings of image and prompt.

        Returns:
            The scores, in the frame of the squares.
        """
        ...

    def in_frame(
        self, picture: NDArray[np.float32], box: Box, height: int, width: int
    ) -> NDArray[np.float32]:
        """Bring an outcome back onto the original image's grid.

        Args:
            picture: (1, channel, size, size).
            box: Where the image lies in it; the rest are bars.
            height: Of the original, px.
            width: Of the original, px.

        Returns:
            float32 (height, width, channel).
        """
        ...

    def open_encoder(self) -> Encoder:
        """Open the text encoder that the model was trained with.

        Raises:
            MissingEncoder: Its files are not installed.
        """
        ...

    def weights(self) -> dict[str, NDArray[Any]]:
        """The weights by name, in float32 as they were trained; for the model's digest."""
        ...
