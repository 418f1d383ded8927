"""Every sentence that a training can meet, embedded beforehand: a sample carries a row number of this table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from saywhere.data.manifest import Row
from saywhere.errors import ConfigError, nearest
from saywhere.text.cache import EmbeddingCache
from saywhere.text.whitening import same_meaning


@dataclass(frozen=True)
class PromptTable:
    """Distinct prompts and their vectors."""

    prompts: list[str]
    embeddings: Tensor
    """float32 (prompt, embedding), as the encoder gives them"""
    number: dict[str, int]

    def numbers(self, prompts: Sequence[str]) -> np.ndarray:
        """int64 (n,): where these prompts stand."""
        return np.array([self.number[prompt] for prompt in prompts], np.int64)


def embed(prompts: Sequence[str], cache: EmbeddingCache) -> PromptTable:
    """One encoder call a distinct prompt, or none where the cache has it."""
    distinct = sorted(set(prompts))
    return PromptTable(
        distinct,
        torch.from_numpy(cache.get(distinct)),
        {prompt: i for i, prompt in enumerate(distinct)},
    )


def wordless() -> PromptTable:
    """The table of an image-only model: one blank prompt, no encoder."""
    return PromptTable([""], torch.zeros(1, 1), {"": 0})


def texts_of(row: Row, level: str, key: str = "text.train_prompts") -> tuple[str, ...]:
    """A row's sentences at a level. Raises ConfigError where the manifest has no such level."""
    if level not in row.prompts:
        raise ConfigError(
            f"no prompts {level!r} in row {row.id!r}",
            where=key,
            remedy=nearest(level, row.prompts) if row.prompts else "add prompts",
        )
    if not row.prompts[level]:
        raise ConfigError(
            f"the list of prompts {level!r} in row {row.id!r} is empty",
            where=key,
            remedy='write a text, or "" for no words',
        )
    return row.prompts[level]


def groups_of_meaning(
    rows: Sequence[Row],
    levels: Sequence[str],
    table: PromptTable,
    versions: Callable[[str], Sequence[str]] = lambda text: (text,),
) -> np.ndarray:
    """`same_meaning` of the rows' sentences at these levels, whatever the level; `versions` of a sentence mean what it means."""
    spoken = (
        [
            version
            for level in levels
            for text in row.prompts.get(level, ())
            for version in versions(text)
        ]
        for row in rows
    )
    return same_meaning(spoken, table.number)
