"""Names that another system wrote: Windows' separators, and a Mac's decomposed letters.

A Mac stores "ü" as u and two dots (NFD), other systems as one letter (NFC). Both look alike, so a
table of one system does not find the files of another.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from pathlib import Path

from saywhere.io import addresses


def comparable(name: str) -> str:
    """The form by which names are compared.

    Args:
        name: Of a file, a case, a column.

    Returns:
        The name with composed letters (NFC).
    """
    return unicodedata.normalize("NFC", name)


def located(folder: Path, written: str) -> Path:
    """Join a folder and a path that a table names, and find the file that is meant.

    Args:
        folder: What the path is relative to.
        written: The path, of this system or another.

    Returns:
        An address, such as s3://BUCKET/KEY, as a path of its own. Of other names the path as
        written where a file stands there, or none is found. Else with Windows'
        separators read as such, and each name replaced by the one in its folder that looks alike.
    """
    if addresses.of(written) is not None:
        return Path(written)
    path = folder / written
    # Most names are plain: they cost no look at the disk.
    if ("\\" not in written and written.isascii()) or _exists(path):
        return path
    for candidate in dict.fromkeys([written, written.replace("\\", "/")]):
        seen = _alike(folder, Path(candidate))
        if seen is not None:
            return seen
    return path


def _alike(folder: Path, path: Path) -> Path | None:
    """The existing path whose names look like those of `path`; None where there is none."""
    place = folder / path.anchor if path.is_absolute() else folder
    for part in path.parts[1 if path.is_absolute() else 0 :]:
        if not _exists(place / part):
            same = _names(place).get(comparable(part), [])
            # Two files that look alike: nobody knows which one is meant.
            if len(same) != 1:
                return None
            part = same[0]
        place = place / part
    return place


def _names(folder: Path) -> dict[str, list[str]]:
    """Comparable name → the names in a folder."""
    try:
        return _listed(folder, folder.stat().st_mtime_ns)
    except (OSError, ValueError):
        return {}


@lru_cache(maxsize=16)
def _listed(folder: Path, modified_ns: int) -> dict[str, list[str]]:
    """By the time of the last change, so that each folder of a long table is listed once."""
    names: dict[str, list[str]] = {}
    for path in folder.iterdir():
        names.setdefault(comparable(path.name), []).append(path.name)
    return names


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a NUL, or a name that is too long
        return False
