"""An exported text encoder, in ONNX Runtime; transformers is not loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saywhere.text.word_pieces import WordPieces

BATCH = 64


class OnnxEncoder:
    """A frozen BERT as `saywhere export --to onnx` writes it; a `text.encoder.Encoder`.

    Attributes:
        name: As the registry calls it.
        revision: Of the weights that were exported.
        pooling: How token states become one vector.
        dim: Numbers per vector.
        max_length: Tokens that are read at most.
    """

    def __init__(self, folder: Path, about: Mapping[str, Any]) -> None:
        """Read the tokenizer; the network is opened with the first prompt.

        Args:
            folder: With text.onnx and tokenizer.json.
            about: What saywhere.json says.
        """
        from tokenizers import Tokenizer

        identity = about["encoder"]
        self.name: str = identity["name"]
        self.revision: str = identity["revision"]
        self.pooling: str = identity["pooling"]
        self.dim = int(about["embedding_size"])
        self.max_length = int(about["max_tokens"])
        self._folder = folder
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        # The public code averages over the padding too, so that its length is part of the vector.
        is_fixed = self.pooling == "paper_code"
        self._pieces = WordPieces(tokenizer, self.max_length, is_fixed=is_fixed)

    def count_tokens(self, prompt: str) -> int:
        """How long a prompt is, in tokens before truncation, with the special ones.

        Args:
            prompt: A text.

        Returns:
            The number.
        """
        return self._pieces.count(prompt)

    def embed(self, prompts: Sequence[str]) -> NDArray[np.float32]:
        """One vector per prompt.

        Args:
            prompts: Texts.

        Returns:
            float32 (n, dim).
        """
        rows = self._encoded(prompts)
        return np.stack(rows) if rows else np.zeros((0, self.dim), np.float32)

    def embed_tokens(self, prompts: Sequence[str]) -> list[NDArray[np.float32]]:
        """One vector per token, of a model that reads tokens.

        Args:
            prompts: Texts.

        Returns:
            For each prompt float32 (token, dim), after truncation, without padding.
        """
        counts = [min(self.count_tokens(prompt), self.max_length) for prompt in prompts]
        return [row[:count] for row, count in zip(self._encoded(prompts), counts)]

    @cached_property
    def _network(self) -> Any:
        import onnxruntime

        path = self._folder / "text.onnx"
        return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def _encoded(self, prompts: Sequence[str]) -> list[NDArray[np.float32]]:
        by_length = self._pieces.shortest_first(prompts)
        rows: dict[int, NDArray[np.float32]] = {}
        for start in range(0, len(prompts), BATCH):
            chosen = by_length[start : start + BATCH]
            batch = self._pieces.batch([prompts[number] for number in chosen])
            rows.update(zip(chosen, self._network.run(None, batch)[0]))
        return [rows[number] for number in range(len(prompts))]
