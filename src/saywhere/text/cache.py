"""Embeddings on disk: each distinct prompt is encoded once, before training; no training step ever runs the encoder.

A cache is a folder a key (encoder, revision, pooling, max length) with shards that are only ever added, each written
atomically and named for the digest of its content: several processes may fill it at once, and a torn or flipped shard is
known by its name, dropped, and made anew.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from saywhere.io.files import refusing, write_bytes
from saywhere.io.places import cache_folder
from saywhere.text.encoder import Encoder

log = logging.getLogger("saywhere")


class EmbeddingCache:
    """Vectors of one encoder; `get` encodes only what was never seen. Raises NotWritable where the folder cannot be made or filled."""

    def __init__(self, encoder: Encoder, folder: Path | None = None, *, tokens: bool = False) -> None:
        """`tokens`: keep a vector a token instead of one a sentence."""
        self.encoder, self.tokens = encoder, tokens
        key = json.dumps([encoder.name, encoder.revision, "tokens" if tokens else encoder.pooling, encoder.max_length])
        self.folder = (folder or cache_folder() / "embeddings") / f"{encoder.name}-{_sha(key.encode())[:16]}"
        with refusing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)

    def get(self, prompts: Sequence[str]) -> np.ndarray:
        """float32 (n, dim), in the order of the prompts; of tokens (n, token, dim), padded with zero rows to the longest."""
        known = self._read()
        new = sorted({prompt for prompt in prompts if _name(prompt) not in known})
        if new:
            found = self.encoder.embed_tokens(new) if self.tokens else list(self.encoder.embed(new)[:, None])
            self._write(new, found)
            known.update({_name(prompt): vectors for prompt, vectors in zip(new, found)})
        rows = [known[_name(prompt)] for prompt in prompts]
        table = np.zeros((len(prompts), max((len(row) for row in rows), default=1), self.encoder.dim), np.float32)
        for i, row in enumerate(rows):
            table[i, : len(row)] = row
        return table if self.tokens else table[:, 0]

    def _read(self) -> dict[str, np.ndarray]:
        known: dict[str, np.ndarray] = {}
        for path in sorted(self.folder.glob("*.safetensors")):
            known.update(self._read_shard(path))
        return known

    def _read_shard(self, path: Path) -> dict[str, np.ndarray]:
        from safetensors.numpy import load

        try:
            content = path.read_bytes()
        except FileNotFoundError:  # another process found it torn and dropped it
            return {}
        if _sha(content)[:32] != path.stem:
            log.warning("embedding cache: %s is damaged and is made anew", path.name)
            with suppress(OSError):
                path.unlink()
            return {}
        shard = load(content)
        names = [bytes(name).decode() for name in shard["prompt_sha256"]]
        lengths = shard.get("length", np.ones(len(names), np.int32))
        return dict(zip(names, np.split(shard["embedding"], np.cumsum(lengths)[:-1])))

    def _write(self, prompts: list[str], found: list[np.ndarray]) -> None:
        """Rows of all prompts below each other, and how many are whose."""
        from safetensors.numpy import save

        names = np.stack([np.frombuffer(_name(prompt).encode(), np.uint8) for prompt in prompts])
        lengths = np.array([len(vectors) for vectors in found], np.int32)
        content = save({"embedding": np.concatenate(found).astype(np.float32), "prompt_sha256": names, "length": lengths})
        write_bytes(self.folder / f"{_sha(content)[:32]}.safetensors", content)


def _name(prompt: str) -> str:
    return _sha(prompt.encode("utf-8", "surrogatepass"))


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
