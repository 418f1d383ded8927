"""Encoders that know no language, to compare with.

They tell how much of a gain is language, how much a leaked position, and how much only a name for
each image.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from saywhere.errors import ConfigError
from saywhere.text.directions import positions
from saywhere.text.prompts import clean

RANDOM_DIM = 384
"""As many numbers as the default encoder gives, so that the two can be compared."""
PLACE_DIM = 10
"""Nine cells of a 3×3 grid, and one number for a sentence that names none."""
VERTICAL: tuple[set[str], ...] = ({"top", "upper"}, set(), {"bottom", "lower"})
"""Words for the grid's rows, from above."""
HORIZONTAL: tuple[set[str], ...] = ({"left"}, set(), {"right"})
"""Words for the grid's columns, from the left."""


class Control:
    """A fixed function from a sentence to numbers, as a `text.encoder.Encoder`.

    A sentence is one token.

    Attributes:
        name: As the registry calls it.
        dim: Numbers per vector.
    """

    revision = "1"
    pooling = "none"
    # Nothing is cut off, so no user is told so.
    max_length = sys.maxsize

    def __init__(self, name: str, dim: int, numbers: Callable[[str], np.ndarray]) -> None:
        """Make an encoder of a function.

        Args:
            name: As the registry calls it.
            dim: Numbers per vector.
            numbers: A cleaned prompt → float32 (dim,).
        """
        self.name = name
        self.dim = dim
        self._numbers = numbers

    def embed(self, prompts: Sequence[str]) -> np.ndarray:
        """One vector per prompt.

        Args:
            prompts: Texts.

        Returns:
            float32 (n, dim).
        """
        if not prompts:
            return np.zeros((0, self.dim), np.float32)
        # Cleaned: prediction cleans a prompt, and training takes it as the manifest has it.
        return np.stack([self._numbers(clean(prompt)) for prompt in prompts])

    def embed_tokens(self, prompts: Sequence[str]) -> list[np.ndarray]:
        """One vector per prompt, as its only token.

        Args:
            prompts: Texts.

        Returns:
            For each prompt float32 (1, dim).
        """
        return list(self.embed(prompts)[:, None])

    def count_tokens(self, prompt: str) -> int:
        """How long a prompt is.

        Args:
            prompt: A text.

        Returns:
            Its words; nothing is ever cut off.
        """
        return len(prompt.split())


def is_control(name: str) -> bool:
    """Is an encoder a fixed function, without weights?

    Args:
        name: As the registry calls it.

    Returns:
        True for those of this module.
    """
    return name in ("random", "place")


def open_random(
    path: Path | None = None, pooling: str = "default", max_length: int | None = None
) -> Control:
    """Open the encoder whose vectors only name a sentence.

    Args:
        path: None; there are no files.
        pooling: "default"; there is nothing to pool.
        max_length: None; nothing is cut off.

    Returns:
        An encoder that gives each sentence a Gaussian vector of unit length, drawn by its
        SHA-256. Equal sentences are equal, and no two others are alike.

    Raises:
        ConfigError: An argument is set.
    """
    _refuse_settings("random", path, pooling, max_length)
    return Control("random", RANDOM_DIM, _random)


def open_place(
    path: Path | None = None, pooling: str = "default", max_length: int | None = None
) -> Control:
    """Open the encoder of places: which cells of a 3×3 grid the sentence's words name.

    Where the position words were computed from the mask, these numbers are the truth's place,
    without any language.

    Args:
        path: None; there are no files.
        pooling: "default"; there is nothing to pool.
        max_length: None; nothing is cut off.

    Returns:
        An encoder that gives ten numbers, 0 or 1: the grid row by row, then 1 for a sentence that
        names no place.

    Raises:
        ConfigError: An argument is set.
    """
    _refuse_settings("place", path, pooling, max_length)
    return Control("place", PLACE_DIM, _place)


def _random(prompt: str) -> np.ndarray:
    # Python's own hash differs from process to process.
    seed = int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:8], "little")
    vector = np.random.Generator(np.random.Philox(seed)).standard_normal(RANDOM_DIM)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def _place(prompt: str) -> np.ndarray:
    cells = np.zeros(PLACE_DIM, np.float32)
    named = positions(prompt)
    if not named:
        # A number of its own, so that "nowhere" is no place of the grid.
        cells[-1] = 1
        return cells
    columns = _named_thirds(HORIZONTAL, named)
    for row in _named_thirds(VERTICAL, named):
        for column in columns:
            cells[3 * row + column] = 1
    return cells


def _named_thirds(words_of_third: Sequence[set[str]], named: frozenset[str]) -> list[int]:
    """The thirds of an axis that are named; the middle one where none is."""
    return [i for i, words in enumerate(words_of_third) if words & named] or [1]


def _refuse_settings(name: str, path: Path | None, pooling: str, max_length: int | None) -> None:
    if path is not None or pooling != "default" or max_length is not None:
        raise ConfigError(
            f"text.encoder is {name!r}, with a path, a pooling or a length",
            allowed="it takes none of them",
            remedy="leave them out",
        )
