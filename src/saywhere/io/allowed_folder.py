"""Files that others may name: those below one folder."""

from __future__ import annotations

from pathlib import Path

from saywhere.errors import MissingFile, UnreadableFile, UsageError
from saywhere.io.limits import MAX_FILE_BYTES


def read_allowed(folder: Path | None, name: str) -> bytes:
    """Read a file of the folder, or of a folder in it.

    Args:
        folder: Whose files may be read; None: none may.
        name: Relative to the folder, or absolute. Links are followed before it is checked.

    Returns:
        All bytes of it.

    Raises:
        UsageError: No folder is allowed, or the file lies elsewhere. Whether there is a file is not
            told then.
        MissingFile: There is no such file.
        UnreadableFile: It is larger than an image may be.
    """
    if folder is None:
        raise UsageError(
            "a file of the server's own machine",
            allowed="files below the folder that `serve --images` names, and it names none",
            remedy="start the server with --images DIR, or send the image itself",
        )
    try:
        root = folder.resolve()
        path = (root / name).resolve()
    except (OSError, ValueError, RuntimeError):
        raise MissingFile("a name that no file can have") from None
    if not path.is_relative_to(root):
        raise UsageError(
            "a file outside of the allowed folder",
            allowed="files below the folder that `serve --images` names",
            remedy="move it there, or send the image itself",
        )
    if not path.is_file():
        raise MissingFile(
            "no such file in the allowed folder", remedy="name it relative to that folder"
        )
    if path.stat().st_size > MAX_FILE_BYTES:
        raise UnreadableFile(
            f"a file of {path.stat().st_size:,} bytes", allowed=f"at most {MAX_FILE_BYTES:,}"
        )
    return path.read_bytes()
