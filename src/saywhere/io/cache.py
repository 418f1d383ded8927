"""What the cache folder holds, and how to clear it.

Nothing in it is unique: a training or a prompt that needs a cleared part makes it anew.
"""

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
from typing import TypedDict

from saywhere.io.paths import cache_folder

DAY_S = 86_400
# What is called otherwise is somebody else's, and stays.
_FOLDER_NAMES = {
    "stores": re.compile(r"\.?[0-9a-f]{24}(\.\d+\.tmp)?"),
    "onnx": re.compile(r"\.?[0-9a-f]{24}-[0-9]+(\.\d+\.tmp)?"),
    "embeddings": re.compile(r"\.?[\w.-]+-[0-9a-f]{16}(\.\d+\.tmp)?"),
    "runtimes": re.compile(r"\.?[0-9a-f]{24}(\.\d+\.tmp)?"),
    "checks": re.compile(r"\.?[0-9a-f]{24}(\.\d+\.tmp)?"),
    "autotune": re.compile(r"\.?[0-9a-f]{24}(\.\d+\.tmp)?"),
}
_FILE_NAME = re.compile(
    r"images\.npy|masks\.npy|complete\.json|choice\.json|facts\.json|network\.onnx|text\.onnx|"
    r"tokenizer\.json|saywhere\.json|[0-9a-f]{32}\.safetensors|\..+\.tmp"
)


class CachedFolderJson(TypedDict):
    """A `CachedFolder`, as `saywhere cache list --json` prints it."""

    folder: str
    what: str
    n_bytes: int
    unused_days: float


@dataclass(frozen=True)
class CachedFolder:
    """One data set's decoded images, one encoder's vectors, or one training's fastest settings.

    Attributes:
        folder: Where it lies.
        what: What it holds, in words.
        n_bytes: Size of its files.
        used: When it was last opened, in seconds since 1970.
    """

    folder: Path
    what: str
    n_bytes: int
    used: float

    @property
    def is_half(self) -> bool:
        """Is it half built?

        Then it is being built or removed, perhaps by another machine that shares the folder. Or it
        was when a process was killed.
        """
        return self.folder.name.startswith(".")

    @property
    def unused_days(self) -> float:
        """Days since it was opened; 0 where another machine's clock is ahead."""
        return max(0.0, time.time() - self.used) / DAY_S

    def to_json(self) -> CachedFolderJson:
        """The record as plain values."""
        return {
            "folder": str(self.folder),
            "what": self.what,
            "n_bytes": self.n_bytes,
            "unused_days": round(self.unused_days, 2),
        }


def use(folder: Path) -> None:
    """Note that a folder of the cache is used now.

    Nothing is noted in a cache that can only be read.

    Args:
        folder: A folder of the cache.
    """
    with suppress(OSError):
        # `_entry` reads this time back as the folder's last use.
        os.utime(folder)


def list_folders() -> list[CachedFolder]:
    """All of our folders in the cache.

    What cannot be read, links and other people's folders are passed over.

    Returns:
        The folders, the longest unused first.
    """
    return sorted(_folders(), key=lambda entry: entry.used)


def clear(unused_days: float = 0.0) -> tuple[list[CachedFolder], list[CachedFolder]]:
    """Remove what was not opened for some days, and what was left half built.

    What is half built goes only after a day, since somebody may be at it. A training under way on
    a local POSIX disk has its images open and goes on. On Windows they cannot be removed. On a
    network disk clear the cache when no other machine trains.

    Args:
        unused_days: Only what was not opened for so many days.

    Returns:
        (what was removed, what could not be removed).
    """
    removed: list[CachedFolder] = []
    left: list[CachedFolder] = []
    for entry in list_folders():
        # Somebody may be building it right now.
        least_days = max(1.0, unused_days) if entry.is_half else unused_days
        if entry.unused_days < least_days:
            continue
        if _remove(entry):
            removed.append(entry)
        else:
            left.append(entry)
    return removed, left


def _remove(entry: CachedFolder) -> bool:
    """Rename the folder first, which happens at once: nobody reads or fills half a folder."""
    folder = entry.folder
    aside = folder if entry.is_half else folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    try:
        folder.rename(aside)
    except FileNotFoundError:
        return True  # another process was faster
    except OSError:
        return False
    shutil.rmtree(aside, ignore_errors=True)
    # Windows keeps files that are open; `rmtree` was told to pass over them.
    return not aside.exists()


def _folders() -> Iterator[CachedFolder]:
    for kind, name in _FOLDER_NAMES.items():
        with suppress(OSError):
            # Another process may clear the cache while it is listed.
            for folder in (cache_folder() / kind).iterdir():
                with suppress(OSError):
                    # Saywhere makes no links in its cache, so a link is somebody else's.
                    if name.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
                        yield from _entry(kind, folder)


def _entry(kind: str, folder: Path) -> Iterator[CachedFolder]:
    """The folder, where all its files are ours; else nothing."""
    files = list(folder.iterdir())
    if all(_FILE_NAME.fullmatch(path.name) for path in files):
        n_bytes = sum(_n_bytes(path) for path in files)
        yield CachedFolder(folder, _content(kind, folder), n_bytes, folder.stat().st_mtime)


def _content(kind: str, folder: Path) -> str:
    """What the folder holds, in words."""
    if folder.name.startswith("."):
        return f"{kind}, half built"
    if kind == "checks":
        return "what a check found of a data set's files"
    if kind == "autotune":
        return "what was fastest in a training"
    if kind == "runtimes":
        return "which runtime was fastest in a prediction"
    if kind == "onnx":
        return "a model as ONNX"
    if kind == "embeddings":
        return f"text embeddings of {folder.name.rpartition('-')[0]}"
    try:
        facts = json.loads((folder / "complete.json").read_text(encoding="utf-8"))
        return f"{facts['images']:,} decoded images, {facts['size']} px"
    # A damaged folder is listed as well: otherwise nobody would clear it.
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "decoded images, damaged"


def _n_bytes(path: Path) -> int:
    with suppress(OSError):  # another process took it away
        return path.stat().st_size
    return 0
