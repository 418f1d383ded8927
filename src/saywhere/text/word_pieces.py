"""A BERT's tokenizer: prompts → padded token numbers, without PyTorch and transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class WordPieces:
    """Prompts as a BERT reads them.

    Attributes:
        max_length: Tokens that are read at most.
        size: How many token numbers there are.
    """

    def __init__(self, tokenizer: Tokenizer, max_length: int, *, is_fixed: bool) -> None:
        """Take a tokenizer over.

        Args:
            tokenizer: That of the checkpoint; it cuts and pads nothing from here on.
            max_length: Tokens, with the special ones.
            is_fixed: Pad to `max_length`, and not to the longest prompt of a batch?
        """
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._tokenizer = tokenizer
        self.max_length = max_length
        self.size: int = tokenizer.get_vocab_size(with_added_tokens=True)
        self._is_fixed = is_fixed
        self._padding = tokenizer.token_to_id("[PAD]") or 0

    def count(self, prompt: str) -> int:
        """How long a prompt is, in tokens before truncation, with the special ones.

        Args:
            prompt: A text.

        Returns:
            The number.
        """
        return len(self._ids(prompt))

    def shortest_first(self, prompts: Sequence[str]) -> list[int]:
        """The order in which batches hold hardly any padding, which costs as much as words do.

        Args:
            prompts: Texts.

        Returns:
            Their numbers, those of fewest tokens first.
        """
        counts = [self.count(prompt) for prompt in prompts]
        return sorted(range(len(prompts)), key=counts.__getitem__)

    def batch(self, prompts: Sequence[str]) -> dict[str, NDArray[np.int64]]:
        """Token numbers of prompts, cut and padded.

        Args:
            prompts: Texts, one or more.

        Returns:
            `input_ids` and `attention_mask` (1 for a token, 0 for padding), (prompt, token).
        """
        ids = [self._cut(self._ids(prompt)) for prompt in prompts]
        length = self.max_length if self._is_fixed else max(len(one) for one in ids)
        tokens = np.full((len(ids), length), self._padding, np.int64)
        mask = np.zeros((len(ids), length), np.int64)
        for number, one in enumerate(ids):
            tokens[number, : len(one)] = one
            mask[number, : len(one)] = 1
        return {"input_ids": tokens, "attention_mask": mask}

    def to_json(self) -> str:
        """The tokenizer, as `tokenizers.Tokenizer.from_str` reads it; it cuts and pads nothing."""
        return self._tokenizer.to_str()

    def _ids(self, prompt: str) -> list[int]:
        # Lone surrogates become question marks, since no tokenizer takes them. A command line gives
        # them for bytes that are no text.
        ids: list[int] = self._tokenizer.encode(prompt.encode("utf-8", "replace").decode()).ids
        return ids

    def _cut(self, ids: list[int]) -> list[int]:
        """The words are cut, and the closing token stays."""
        return ids if len(ids) <= self.max_length else [*ids[: self.max_length - 1], ids[-1]]
