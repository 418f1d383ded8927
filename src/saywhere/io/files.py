"""Atomic writing: a reader sees the old file or the new one, never half of one, whatever happens in between."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from saywhere.errors import NotWritable

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FORBIDDEN = {
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
}
TEMPORARY = re.compile(r"\..+\.(\d+)\.tmp", re.DOTALL)


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder; on success it becomes `path`, on failure it is removed and `path` stays as it was.

    The folder is made if need be. Raises NotWritable (full disk, read-only folder), naming path and free bytes; any error of the body passes.
    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _flush(temporary)
        temporary.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        if not _is_refusal(error, path, temporary):
            raise
        raise _not_writable(error, path) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_bytes(path: Path, content: bytes) -> None:
    """Atomic. Raises NotWritable."""
    with writing(path) as temporary:
        temporary.write_bytes(content)


def check_takes(path: Path) -> None:
    """Before long work whose result goes to `path`. Raises NotWritable where its folder takes no file."""
    with refusing(path):
        (probe := _temporary(path)).touch()
        probe.unlink()


def append_bytes(path: Path, content: bytes) -> None:
    """Add to a file's end: all of it, on the disk when this returns, or nothing. Raises NotWritable.

    Unbuffered: what a refused write left in a buffer would be written at the close.
    """
    with refusing(path), open(path, "ab", buffering=0) as file:
        before, written = file.tell(), 0
        try:
            while written < len(content):
                written += file.write(content[written:]) or 0
            os.fsync(file.fileno())
        except OSError:
            os.truncate(path, before)
            raise


def digest(path: Path) -> str:
    """sha256 of a file, in hexadecimal digits."""
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            sha.update(block)
    return sha.hexdigest()


def write_text(path: Path, text: str) -> None:
    """Atomic, UTF-8, line ends as given. Raises NotWritable."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, content: object) -> None:
    """Atomic. NumPy numbers and arrays and paths are made plain; NaN and infinity become null, since JSON has neither."""
    write_text(
        path, json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    )


def plain(content: Any) -> Any:
    """The same with JSON's own types only."""
    if isinstance(content, dict):
        return {str(key): plain(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [plain(value) for value in content]
    if isinstance(content, (np.ndarray, np.generic)):
        return plain(content.tolist())
    if isinstance(content, Path):
        return content.as_posix()
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content


def sweep(folder: Path) -> list[Path]:
    """Remove the temporary files that killed processes of this machine left in `folder`; those of living ones stay."""
    stale = [
        path
        for path in Path(folder).glob(".*.tmp")
        if (match := TEMPORARY.fullmatch(path.name)) and not _is_alive(int(match[1]))
    ]
    for path in stale:
        with suppress(OSError):
            path.unlink()
    return stale


def _is_alive(process: int) -> bool:
    if os.name == "nt":
        return True  # there os.kill(process, 0) would end the process
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # somebody else's
    return True


def _flush(path: Path) -> None:
    with open(path, "rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # folders cannot be opened there
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (
            errno.EINVAL,
            errno.ENOTSUP,
        ):  # some network file systems cannot; the file itself is safe
            raise
    finally:
        os.close(descriptor)


def _is_refusal(error: OSError, path: Path, temporary: Path) -> bool:
    """Did the disk refuse *this* file (and not one that the body reads)?"""
    if error.errno in FULL or _is_no_place(error, path.parent):
        return True
    return error.errno in FORBIDDEN and (
        error.filename is None
        or Path(os.fsdecode(error.filename)) in (temporary, path, *path.parents)
    )


def _is_no_place(error: OSError, folder: Path) -> bool:
    """The folder, or one above it, cannot be made, as in /proc."""
    return (
        error.errno == errno.ENOENT
        and error.filename is not None
        and Path(os.fsdecode(error.filename)) in (folder, *folder.parents)
    )


def _not_writable(error: OSError, path: Path) -> NotWritable:
    place = next(parent for parent in (path.parent, *path.absolute().parents) if parent.is_dir())
    found = f"cannot write {path} ({(error.strerror or 'refused').lower()}; {shutil.disk_usage(place).free:,} bytes free)"
    remedy = (
        "make room on the disk, or choose another folder"
        if error.errno in FULL
        else "choose a folder that you may write to"
    )
    return NotWritable(found, remedy=f"{remedy}; what was there before is still there")


def _temporary(path: Path) -> Path:
    """Beside `path`, named so that TEMPORARY knows it and whose it is."""
    return Path(path).with_name(f".{path.name}.{os.getpid()}.tmp")


@contextmanager
def writing_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`; on success it becomes `path` (unless another process was first), on failure it is removed.

    Raises NotWritable; any error of the body passes.
    """
    temporary = _temporary(path)
    with refusing(path):
        try:
            temporary.mkdir(parents=True)
            yield temporary
            with suppress(FileExistsError):
                if not path.exists():
                    temporary.rename(path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Turn a full disk or a forbidden folder into NotWritable, naming `path`; a file that exists stays FileExistsError."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EEXIST or not (
            error.errno in FULL | FORBIDDEN or _is_no_place(error, path)
        ):
            raise
        raise _not_writable(error, path) from error
