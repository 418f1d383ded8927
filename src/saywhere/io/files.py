"""Atomic writing: a reader sees the old file or the new one, never half of one."""

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
from contextvars import ContextVar
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
"""A temporary file's name; it holds the number of the process that writes it."""
# Some network file systems cannot flush a folder; the file itself is safe all the same.
_CANNOT_FLUSH = {errno.EINVAL, errno.ENOTSUP}
_unflushed: ContextVar[set[Path] | None] = ContextVar("_unflushed", default=None)
"""Folders whose new names `flushing_once` will flush; None outside of it."""
# A file is digested in blocks of 1 MiB, so that its size costs no memory.
_BLOCK_BYTES = 1 << 20


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder, which becomes `path` on success.

    On failure it is removed, and `path` stays as it was. The folder is made if need be. Any error
    of the body passes.

    Args:
        path: Where the file shall stand in the end.

    Yields:
        The path to write to.

    Raises:
        NotWritable: The disk is full or the folder read-only; the error names path and free bytes.
    """
    path = Path(path)
    temporary = _temporary(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        # The bytes first: after a power cut the new name could else stand for an empty file.
        _flush(temporary)
        temporary.replace(path)
        # The new name is safe on the disk only once its folder is flushed.
        waiting = _unflushed.get()
        if waiting is None:
            _flush_folder(path.parent)
        else:
            waiting.add(path.parent)
    except OSError as error:
        if not _is_refusal(error, path, temporary):
            raise
        raise _not_writable(error, path) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def flushing_once() -> Iterator[None]:
    """Flush folders once for all files that this thread writes inside, rather than for each.

    Bytes are flushed before their file gets its name, as ever; names are safe once this is over.

    Raises:
        NotWritable: where a folder cannot be flushed.
    """
    token = _unflushed.set(set())
    try:
        yield
    finally:
        folders = _unflushed.get() or ()
        _unflushed.reset(token)
        for folder in folders:
            with refusing(folder):
                _flush_folder(folder)


@contextmanager
def writing_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`, which becomes `path` on success.

    Where another process was first, its folder stays and ours is dropped. On failure it is
    removed. Any error of the body passes.

    Args:
        path: Where the folder shall stand in the end.

    Yields:
        The folder to write to.

    Raises:
        NotWritable: The disk is full, or the folder above takes no folders.
    """
    temporary = _temporary(path)
    with refusing(path):
        try:
            temporary.mkdir(parents=True)
            yield temporary
            if not path.exists():
                _rename_unless_there(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _rename_unless_there(temporary: Path, path: Path) -> None:
    """Another process may have put its folder there since we looked: then its folder stays."""
    try:
        temporary.rename(path)
    except OSError as error:
        # Linux says "not empty" of a folder that is there, other systems "exists".
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Turn a full disk or a forbidden folder into NotWritable.

    A file that exists stays FileExistsError.

    Args:
        path: What is written; the error names it.

    Yields:
        Nothing.

    Raises:
        NotWritable: The disk is full, or the folder takes no files.
    """
    try:
        yield
    except OSError as error:
        is_refusal = error.errno in FULL | FORBIDDEN or _is_no_place(error, path)
        if error.errno == errno.EEXIST or not is_refusal:
            raise
        raise _not_writable(error, path) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, atomically.

    Args:
        path: Where.
        content: All of it.

    Raises:
        NotWritable: The disk is full, or the folder takes no files.
    """
    with writing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, atomically, with its line ends as they are.

    Args:
        path: Where.
        text: All of it.

    Raises:
        NotWritable: The disk is full, or the folder takes no files.
    """
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, content: object) -> None:
    """Write a JSON file, atomically.

    Args:
        path: Where.
        content: What `plain` takes.

    Raises:
        NotWritable: The disk is full, or the folder takes no files.
    """
    # `plain` has made NaN null. Strict readers refuse a NaN, so none may slip through.
    text = json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def keep_earlier(path: Path, content: bytes) -> Path | None:
    """Copy a file that is about to be replaced to PATH.1, PATH.2 …, the first that is free.

    Args:
        path: What will be replaced; it need not be there.
        content: What will be written in its place.

    Returns:
        The copy; None where nothing is lost: no file, or one of the same content.

    Raises:
        NotWritable: The disk is full, or the folder takes no files.
    """
    if not path.is_file() or path.read_bytes() == content:
        return None
    number = 1
    while (earlier := path.with_name(f"{path.name}.{number}")).exists():
        number += 1
    # A copy and no rename: a reader finds the file under its name all the time.
    write_bytes(earlier, path.read_bytes())
    return earlier


def append_bytes(path: Path, content: bytes) -> None:
    """Add to a file's end: all of it, on the disk when this returns, or nothing.

    Args:
        path: Where; made if need be.
        content: What is added.

    Raises:
        NotWritable: The disk is full, or the folder takes no files.
    """
    # Unbuffered: what a refused write left in a buffer would be written at the close.
    with refusing(path), open(path, "ab", buffering=0) as file:
        before = file.tell()
        written = 0
        try:
            # An unbuffered write may take only a part.
            while written < len(content):
                written += file.write(content[written:]) or 0
            os.fsync(file.fileno())
        except OSError:
            # Half a line at the end would spoil the file for its readers.
            os.truncate(path, before)
            raise


def check_takes(path: Path) -> None:
    """Check that a result can be written, before long work.

    Args:
        path: Where the result shall go.

    Raises:
        NotWritable: Its folder takes no files.
    """
    probe = _temporary(path)
    with refusing(path):
        probe.touch()
        probe.unlink()


def digest(path: Path) -> str:
    """SHA-256 of a file.

    Args:
        path: A file of any size.

    Returns:
        64 hexadecimal digits.

    Raises:
        OSError: The file cannot be read.
    """
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            sha.update(block)
    return sha.hexdigest()


def plain(content: Any) -> Any:
    """The same content with JSON's own types only.

    Args:
        content: Dictionaries, lists, tuples, NumPy numbers and arrays, paths, and what JSON knows.

    Returns:
        Dictionaries with text keys, lists, texts, numbers, booleans and None. NaN and infinity
        become None, since JSON has neither. Paths have forward slashes on every system.
    """
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
    """Remove the temporary files that killed processes of this machine left.

    Those of living processes stay.

    Args:
        folder: Where they lie.

    Returns:
        The files that were left behind.
    """
    # The pattern alone would take other programs' temporary files too.
    stale = [path for path in Path(folder).glob(".*.tmp") if _is_left_behind(path)]
    for path in stale:
        with suppress(OSError):
            path.unlink()
    return stale


def _is_left_behind(path: Path) -> bool:
    match = TEMPORARY.fullmatch(path.name)
    return match is not None and not _is_alive(int(match[1]))


def _is_alive(process: int) -> bool:
    if os.name == "nt":
        return True  # there os.kill(process, 0) would end the process
    try:
        os.kill(process, 0)
    # OverflowError: the name holds a number that is too large for any process.
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # somebody else's
    return True


def _temporary(path: Path) -> Path:
    """Beside `path`, named so that TEMPORARY knows it and whose it is."""
    return Path(path).with_name(f".{path.name}.{os.getpid()}.tmp")


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
        if error.errno not in _CANNOT_FLUSH:
            raise
    finally:
        os.close(descriptor)


def _is_refusal(error: OSError, path: Path, temporary: Path) -> bool:
    """Did the disk refuse *this* file (and not one that the body reads)?"""
    if error.errno in FULL or _is_no_place(error, path.parent):
        return True
    if error.errno not in FORBIDDEN:
        return False
    # Only opening a file names it. An error without a name comes from writing the temporary one.
    if error.filename is None:
        return True
    return Path(os.fsdecode(error.filename)) in (temporary, path, *path.parents)


def _is_no_place(error: OSError, folder: Path) -> bool:
    """The folder, or one above it, cannot be made, as in /proc."""
    if error.errno != errno.ENOENT or error.filename is None:
        return False
    return Path(os.fsdecode(error.filename)) in (folder, *folder.parents)


def _not_writable(error: OSError, path: Path) -> NotWritable:
    # `disk_usage` needs a folder that exists, and the file's own may not.
    place = next(parent for parent in (path.parent, *path.absolute().parents) if parent.is_dir())
    reason = (error.strerror or "refused").lower()
    free_bytes = shutil.disk_usage(place).free
    if error.errno in FULL:
        remedy = "make room on the disk, or choose another folder"
    else:
        remedy = "choose a folder that you may write to"
    return NotWritable(
        f"cannot write {path} ({reason}; {free_bytes:,} bytes free)",
        remedy=f"{remedy}; what was there before is still there",
    )
