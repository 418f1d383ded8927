"""A manifest's file as text: read once, within a limit, plain UTF-8."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from saywhere.errors import ManifestError, MissingFile
from saywhere.io.limits import MAX_MANIFEST_BYTES


class ManifestText:
    """A manifest's lines, of which one at a time is in memory.

    Args:
        path: the file; it is looked at now, and read by `lines`.

    Raises:
        MissingFile: there is no such file.
        ManifestError: it is too large, or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sha = hashlib.sha256()
        self._refuse_missing()

    @property
    def digest(self) -> str:
        """sha256 of what was read: of the file, once its last line was taken."""
        return self._sha.hexdigest()

    def first_character(self) -> str:
        """Read the first one that is no white space; "" where there is none, or no text."""
        try:
            with self.path.open(encoding="utf-8-sig") as file:
                for line in file:
                    if line.strip():
                        return line.strip()[0]
        except (OSError, ValueError):
            # `lines` says what is wrong.
            pass
        return ""

    def lines(self, newline: str) -> Iterator[str]:
        r"""Read the file from its start, with or without a byte order mark.

        Args:
            newline: what ends a line, as `open` takes it: "\n", or "" for all kinds of line ends.

        Yields:
            The lines with their ends, with no NUL anywhere.

        Raises:
            ManifestError: the file is no such text, and the error names the row; or it cannot be
                read.
        """
        self._sha = hashlib.sha256()
        try:
            with self.path.open("rb", buffering=0) as file:
                hashed = io.BufferedReader(_Hashed(file, self._sha.update))
                # Excel and some editors write a byte order mark in front.
                for line in io.TextIOWrapper(hashed, "utf-8-sig", newline=newline):
                    if "\0" in line:
                        raise UnicodeError
                    yield line
        except UnicodeError:
            raise self._no_text() from None
        except OSError as error:
            raise self._unreadable(error) from None

    def _refuse_missing(self) -> None:
        try:
            if not self.path.is_file():
                raise MissingFile(
                    f"no manifest {self.path}",
                    remedy="check the name; `saywhere prepare` makes one",
                )
            # The size first, so that a huge file is never read.
            size = self.path.stat().st_size
            if size > MAX_MANIFEST_BYTES:
                raise ManifestError(
                    f"{size:,} bytes",
                    where=self.path,
                    allowed=f"a manifest has at most {MAX_MANIFEST_BYTES:,}",
                    remedy="split it",
                )
            with self.path.open("rb"):
                pass
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> ManifestError:
        return ManifestError(
            f"cannot be read ({short(error)})",
            where=self.path,
            remedy="check its name and permissions",
        )

    def _no_text(self) -> ManifestError:
        """Why it is no text, and in which row: the whole of it is read for that."""
        content = self.path.read_bytes()
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            row = content.count(b"\n", 0, error.start) + 1
            return ManifestError(
                "bytes that are no UTF-8",
                where=f"{self.path}, row {row}",
                remedy="save the manifest as UTF-8",
            )
        # UTF-16 without a mark passes as UTF-8 that has a NUL in every second place.
        row = text.count("\n", 0, max(text.find("\0"), 0)) + 1
        return ManifestError(
            "a NUL character",
            where=f"{self.path}, row {row}",
            allowed="a manifest is plain text",
            remedy="save it as UTF-8 (not UTF-16)",
        )


class _Hashed(io.RawIOBase):
    """A file that tells what is read of it."""

    def __init__(self, file: IO[bytes], tell: Any) -> None:
        self._file, self._update = file, tell

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        self._update(content)
        return len(content)


def short(error: BaseException) -> str:
    """Say an error of a library in a few words.

    Args:
        error: any.

    Returns:
        At most 80 characters; the name of its kind where it says nothing.
    """
    return str(error)[:80] or type(error).__name__
