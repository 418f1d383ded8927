"""What a killed server left in a store: temporary files, pictures without a row, half a line.

Only what a server writes itself is touched, told by its name. Nothing that a row names goes, of the
manifest or of the history, and no picture that is older than the manifest: a server that was killed
had written it after its last row, so an older one's row was taken out by a person.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from saywhere.errors import UsageError
from saywhere.io import files
from saywhere.serve.stored_row import FILES

MANIFEST = "manifest.jsonl"
HISTORY = "history.jsonl"
"""What was taken back, a line each: when, by whom, and the row as it was."""
REVIEWS = "reviews.jsonl"
"""What a second look found, a line each."""
FOLDERS = ("images", "masks", "suggested")
_PICTURE = re.compile(r"[0-9a-f]{32}\.png")
_TEMPORARY = re.compile(
    rf"\.(?:[0-9a-f]{{32}}\.png|{re.escape(MANIFEST)}|{re.escape(HISTORY)}|{re.escape(REVIEWS)})"
    r"\.\d+\.tmp"
)


def refuse_links(folder: Path) -> None:
    """Refuse a store of which a part lies elsewhere: rows would be read and written there.

    Args:
        folder: the store's, which may itself be a link.

    Raises:
        UsageError: a file or a folder of the store is a link.
    """
    parts = [folder / name for name in (MANIFEST, HISTORY, REVIEWS, *FOLDERS)]
    if linked := [path.name for path in parts if path.is_symlink()]:
        raise UsageError(
            f"{linked[0]} is a link",
            where=folder,
            allowed="a store holds its files itself; its folder may be a link",
            remedy="put a copy in its place, or choose another --store",
        )


def sweep(folder: Path) -> list[Path]:
    """Remove what a killed server left; who calls it holds the store's lock.

    Args:
        folder: the store's, its manifest settled.

    Returns:
        What was removed.
    """
    for name in (HISTORY, REVIEWS):
        _end_lines(folder / name)
    left = [*_temporaries(folder), *_orphans(folder)]
    for path in left:
        with suppress(OSError):
            path.unlink()
    return left


def _end_lines(path: Path) -> None:
    """Leave out half a line, which was never confirmed; a whole one gets its end."""
    content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
    if not content or content.endswith(b"\n"):
        return
    whole, last = content[: content.rfind(b"\n") + 1], content[content.rfind(b"\n") + 1 :]
    try:
        json.loads(last)
    except (ValueError, RecursionError):
        # Of another program's file nothing is cut: every line of ours begins so.
        if last.startswith(b"{") or b"{".startswith(last):
            files.write_bytes(path, whole)
    else:
        files.write_bytes(path, content + b"\n")


def _temporaries(folder: Path) -> Iterator[Path]:
    """Whoever wrote them has ended: the lock is ours. So their processes' numbers say nothing."""
    for each in (folder, *(folder / name for name in FOLDERS)):
        for path in _files(each):
            if _TEMPORARY.fullmatch(path.name):
                yield path


def _orphans(folder: Path) -> Iterator[Path]:
    manifest = folder / MANIFEST
    if not manifest.is_file():
        # Somebody may have taken it away for a moment.
        return
    last_row = manifest.stat().st_mtime_ns
    named = _named(folder)
    for name in FOLDERS:
        for path in _files(folder / name):
            is_ours = _PICTURE.fullmatch(path.name) and f"{name}/{path.name}" not in named
            if is_ours and path.stat().st_mtime_ns >= last_row:
                yield path


def _named(folder: Path) -> set[str]:
    """Paths in rows of the manifest and of the history."""
    rows = [json.loads(line) for line in (folder / MANIFEST).read_bytes().splitlines() if line]
    history = folder / HISTORY
    for line in history.read_bytes().splitlines() if history.is_file() else ():
        with suppress(ValueError, RecursionError, AttributeError):
            rows.append(json.loads(line).get("row"))
    return {str(row.get(name)) for row in rows if isinstance(row, dict) for name in FILES}


def _files(folder: Path) -> Iterator[Path]:
    """Regular files of a folder; no link is followed."""
    if folder.is_dir():
        yield from (path for path in folder.iterdir() if path.is_file() and not path.is_symlink())
