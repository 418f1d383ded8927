"""The output formats, by name. A new one is a file beside this one and a line in WRITERS."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from saywhere.errors import UsageError
from saywhere.inference.answer import Answer
from saywhere.inference.writers import coco, png
from saywhere.inference.writers.writer import Writer

WRITERS: dict[str, Writer] = {
    "coco": coco.WRITER,
    "png": png.WRITER,
}
"""What `saywhere predict --format` and `result.save(format=…)` take."""
DEFAULT = "png"


def choose(formats: str | Sequence[str]) -> list[str]:
    """Read and check the names of formats.

    Args:
        formats: Names, as a list or separated by commas: "png,coco".

    Returns:
        The names, each once, in their order.

    Raises:
        UsageError: For no name, and for a name that is not in WRITERS.
        MissingExtra: Where a format's package is not installed.
    """
    parts = formats.split(",") if isinstance(formats, str) else formats
    names = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    allowed = f"formats: {', '.join(sorted(WRITERS))}"
    if not names:
        raise UsageError("no output format", allowed=allowed, remedy="name one, or leave it out")
    for name in names:
        if name not in WRITERS:
            remedy = "choose one of these"
            raise UsageError(f"no output format {name!r}", allowed=allowed, remedy=remedy)
        WRITERS[name].refuse_missing(name)
    return names


def write(answer: Answer, folder: Path, stem: str, formats: Iterable[str]) -> dict[str, Path]:
    """Write an answer in each of several formats.

    Args:
        answer: What the model answered.
        folder: Where the files go. It is made if need be.
        stem: What their names begin with.
        formats: Names that `choose` has checked.

    Returns:
        Part → file, of the parts that were written, in the order of writing.

    Raises:
        NotWritable: Where the folder takes no file.
    """
    written = {}
    for name in formats:
        paths = WRITERS[name].paths(folder, stem)
        for part in WRITERS[name].write(answer, paths):
            written[part] = paths[part]
    return written


def endings() -> dict[str, str]:
    """The files of all formats.

    Returns:
        Part → the end of its file's name. A part belongs to one format.
    """
    joined: dict[str, str] = {}
    for writer in WRITERS.values():
        joined |= writer.endings
    return joined


def formats_of(parts: Iterable[str]) -> list[str]:
    """The formats that parts belong to.

    Args:
        parts: Names of parts, such as "mask". Others are passed over.

    Returns:
        Names of formats, in WRITERS' order.
    """
    known = set(parts)
    return [name for name, writer in WRITERS.items() if known & set(writer.endings)]
