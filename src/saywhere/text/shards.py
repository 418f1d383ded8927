"""The embedding cache's files: each holds the vectors of some prompts, is named for the digest of its content, and never changes.

A torn or flipped one is known by its name, dropped, and made anew. Many small ones become one.
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
MANY, SMALL = 64, 1 << 20
"""So many shards of fewer bytes than this become one."""

Vectors = Mapping[str, np.ndarray]
"""float32 (token, dim) a prompt, by its `name`; of a sentence's one vector (1, dim)."""


def name(prompt: str) -> str:
    """What a shard knows a prompt by: none of its words."""
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()


def shards(folder: Path) -> list[Path]:
    """Those that are there, in a fixed order."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def read(path: Path) -> dict[str, np.ndarray]:
    """All that a shard holds; nothing where it is torn (it is dropped, and the log says so) or gone: dropped, merged or cleared by another process."""
    from safetensors.numpy import load

    try:
        content = path.read_bytes()
    except OSError:
        return {}
    if _stem(content) != path.stem:
        log.warning("embedding cache: %s is damaged and is made anew", path.name)
        _drop([path])
        return {}
    shard = load(content)
    names = [bytes(row).decode() for row in shard["prompt_sha256"]]
    ends = np.cumsum(shard.get("length", np.ones(len(names), np.int32)))
    return {
        each: shard["embedding"][end - length : end]
        for each, end, length in zip(names, ends, np.diff(ends, prepend=0))
    }


def write(folder: Path, vectors: Vectors) -> Path:
    """A new shard: the rows of all prompts below each other, and how many are whose. Raises NotWritable."""
    from safetensors.numpy import save

    names = np.stack([np.frombuffer(each.encode(), np.uint8) for each in vectors])
    lengths = np.array([len(rows) for rows in vectors.values()], np.int32)
    content = save(
        {
            "embedding": np.concatenate(list(vectors.values())).astype(np.float32),
            "prompt_sha256": names,
            "length": lengths,
        }
    )
    path = folder / f"{_stem(content)}{SUFFIX}"
    write_bytes(path, content)
    return path


def merge(folder: Path) -> None:
    """Make one of the small shards, once there are many: a service adds one with each new prompt that is typed, and a folder of thousands is slow to read.

    Safe beside other processes: a shard is removed only when what was read from it is on the disk in another. Raises NotWritable, OSError.
    """
    small = [path for path in shards(folder) if 0 < _size(path) < SMALL]
    if len(small) < MANY:
        return
    whole = {
        path: held for path in small if (held := read(path))
    }  # less what another process merged meanwhile
    if len(whole) < 2:
        return
    vectors = {each: rows for held in whole.values() for each, rows in held.items()}
    merged = write(folder, {each: vectors[each] for each in sorted(vectors)})
    _drop(
        [path for path in whole if path != merged]
    )  # two processes that merge the same write the same


def _stem(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _drop(paths: Collection[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink()
