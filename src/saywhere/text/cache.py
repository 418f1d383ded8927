"""Embeddings on disk: each distinct prompt is encoded once, before training; no training step ever runs the encoder.

A cache is a folder a key (encoder, revision, pooling, max length) of shards that never change: several processes may fill it at once.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from saywhere.errors import NotWritable
from saywhere.io.cache import use
from saywhere.io.files import refusing
from saywhere.io.paths import cache_folder
from saywhere.text import shards
from saywhere.text.encoder import Encoder


class EmbeddingCache:
    """Vectors of one encoder; `get` encodes only what was never seen. Raises NotWritable where the folder cannot be made or filled.

    Keep it where prompts come one by one: it reads each shard once, then only those that hold what is asked for.
    """

    def __init__(
        self, encoder: Encoder, folder: Path | None = None, *, tokens: bool = False
    ) -> None:
        """`tokens`: keep a vector a token instead of one a sentence."""
        self.encoder, self.tokens = encoder, tokens
        self._holds: dict[str, set[str]] = {}  # names of prompts, by the shard's
        key = json.dumps(
            [
                encoder.name,
                encoder.revision,
                "tokens" if tokens else encoder.pooling,
                encoder.max_length,
            ]
        )
        plain = re.sub(r"[^\w.-]", "_", encoder.name, flags=re.ASCII).lstrip(
            "."
        )  # a hub's names have slashes
        self.folder = (
            folder or cache_folder() / "embeddings"
        ) / f"{plain}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        with refusing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)

    def get(self, prompts: Sequence[str]) -> np.ndarray:
        """float32 (n, dim), in the order of the prompts; of tokens (n, token, dim), padded with zero rows to the longest."""
        names = {prompt: shards.name(prompt) for prompt in prompts}
        known = self._read(set(names.values()))
        if new := sorted(prompt for prompt in names if names[prompt] not in known):
            known.update(self._encode(new))
        rows = [known[names[prompt]] for prompt in prompts]
        table = np.zeros(
            (len(prompts), max((len(row) for row in rows), default=1), self.encoder.dim), np.float32
        )
        for i, row in enumerate(rows):
            table[i, : len(row)] = row
        return table if self.tokens else table[:, 0]

    def _read(self, wanted: set[str]) -> dict[str, np.ndarray]:
        known: dict[str, np.ndarray] = {}
        use(self.folder)
        before, here = self._holds, shards.shards(self.folder)
        self._holds = holds = {path.stem: before[path.stem] for path in here if path.stem in before}
        for path in here:
            if path.stem in holds and not holds[path.stem] & wanted:
                continue
            vectors = shards.read(path)
            holds[path.stem] = set(vectors)
            known.update(
                {name: vectors[name].copy() for name in wanted & vectors.keys()}
            )  # so that the rest of the shard is let go
        return known

    def _encode(self, new: list[str]) -> dict[str, np.ndarray]:
        found = (
            self.encoder.embed_tokens(new)
            if self.tokens
            else list(self.encoder.embed(new)[:, None])
        )
        vectors = {shards.name(prompt): rows for prompt, rows in zip(new, found)}
        try:
            written = shards.write(self.folder, vectors)
        except FileNotFoundError:  # the cache was cleared just now
            written = shards.write(self.folder, vectors)
        self._holds[written.stem] = set(vectors)
        with suppress(
            NotWritable, OSError
        ):  # these vectors are kept; that there are many shards is no reason to stop
            shards.merge(self.folder)
        return vectors
