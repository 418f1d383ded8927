"""The vectors of prompts: encoded once, kept on disk, and for a while in memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from saywhere.inference.runtimes.runtime import ONNX, Runtime
from saywhere.text.cache import EmbeddingCache
from saywhere.text.encoder import Encoder, same_encoder
from saywhere.text.prompts import refuse_endless

REMEMBERED = 10_000
"""Prompts whose vectors stay in memory."""


class PromptVectors:
    """What a model reads of its prompts."""

    def __init__(self, runtime: Runtime, folder: Path) -> None:
        """Remember whose they are; nothing is opened yet.

        Args:
            runtime: Of the model. An image-only one never opens an encoder.
            folder: The model's, for messages.
        """
        self._runtime = runtime
        self._folder = folder
        self._known: dict[str, NDArray[np.float32]] = {}

    @cached_property
    def encoder(self) -> Encoder:
        """The text encoder that the model was trained with.

        Raises:
            MissingEncoder: Where its files are not installed.
            BadCheckpoint: Where another one is installed.
        """
        encoder = self._runtime.open_encoder()
        same_encoder(self._runtime.state.get("encoder"), encoder, self._folder)
        return encoder

    @cached_property
    def cache(self) -> EmbeddingCache:
        """The vectors that are kept on disk."""
        # Where the home folder can only be read, an answer is worth more than a cache.
        tokens = self._runtime.reads_tokens
        made_by = ONNX if self._runtime.name == ONNX else ""
        return EmbeddingCache(self.encoder, tokens=tokens, made_by=made_by)

    @property
    def n_remembered(self) -> int:
        """How many are in memory."""
        return len(self._known)

    def table(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """The encoder's output, one row per prompt.

        Args:
            prompts: Cleaned texts.

        Returns:
            float32 (prompt, embedding); of a model that reads tokens (prompt, token, embedding),
            padded with zeros. Zeros for an image-only model.

        Raises:
            UsageError: For a prompt of more than 10,000 characters.
        """
        vectors = self.look_up(prompts)
        if not self._runtime.uses_text:
            # It is not looked at, but models take one row per image.
            return np.zeros((len(prompts), 1), np.float32)
        rows = [vectors[prompt] for prompt in prompts]
        if not self._runtime.reads_tokens:
            return np.stack(rows)
        longest = max(len(row) for row in rows)
        table = np.zeros((len(rows), longest, rows[0].shape[1]), np.float32)
        for number, row in enumerate(rows):
            table[number, : len(row)] = row
        return table

    def look_up(self, prompts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Each distinct prompt with its vector, encoded where it was never met.

        A service runs for months. Once many prompts are remembered, those from before this call
        are forgotten, and read from the disk when they come again.

        Args:
            prompts: Cleaned texts.

        Returns:
            Prompt → vector; none for an image-only model.

        Raises:
            UsageError: For a prompt of more than 10,000 characters.
        """
        refuse_endless(prompts)
        wanted = set(prompts) if self._runtime.uses_text else set()
        known = self._known
        vectors = {prompt: known[prompt] for prompt in wanted & known.keys()}
        # A set of strings has another order in each process.
        new = sorted(wanted - vectors.keys())
        if new:
            vectors.update(zip(new, self.cache.get(new)))
            is_few = len(known) + len(new) <= REMEMBERED
            self._known = vectors | (known if is_few else {})
        return vectors
