"""Embeddings on disk: each distinct prompt is encoded once, before training.

No training step ever runs the encoder. A cache is a folder per key (encoder, revision, pooling,
max length) of shards that never change: several processes may fill it at once. The shards' file
format stands in `text.shards`, apart from this, because it must stay readable for ever.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from saywhere.errors import NotWritable
from saywhere.io.cache import use
from saywhere.io.files import refusing
from saywhere.io.paths import cache_folder
from saywhere.phases import phase
from saywhere.text import shards
from saywhere.text.encoder import Encoder

log = logging.getLogger("saywhere")


class EmbeddingCache:
    """Vectors of one encoder; `get` encodes only what was never seen.

    Keep one where prompts come one by one: it reads each shard once, and later only the shards
    that hold a prompt which is wanted.

    Attributes:
        encoder: Where new vectors come from.
        tokens: Is there a vector per token, instead of one per sentence?
        folder: Where this encoder's shards lie.
    """

    def __init__(
        self,
        encoder: Encoder,
        folder: Path | None = None,
        *,
        tokens: bool = False,
        made_by: str = "",
    ) -> None:
        """Open the cache of an encoder, and make its folder if need be.

        Where the folder cannot be written, it goes on without a cache, with one warning.

        Args:
            encoder: A frozen encoder.
            folder: Where all encoders' folders lie; None for `embeddings` in the cache folder.
            tokens: Keep a vector per token, instead of one per sentence.
            made_by: What computes the encoder, where that is not PyTorch: its last digits differ,
                and nobody's answers shall depend on who asked first.
        """
        self.encoder = encoder
        self.tokens = tokens
        self._made_by = [made_by] if made_by else []
        self._keys_of_shard: dict[str, set[str]] = {}
        self.folder = (folder or cache_folder() / "embeddings") / self._folder_name()
        self._is_written = True
        try:
            with refusing(self.folder):
                self.folder.mkdir(parents=True, exist_ok=True)
        except NotWritable as error:
            self._go_without(error)

    def _go_without(self, error: NotWritable) -> None:
        """Encode without keeping anything, and say so once."""
        self._is_written = False
        log.warning(
            "no cache of text embeddings: %s; results are the same, and prompts are encoded "
            "anew each time (set SAYWHERE_CACHE to a folder that you may write to)",
            error.found,
        )

    def _folder_name(self) -> str:
        encoder = self.encoder
        pooling = "tokens" if self.tokens else encoder.pooling
        key = json.dumps(
            [encoder.name, encoder.revision, pooling, encoder.max_length, *self._made_by]
        )
        # Names from a model hub hold slashes, and a leading dot would hide the folder.
        plain_name = re.sub(r"[^\w.-]", "_", encoder.name, flags=re.ASCII).lstrip(".")
        return f"{plain_name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"

    @phase("encode")
    def get(self, prompts: Sequence[str]) -> np.ndarray:
        """The vectors of prompts, encoded where they were never seen.

        Args:
            prompts: Texts, in any order; the same one may come more than once.

        Returns:
            float32 (n, dim), in the order of the prompts. With `tokens`, float32
            (n, token, dim), padded with zero rows to the longest prompt.
        """
        keys = {prompt: shards.prompt_key(prompt) for prompt in prompts}
        vectors = self._read(set(keys.values()))
        # Sorted, so that equal sets of prompts make equal shards in any process.
        new = sorted(prompt for prompt in keys if keys[prompt] not in vectors)
        if new:
            vectors.update(self._encode(new))
        rows = [vectors[keys[prompt]] for prompt in prompts]
        longest = max((len(row) for row in rows), default=1)
        table = np.zeros((len(prompts), longest, self.encoder.dim), np.float32)
        for i, row in enumerate(rows):
            table[i, : len(row)] = row
        return table if self.tokens else table[:, 0]

    def _read(self, wanted: set[str]) -> dict[str, np.ndarray]:
        """Vectors on the disk, by prompt key; of shards read before only those that matter."""
        vectors: dict[str, np.ndarray] = {}
        use(self.folder)
        paths = shards.list_shards(self.folder)
        stems = {path.stem for path in paths}
        # Merged or cleared shards are forgotten, so that a long-lived service does not grow.
        known = {stem: keys for stem, keys in self._keys_of_shard.items() if stem in stems}
        self._keys_of_shard = known
        for path in paths:
            # A shard never changes, so its keys of the first reading still hold.
            if path.stem in known and not known[path.stem] & wanted:
                continue
            shard = shards.read(path)
            known[path.stem] = set(shard)
            # Copies, so that the rest of the shard leaves the memory.
            vectors.update({key: shard[key].copy() for key in wanted & shard.keys()})
        return vectors

    def _encode(self, new: list[str]) -> dict[str, np.ndarray]:
        rows: Sequence[np.ndarray]
        if self.tokens:
            rows = self.encoder.embed_tokens(new)
        else:
            rows = list(self.encoder.embed(new)[:, None])
        vectors = {shards.prompt_key(prompt): states for prompt, states in zip(new, rows)}
        if self._is_written:
            try:
                self._write(vectors)
            except NotWritable as error:
                self._go_without(error)
        return vectors

    def _write(self, vectors: dict[str, np.ndarray]) -> None:
        try:
            written = shards.write(self.folder, vectors)
        except FileNotFoundError:  # the cache was cleared just now; writing makes the folder anew
            written = shards.write(self.folder, vectors)
        self._keys_of_shard[written.stem] = set(vectors)
        # The vectors are safe by now. That there are many shards is no reason to stop.
        with suppress(NotWritable, OSError):
            shards.merge(self.folder)
