"""Zip archives, read in memory and within limits: nothing of them is written to the disk."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

from saywhere.errors import MissingFile, UnreadableFile
from saywhere.io.limits import MAX_FILE_BYTES

ZIP = b"PK\x03\x04"
"""An archive begins so."""
MAX_ENTRIES = 20_000
"""Of one archive."""
MAX_ARCHIVE_BYTES = 2 * 1024 * 1024 * 1024
"""Of all files of an archive together, unpacked."""


def open_archive(path: Path, content: bytes | None = None) -> zipfile.ZipFile:
    """Open an archive.

    Args:
        path: The file.
        content: All of its bytes, where it is no file; then errors call it by `path`.

    Returns:
        The archive, to be closed.

    Raises:
        UnreadableFile: It is damaged.
    """
    try:
        return zipfile.ZipFile(path if content is None else io.BytesIO(content))
    # zipfile raises several types on damaged bytes.
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _damaged(path, type(error).__name__) from None


def names_in(archive: zipfile.ZipFile, path: Path) -> list[str]:
    """List the files of an archive.

    Args:
        archive: As opened.
        path: How errors name it.

    Returns:
        Their names, sorted.

    Raises:
        UnreadableFile: There are too many, or they are too large together.
    """
    entries = archive.infolist()
    n_bytes = sum(info.file_size for info in entries)
    if len(entries) > MAX_ENTRIES or n_bytes > MAX_ARCHIVE_BYTES:
        raise UnreadableFile(
            f"an archive of {len(entries):,} files and {n_bytes:,} bytes",
            where=path,
            allowed=f"at most {MAX_ENTRIES:,} files and {MAX_ARCHIVE_BYTES:,} bytes are read",
            remedy="unpack it yourself, and name the folder",
        )
    return sorted(info.filename for info in entries if not info.is_dir())


def read_member(
    archive: zipfile.ZipFile, name: str, path: Path, n_bytes: int | None = None
) -> bytes:
    """Read one file of an archive.

    Args:
        archive: As opened.
        name: Of the file in it.
        path: How errors name the file.
        n_bytes: Only its first bytes, so many; None for all.

    Returns:
        Its content.

    Raises:
        MissingFile: There is no such file in it.
        UnreadableFile: It is locked, damaged or too large.
    """
    try:
        info = archive.getinfo(name)
        if info.flag_bits & 1:
            raise UnreadableFile(
                "a file that is locked with a password",
                where=path,
                remedy="unpack the archive yourself",
            )
        with archive.open(info) as file:
            # What the entry says of its size need not be true.
            content = file.read(MAX_FILE_BYTES + 1 if n_bytes is None else n_bytes)
    except KeyError:
        raise MissingFile(f"no file {path}") from None
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, zlib.error) as error:
        raise _damaged(path, type(error).__name__) from None
    if len(content) > MAX_FILE_BYTES:
        raise UnreadableFile(
            f"more than {MAX_FILE_BYTES:,} bytes",
            where=path,
            allowed=f"a file has at most {MAX_FILE_BYTES:,}",
            remedy="make the image smaller",
        )
    return content


def _damaged(path: Path, problem: str) -> UnreadableFile:
    return UnreadableFile(
        f"a damaged zip archive ({problem})", where=path, remedy="fetch or pack it again"
    )
