"""Encoders that know no language, to compare with: how much of a gain is language, how much is a leaked position, how much a name for a case?"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from saywhere.errors import ConfigError
from saywhere.text.directions import positions
from saywhere.text.prompts import clean

RANDOM_DIM = 384
VERTICAL: tuple[set[str], ...] = ({"top", "upper"}, set(), {"bottom", "lower"})
HORIZONTAL: tuple[set[str], ...] = ({"left"}, set(), {"right"})


class Control:
    """A fixed function from a sentence to numbers, in the form of `text.encoder.Encoder`; one token a sentence."""

    revision, pooling, max_length = "1", "none", 512

    def __init__(self, name: str, dim: int, numbers: Callable[[str], np.ndarray]) -> None:
        self.name, self.dim, self._numbers = name, dim, numbers

    def embed(self, prompts: Sequence[str]) -> np.ndarray:
        """Prompts → float32 (n, dim)."""
        return (
            np.stack([self._numbers(clean(prompt)) for prompt in prompts])
            if prompts
            else np.zeros((0, self.dim), np.float32)
        )

    def embed_tokens(self, prompts: Sequence[str]) -> list[np.ndarray]:
        """Prompts → for each float32 (1, dim)."""
        return list(self.embed(prompts)[:, None])

    def count_tokens(self, prompt: str) -> int:
        """Words; nothing is ever cut off."""
        return len(prompt.split())


def open_random(
    path: Path | None = None, pooling: str = "default", max_length: int | None = None
) -> Control:
    """A Gaussian vector of unit length a sentence, from its SHA-256: equal sentences are equal, and no two others are alike."""
    _takes_nothing("random", path, pooling, max_length)
    return Control("random", RANDOM_DIM, _random)


def open_place(
    path: Path | None = None, pooling: str = "default", max_length: int | None = None
) -> Control:
    """Which cells of a 3×3 grid the sentence's position words name, and nothing else: ten numbers, the last for a sentence that names none.

    Where the position words were computed from the mask, this is the truth's place as numbers, without any language.
    """
    _takes_nothing("place", path, pooling, max_length)
    return Control("place", 10, _place)


def _random(prompt: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:8], "little")
    vector = np.random.Generator(np.random.Philox(seed)).standard_normal(RANDOM_DIM)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def _place(prompt: str) -> np.ndarray:
    cells = np.zeros(10, np.float32)
    named = positions(prompt)
    if not named:
        cells[9] = 1
        return cells
    rows, columns = (
        [i for i, words in enumerate(side) if words & named] or [1]
        for side in (VERTICAL, HORIZONTAL)
    )
    for row in rows:
        for column in columns:
            cells[3 * row + column] = 1
    return cells


def _takes_nothing(name: str, path: Path | None, pooling: str, max_length: int | None) -> None:
    if path is not None or pooling != "default" or max_length is not None:
        raise ConfigError(
            f"text.encoder is {name!r}, with a path, a pooling or a length",
            allowed="it has neither",
            remedy="leave them out",
        )
