"""Where a cell is trained: a folder of its own.

A kill leaves it behind, and the next attempt at the same cell goes on in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from saywhere.experiments.grid import Cell
from saywhere.runs.run_facts import versions

PREFIX = "saywhere-cell-"
KEPT_S = 7 * 86_400
"""How long what a kill left is kept after its last file was written."""


@contextmanager
def workplace(cell: Cell, *, is_kept: bool = False) -> Iterator[Path]:
    """A folder that only this user can enter.

    It is removed when the body ends or fails, and left when it is killed or interrupted.

    Args:
        cell: to train there.
        is_kept: leave it when the body ends, too: the next attempt goes on there.

    Yields:
        The same folder for the same cell, code and working directory; a new one, never left, while
        another process is at work in that one.
    """
    folder = _place(cell)
    held = _hold(folder)
    is_found_again = held is not None
    if not is_found_again:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        held = _hold(folder)
    is_over = True
    try:
        yield folder
        is_over = not (is_kept and is_found_again)
    except KeyboardInterrupt:
        # A folder with a name of its own would be found by nobody.
        is_over = not is_found_again
        raise
    finally:
        # Removed while it is locked: nobody goes on in half of it.
        if is_over:
            _remove(folder)
        if held is not None:
            os.close(held)


def forget(cell: Cell) -> None:
    """Remove what a cell left on this machine that nobody goes on with.

    Args:
        cell: it may have left nothing. A folder that another process works in stays.
    """
    folder = _place(cell)
    held = _lock(folder)
    if held is not None:
        _remove(folder)
        os.close(held)


def sweep() -> None:
    """Remove what killed cells left in the temporary folder more than a week ago.

    After a commit or an edit of their grid, nobody looks for them. On a system without locks
    nothing is removed.
    """
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        # Looked at before it is locked: whoever looks for a locked one would begin anew.
        if not _is_forgotten(folder):
            continue
        held = _lock(folder)
        if held is not None:
            # Still so, now that it is locked: nobody was faster.
            if _is_forgotten(folder):
                _remove(folder)
            os.close(held)


def _is_forgotten(folder: Path) -> bool:
    """By the last of its files; a long training's folder itself is as old as its first step."""
    try:
        return (
            time.time() - max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
            > KEPT_S
        )
    except OSError:
        return False


def _place(cell: Cell) -> Path:
    return Path(tempfile.gettempdir()) / f"{PREFIX}{_digest(cell)}"


def _digest(cell: Cell) -> str:
    """Of all that decides what a training gives.

    With another version, or another place for relative paths, there is nothing to go on from.
    """
    known = [
        cell.id,
        cell.config.model_dump(mode="json"),
        asdict(versions()),
        str(Path.cwd()),
        # Another user could not enter the folder.
        os.getuid() if hasattr(os, "getuid") else 0,
    ]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]


def _hold(folder: Path) -> int | None:
    """Make the folder if need be, and lock it."""
    with suppress(OSError):
        folder.mkdir(mode=0o700)
    return _lock(folder)


def _lock(folder: Path) -> int | None:
    """Lock a folder until the descriptor is closed or the process ends, however it ends.

    None where another process holds it, where it is not this user's alone (a temporary folder is
    everybody's), and where there are no such locks.
    """
    if sys.platform == "win32":
        return None
    import fcntl

    descriptor = None
    try:
        # The temporary folder is everybody's: a link there may lead anywhere.
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_ours(os.fstat(descriptor), folder.lstat()):
            return descriptor
    except OSError:
        pass
    if descriptor is not None:
        os.close(descriptor)
    return None


def _is_ours(held: os.stat_result, there: os.stat_result) -> bool:
    """Private, and still there: whoever held it before may have removed it."""
    is_private = held.st_uid == os.getuid() and not stat.S_IMODE(held.st_mode) & 0o077
    return is_private and (held.st_dev, held.st_ino) == (there.st_dev, there.st_ino)


def _remove(folder: Path) -> None:
    """Remove a folder, the run in it at once.

    Whoever looks for a run to go on with would take half a removed one for a whole one.
    """
    with suppress(OSError):
        # There may be no run in it yet.
        (folder / "run").rename(folder / "over")
    shutil.rmtree(folder, ignore_errors=True)
