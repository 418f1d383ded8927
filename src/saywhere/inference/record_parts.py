"""Records that several machines write at once: each chunk of jobs has two files of its own.

`NNN-begun.jsonl` strikes out earlier lines whose files are about to be replaced, and stands before
the first of these is. `NNN-done.jsonl` holds the new lines, and stands after the last. Whoever is
killed in between loses the chunk in flight and nothing else; who does it again replaces both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from saywhere.io import files

FOLDER = "predictions.parts"
"""Beside predictions.jsonl, which takes them in as soon as it is written anew."""
STRUCK = "struck"
"""Key of a record that strikes out the line of a stem."""
Line = dict[str, Any]


def begun(number: int, struck: Iterable[tuple[str, Sequence[str]]]) -> tuple[str, bytes]:
    """Strike out lines.

    Args:
        number: Of the chunk.
        struck: Stems with the files that other lines name as well, such as a label map.

    Returns:
        The file's name in `FOLDER`, and its content.
    """
    records: list[Line] = [{STRUCK: stem, "files": list(names)} for stem, names in struck]
    return f"{number:09d}-begun.jsonl", b"".join(map(to_line, records))


def done(number: int, lines: Iterable[Line]) -> tuple[str, bytes]:
    """Record predictions.

    Args:
        number: Of the chunk.
        lines: As predictions.jsonl holds them.

    Returns:
        The file's name in `FOLDER`, and its content.
    """
    # Padded, so that names sort as the numbers do.
    return f"{number:09d}-done.jsonl", b"".join(map(to_line, lines))


def read_parts(folder: Path) -> Iterator[Line]:
    """Read what machines recorded.

    Args:
        folder: Of predictions.jsonl.

    Yields:
        Records in the order of chunks: those that strike out, before the new lines.
    """
    for path in sorted((folder / FOLDER).glob("*.jsonl")):
        yield from read_lines(path)


def remove_parts(folder: Path) -> None:
    """Remove what predictions.jsonl has taken in.

    Args:
        folder: Of predictions.jsonl.

    Raises:
        NotWritable: The folder takes no change.
    """
    parts = folder / FOLDER
    if not parts.is_dir():
        return
    with files.refusing(parts):
        # Lines before what struck out the earlier ones: a kill in between then strikes out again.
        for path in sorted(parts.glob("*.jsonl"), reverse=True):
            path.unlink(missing_ok=True)
        parts.rmdir()


def read_lines(path: Path) -> Iterator[Line]:
    """Read whole lines only: the last one may have been cut off by a kill.

    Args:
        path: A file of JSON lines; it need not be there.

    Yields:
        Each line that is an object.

    Raises:
        NotWritable: It cannot be read.
    """
    with files.refusing(path):
        content = path.read_bytes() if path.is_file() else b""
    for text in content.split(b"\n"):
        try:
            line = json.loads(text)
        # RecursionError: thousands of brackets, which a stranger may have put there.
        except (ValueError, RecursionError):
            continue
        if isinstance(line, dict):
            yield line


def to_line(record: Line) -> bytes:
    """Write a record as one line of JSON.

    Args:
        record: Of JSON's own types.

    Returns:
        UTF-8 with a line end. Half characters, as in file names that are no UTF-8, are escaped.
    """
    try:
        return (json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8")
    except UnicodeEncodeError:
        return (json.dumps(record) + "\n").encode("ascii")
