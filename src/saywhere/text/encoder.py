"""What a text encoder is, and the registry of those there are: name → how to open it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from saywhere.config import TextConfig
from saywhere.errors import BadCheckpoint, ConfigError, nearest
from saywhere.text import controls


@runtime_checkable
class Encoder(Protocol):
    """A frozen sentence encoder: text in, one vector per sentence out.

    It is always in evaluation mode and never trained.

    Attributes:
        name: As the registry calls it.
        dim: Numbers per vector.
        revision: Digest of the weights: another checkpoint is another encoder.
        pooling: How token states become one vector.
        max_length: Tokens that are read at most; what follows is cut off.
    """

    name: str
    dim: int
    revision: str
    pooling: str
    max_length: int

    def embed(self, prompts: Sequence[str]) -> np.ndarray:
        """One vector per prompt.

        Args:
            prompts: Texts.

        Returns:
            float32 (n, dim). n prompts together equal n alone to 1e-5.
        """
        ...

    def embed_tokens(self, prompts: Sequence[str]) -> list[np.ndarray]:
        """One vector per token.

        Args:
            prompts: Texts.

        Returns:
            For each prompt float32 (token, dim): the last layer's states with the special tokens,
            after truncation, without padding.
        """
        ...

    def count_tokens(self, prompt: str) -> int:
        """How long a prompt is.

        Args:
            prompt: A text.

        Returns:
            Tokens before truncation, with the special ones. Where there are more than
            `max_length`, the end is cut off.
        """
        ...


def open_minilm(path: Path | None, pooling: str, max_length: int | None) -> Encoder:
    """Open MiniLM, as `minilm.open_minilm` does; PyTorch and transformers are loaded only then.

    Args:
        path: A folder of files; None for the package's own.
        pooling: How token states become one vector; "default" for the encoder's own.
        max_length: Tokens that are read; None for the encoder's own.

    Returns:
        The encoder.

    Raises:
        MissingEncoder: Its files are not there.
        BadCheckpoint: Its files are damaged, or belong to something else.
    """
    from saywhere.text.minilm import open_minilm

    return open_minilm(path, pooling, max_length)


def open_cxr_bert(path: Path | None, pooling: str, max_length: int | None) -> Encoder:
    """Open CXR-BERT, as `bert.open_cxr_bert` does; PyTorch and transformers are loaded only then.

    Args:
        path: A folder of files; None for none: it must be named.
        pooling: How token states become one vector; "default" for the encoder's own.
        max_length: Tokens that are read; None for the encoder's own.

    Returns:
        The encoder.

    Raises:
        MissingEncoder: Its files are not there.
        BadCheckpoint: Its files are damaged, or belong to something else.
    """
    from saywhere.text.bert import open_cxr_bert

    return open_cxr_bert(path, pooling, max_length)


ENCODERS: dict[str, Callable[[Path | None, str, int | None], Encoder]] = {
    "minilm": open_minilm,
    "cxr-bert": open_cxr_bert,
    "random": controls.open_random,
    "place": controls.open_place,
}
"""Name → a function of (path, pooling, max_length) that opens the encoder."""


def identity(encoder: Encoder) -> dict[str, str]:
    """What tells an encoder from another one whose numbers would mean something else.

    Args:
        encoder: Any encoder.

    Returns:
        Its name, revision and pooling, as a checkpoint stores them.
    """
    return {"name": encoder.name, "revision": encoder.revision, "pooling": encoder.pooling}


def same_encoder(saved: dict[str, str] | None, encoder: Encoder | None, where: Path) -> None:
    """Refuse another encoder than the one trained with: its numbers mean something else.

    Args:
        saved: the identity that the checkpoint holds; None of one that holds none.
        encoder: that would answer; None: no words are read.
        where: the checkpoint, for messages.

    Raises:
        BadCheckpoint: where the two differ.
    """
    if saved is None or encoder is None:
        return
    present = identity(encoder)
    if saved != present:
        raise BadCheckpoint(
            f"the text encoder here is {present}",
            where=where,
            allowed=f"the model was trained with {saved}",
            remedy="point text.path to that encoder's files",
        )


def open_encoder(text: TextConfig) -> Encoder:
    """Open the encoder that a configuration names.

    Args:
        text: The configuration's `[text]`.

    Returns:
        The encoder. Nothing is downloaded.

    Raises:
        ConfigError: There is no encoder of that name, or it does not take these settings.
        MissingEncoder: Its files are not there.
        BadCheckpoint: Its files are damaged, or belong to something else.
    """
    if text.encoder not in ENCODERS:
        raise ConfigError(
            f"no text encoder {text.encoder!r}",
            where="text.encoder",
            remedy=nearest(text.encoder, ENCODERS),
        )
    return ENCODERS[text.encoder](text.path, text.pooling, text.max_length)
