"""What the cache folder holds, and letting go of it: a training or a prompt that needs it makes it anew."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from saywhere.io.paths import cache_folder

DAY_S = 86_400
_NAMES = {
    "stores": re.compile(r"\.?[0-9a-f]{24}(\.\d+\.tmp)?"),
    "embeddings": re.compile(r"\.?[\w.-]+-[0-9a-f]{16}(\.\d+\.tmp)?"),
}
_FILES = re.compile(r"images\.npy|masks\.npy|complete\.json|[0-9a-f]{32}\.safetensors|\..+\.tmp")
"""How folders and files of ours are called: what is called otherwise is somebody else's, and stays."""


@dataclass(frozen=True)
class Kept:
    """One data set's decoded images, or one encoder's vectors."""

    folder: Path
    what: str
    n_bytes: int
    used: float
    """when it was last opened, seconds since 1970"""

    @property
    def is_half(self) -> bool:
        """Is it being built or removed, maybe by another machine that shares the folder, or was it when a process was killed?"""
        return self.folder.name.startswith(".")

    @property
    def unused_days(self) -> float:
        """Since it was opened; 0 where another machine's clock is ahead."""
        return max(0.0, time.time() - self.used) / DAY_S


def use(folder: Path) -> None:
    """Say that a folder of the cache is used now. In a cache that can only be read nothing is said."""
    with suppress(OSError):
        os.utime(folder)


def kept() -> list[Kept]:
    """All of ours that is there, the longest unused first. What cannot be read, links and other people's folders are passed over."""
    return sorted(_all(), key=lambda one: one.used)


def clear(unused_days: float = 0.0) -> tuple[list[Kept], list[Kept]]:
    """Remove what was not opened for so many days, and what was left half built a day ago or earlier; (what went, what could not be removed).

    A training under way on a local POSIX disk has its images open and goes on. On Windows they cannot be removed; on a network disk do it when no other
    machine trains.
    """
    gone: list[Kept] = []
    left: list[Kept] = []
    for one in kept():
        if one.unused_days >= (max(1.0, unused_days) if one.is_half else unused_days):
            (gone if _remove(one) else left).append(one)
    return gone, left


def _remove(one: Kept) -> bool:
    """First out of everybody's way, at once: nobody reads or fills half a folder."""
    aside = (
        one.folder if one.is_half else one.folder.with_name(f".{one.folder.name}.{os.getpid()}.tmp")
    )
    try:
        one.folder.rename(aside)
    except FileNotFoundError:
        return True  # another process was faster
    except OSError:
        return False
    shutil.rmtree(aside, ignore_errors=True)
    return not aside.exists()


def _all() -> Iterator[Kept]:
    for kind, names in _NAMES.items():
        with suppress(OSError):
            for folder in (cache_folder() / kind).iterdir():
                with suppress(OSError):
                    if names.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
                        yield from _kept(kind, folder)


def _kept(kind: str, folder: Path) -> Iterator[Kept]:
    files = list(folder.iterdir())
    if all(_FILES.fullmatch(path.name) for path in files):
        yield Kept(folder, _what(kind, folder), sum(map(_n_bytes, files)), folder.stat().st_mtime)


def _what(kind: str, folder: Path) -> str:
    if folder.name.startswith("."):
        return f"{kind}, half built"
    if kind == "embeddings":
        return f"text embeddings of {folder.name.rpartition('-')[0]}"
    try:
        about = json.loads((folder / "complete.json").read_text(encoding="utf-8"))
        return f"{about['images']:,} decoded images, {about['size']} px"
    except (OSError, ValueError, KeyError, TypeError):
        return "decoded images, damaged"


def _n_bytes(path: Path) -> int:
    with suppress(OSError):  # another process took it away
        return path.stat().st_size
    return 0
