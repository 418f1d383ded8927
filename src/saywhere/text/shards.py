"""The embedding cache's files: each holds the vectors of some prompts, and never changes.

A shard is named for the digest of its content. A torn or flipped one is known by that, dropped,
and made anew. Many small shards become one. This is the file format alone; what is looked up and
when is `text.cache`'s.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from saywhere.io.files import write_bytes

log = logging.getLogger("saywhere")

SUFFIX = ".safetensors"
MANY = 64
"""So many small shards become one."""
SMALL = 1 << 20
"""A shard of fewer bytes than this is small."""

Vectors = Mapping[str, np.ndarray]
"""float32 (token, dim) per prompt, by its `prompt_key`; of a sentence's one vector (1, dim)."""


def prompt_key(prompt: str) -> str:
    """What a shard knows a prompt by.

    Args:
        prompt: Any text, lone surrogates included.

    Returns:
        Its SHA-256 in hexadecimal digits. No word of the prompt is written to the disk, since a
        prompt may speak of a patient.
    """
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()


def list_shards(folder: Path) -> list[Path]:
    """The shards of a folder.

    Args:
        folder: A cache's folder.

    Returns:
        Their paths, in a fixed order.
    """
    return sorted(folder.glob(f"*{SUFFIX}"))


def read(path: Path) -> dict[str, np.ndarray]:
    """All vectors of a shard.

    Args:
        path: The shard.

    Returns:
        The vectors per prompt, as `write` was given them. Nothing where the file is gone, because
        another process dropped, merged or cleared it. Nothing where it is torn: then it is
        removed, and the log says so.
    """
    from safetensors.numpy import load

    try:
        content = path.read_bytes()
    except OSError:
        return {}
    # The name is the digest of the content, so that one flipped byte is noticed.
    if _stem(content) != path.stem:
        log.warning("embedding cache: %s is damaged and is made anew", path.name)
        _drop([path])
        return {}
    shard = load(content)
    keys = [bytes(row).decode() for row in shard["prompt_sha256"]]
    # A shard without lengths is an older one, which held one vector per sentence.
    ends = np.cumsum(shard.get("length", np.ones(len(keys), np.int32)))
    starts = ends - np.diff(ends, prepend=0)
    rows = shard["embedding"]
    return {key: rows[start:end] for key, start, end in zip(keys, starts, ends)}


def write(folder: Path, vectors: Vectors) -> Path:
    """Write a new shard: the rows of all prompts below each other, and how many are whose.

    Args:
        folder: A cache's folder.
        vectors: The vectors per prompt; at least one.

    Returns:
        The shard's path. Equal vectors in equal order give the same file.

    Raises:
        NotWritable: The disk is full, or the folder takes no files.
    """
    from safetensors.numpy import save

    # safetensors holds numbers only, so the hexadecimal digits are stored as bytes.
    keys = np.stack([np.frombuffer(key.encode(), np.uint8) for key in vectors])
    lengths = np.array([len(rows) for rows in vectors.values()], np.int32)
    embedding = np.concatenate(list(vectors.values())).astype(np.float32)
    content = save({"embedding": embedding, "prompt_sha256": keys, "length": lengths})
    path = folder / f"{_stem(content)}{SUFFIX}"
    write_bytes(path, content)
    return path


def merge(folder: Path) -> None:
    """Make one shard of the small ones, once there are many.

    A service adds a shard with each new prompt that is typed, and a folder of thousands is slow to
    read. This is safe beside other processes: a shard is removed only when what was read from it
    is on the disk in another.

    Args:
        folder: A cache's folder.

    Raises:
        NotWritable: The disk is full, or the folder takes no files.
        OSError: The folder cannot be read.
    """
    # 0 bytes: the file is gone, or could not be looked at.
    small = [path for path in list_shards(folder) if 0 < _n_bytes(path) < SMALL]
    if len(small) < MANY:
        return
    contents = {path: read(path) for path in small}
    # What another process merged meanwhile, or what was torn, reads as empty and is left alone.
    merged = [path for path, vectors in contents.items() if vectors]
    if len(merged) < 2:
        return
    vectors = {key: rows for path in merged for key, rows in contents[path].items()}
    # Sorted, so that two processes that merge the same shards write the same bytes.
    written = write(folder, {key: vectors[key] for key in sorted(vectors)})
    # Two processes that merge the same write the same file: that one stays.
    _drop([path for path in merged if path != written])


def _stem(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _n_bytes(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _drop(paths: Collection[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink()
