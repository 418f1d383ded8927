"""Every sentence that a training can meet, embedded beforehand.

A sample carries the number of its sentence in this table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from saywhere.data.manifest_row import Row
from saywhere.text.cache import EmbeddingCache
from saywhere.text.whitening import same_meaning


@dataclass(frozen=True)
class PromptTable:
    """Distinct prompts and their vectors."""

    prompts: list[str]
    embeddings: Tensor
    """float32 (prompt, embedding), as the encoder gives them"""
    number: dict[str, int]
    """Prompt → its row of `embeddings`."""

    def numbers(self, prompts: Sequence[str]) -> np.ndarray:
        """Look up where prompts stand.

        Args:
            prompts: each of them in the table.

        Returns:
            int64 (n,): rows of `embeddings`.
        """
        return np.array([self.number[prompt] for prompt in prompts], np.int64)


def embed(prompts: Sequence[str], cache: EmbeddingCache) -> PromptTable:
    """Embed prompts: one encoder call per distinct one, or none where the cache has it.

    Args:
        prompts: in any order, some of them several times.
        cache: of one encoder.

    Returns:
        The table, its prompts sorted.
    """
    # Sorted: the order of a set of texts differs from process to process.
    distinct = sorted(set(prompts))
    return PromptTable(
        distinct,
        torch.from_numpy(cache.get(distinct)),
        {prompt: i for i, prompt in enumerate(distinct)},
    )


def wordless() -> PromptTable:
    """Make the table of an image-only model.

    Returns:
        One blank prompt, of one zero; no encoder is opened.
    """
    # Samples carry the number of a sentence, of an image-only model too.
    return PromptTable([""], torch.zeros(1, 1), {"": 0})


def groups_of_meaning(
    rows: Sequence[Row],
    levels: Sequence[str],
    table: PromptTable,
    versions: Callable[[str], Sequence[str]] = lambda text: (text,),
) -> np.ndarray:
    """Group the prompts that mean the same, whatever their level.

    Args:
        rows: all sentences of one row mean the same.
        levels: the prompt levels to read.
        table: the numbers of the prompts.
        versions: further sentences that mean what a sentence means.

    Returns:
        int64 (prompt,): a group's number for each prompt of the table; see `same_meaning`.
    """
    return same_meaning((_sentences(row, levels, versions) for row in rows), table.number)


def _sentences(
    row: Row, levels: Sequence[str], versions: Callable[[str], Sequence[str]]
) -> list[str]:
    sentences: list[str] = []
    for level in levels:
        for text in row.prompts.get(level, ()):
            sentences += versions(text)
    return sentences
