"""What the cache folder holds, and letting go of it: a training or a prompt that needs it makes it anew."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from saywhere.io import files
from saywhere.io.places import cache_folder

DAY_S = 86_400
KINDS = ("stores", "embeddings")
"""Folders of the cache folder, each with folders of its own."""


@dataclass(frozen=True)
class Kept:
    """One data set's decoded images, or one encoder's vectors."""

    folder: Path
    what: str
    n_bytes: int
    used: float
    """when it was last opened, seconds since 1970"""


def use(folder: Path) -> None:
    """Say that a folder of the cache is used now. In a cache that can only be read nothing is said."""
    with suppress(OSError):
        os.utime(folder)


def kept() -> list[Kept]:
    """All that is there, the longest unused first."""
    return sorted((one for one in _all() if not _is_half(one.folder)), key=lambda one: one.used)


def clear(unused_days: float = 0.0) -> list[Kept]:
    """Remove what was not opened for so many days, and what a killed process left half built a day ago or earlier; returns what went.

    A training that is under way has its images open and goes on. Raises NotWritable.
    """
    now = time.time()
    going = [one for one in _all() if now - one.used >= DAY_S * (max(1.0, unused_days) if _is_half(one.folder) else unused_days)]
    for one in going:
        with suppress(FileNotFoundError), files.refusing(one.folder):  # another process may be at the same
            shutil.rmtree(one.folder)
    return going


def _all() -> Iterator[Kept]:
    for kind in KINDS:
        for folder in filter(Path.is_dir, (cache_folder() / kind).glob("*")):
            with suppress(FileNotFoundError):
                yield Kept(folder, _what(kind, folder), _n_bytes(folder), folder.stat().st_mtime)


def _what(kind: str, folder: Path) -> str:
    if kind == "embeddings":
        return f"text embeddings of {folder.name.rpartition('-')[0]}"
    try:
        about = json.loads((folder / "complete.json").read_text(encoding="utf-8"))
        return f"{about['images']:,} decoded images, {about['size']} px"
    except (OSError, ValueError, KeyError, TypeError):
        return "decoded images, half built"


def _is_half(folder: Path) -> bool:
    """Is it being built, maybe by another machine that shares the folder, or was it when a process was killed?"""
    return folder.name.startswith(".")


def _n_bytes(folder: Path) -> int:
    sizes = []
    for path in folder.rglob("*"):
        with suppress(OSError):  # another process took it away
            sizes.append(path.stat().st_size)
    return sum(sizes)
