"""What a text encoder is, and the ones there are: name → how to open it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from saywhere.config import TextConfig
from saywhere.errors import ConfigError, nearest
from saywhere.text import bert, controls, minilm


@runtime_checkable
class Encoder(Protocol):
    """A frozen sentence encoder: text in, one vector a sentence out. Always in eval mode, never trained."""

    name: str
    dim: int
    revision: str
    """Digest of the weights: another checkpoint is another encoder."""
    pooling: str
    max_length: int

    def embed(self, prompts: Sequence[str]) -> np.ndarray:
        """Prompts → float32 (n, dim); n prompts together equal n alone to 1e-5."""
        ...

    def embed_tokens(self, prompts: Sequence[str]) -> list[np.ndarray]:
        """Prompts → for each float32 (token, dim): the last layer's states with the special ones, after truncation, without padding."""
        ...

    def count_tokens(self, prompt: str) -> int:
        """Tokens before truncation, with the special ones; more than `max_length` are cut off at the end."""
        ...


ENCODERS: dict[str, Callable[[Path | None, str, int | None], Encoder]] = {
    "minilm": minilm.open_minilm,
    "cxr-bert": bert.open_cxr_bert,
    "random": controls.open_random,
    "place": controls.open_place,
}


def identity(encoder: Encoder) -> dict[str, str]:
    """What tells an encoder from another one whose numbers would mean something else."""
    return {"name": encoder.name, "revision": encoder.revision, "pooling": encoder.pooling}


def open_encoder(text: TextConfig) -> Encoder:
    """The encoder that a configuration names. Raises ConfigError, MissingEncoder, BadCheckpoint."""
    if text.encoder not in ENCODERS:
        raise ConfigError(
            f"no text encoder {text.encoder!r}",
            where="text.encoder",
            remedy=nearest(text.encoder, ENCODERS),
        )
    return ENCODERS[text.encoder](text.path, text.pooling, text.max_length)
