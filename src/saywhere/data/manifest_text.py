"""A manifest's file as text: read within a limit, plain UTF-8."""

from __future__ import annotations

from pathlib import Path

from saywhere.errors import ManifestError, MissingFile
from saywhere.io.limits import MAX_MANIFEST_BYTES


def read_bytes(path: Path) -> bytes:
    """Read a manifest's file.

    Args:
        path: the file.

    Returns:
        Its content.

    Raises:
        MissingFile: there is no such file.
        ManifestError: it is too large, or cannot be read.
    """
    try:
        if not path.is_file():
            raise MissingFile(
                f"no manifest {path}", remedy="check the name; `saywhere prepare` makes one"
            )
        # The size first, so that a huge file is never read into memory.
        size = path.stat().st_size
        if size > MAX_MANIFEST_BYTES:
            raise ManifestError(
                f"{size:,} bytes",
                where=path,
                allowed=f"a manifest has at most {MAX_MANIFEST_BYTES:,}",
                remedy="split it",
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise ManifestError(
            f"cannot be read ({short(error)})", where=path, remedy="check its name and permissions"
        ) from None


def decoded(path: Path, content: bytes) -> str:
    """Decode UTF-8 with or without a byte order mark.

    Args:
        path: the file, for errors.
        content: its bytes.

    Returns:
        The text, with no NUL anywhere.

    Raises:
        ManifestError: it is no such text; the error names the row.
    """
    try:
        # Excel and some editors write a byte order mark in front.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise ManifestError(
            "bytes that are no UTF-8",
            where=f"{path}, row {row}",
            remedy="save the manifest as UTF-8",
        ) from None
    # UTF-16 without a mark passes as UTF-8 that has a NUL in every second place.
    if "\0" in text:
        row = text.count("\n", 0, text.index("\0")) + 1
        raise ManifestError(
            "a NUL character",
            where=f"{path}, row {row}",
            allowed="a manifest is plain text",
            remedy="save it as UTF-8 (not UTF-16)",
        )
    return text


def short(error: BaseException) -> str:
    """Say an error of a library in a few words.

    Args:
        error: any.

    Returns:
        At most 80 characters; the name of its kind where it says nothing.
    """
    return str(error)[:80] or type(error).__name__
