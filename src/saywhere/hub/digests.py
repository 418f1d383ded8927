"""SHA256SUMS of a model's folder: which files it names, and whether they are what it says."""

from __future__ import annotations

import re
from pathlib import Path

from saywhere.errors import BadCheckpoint, MissingFile
from saywhere.hub.facts import FILES, LEARNED, files_of
from saywhere.io import files
from saywhere.runs.locate import SUMS

# `sha256sum` writes a star before the name of a file read as binary.
_LINE = re.compile(r"([0-9a-f]{64}) [ *](\S+)")


def write_sums(folder: Path) -> None:
    """Write SHA256SUMS for the files that a model passes on.

    Args:
        folder: a model's folder.

    Raises:
        NotWritable: the folder takes no file.
    """
    lines = [f"{files.digest(folder / name)}  {name}\n" for name in files_of(folder)]
    files.write_text(folder / SUMS, "".join(lines))


def read_sums(folder: Path, where: str) -> dict[str, str]:
    """Read a model's SHA256SUMS.

    Args:
        folder: where the file lies.
        where: the folder or address that messages name.

    Returns:
        File name → sha256 in hexadecimal digits. The names are only those of a model's files, so
        nothing else is fetched, and nothing is written elsewhere.

    Raises:
        BadCheckpoint: a file is named that no model has, or one is not named.
    """
    # What is no text matches no line, and is refused below.
    text = (folder / SUMS).read_text(encoding="utf-8", errors="replace")
    matches = [_LINE.fullmatch(line.strip()) for line in text.splitlines()]
    sums = {match[2]: match[1] for match in matches if match}
    if strange := sorted(set(sums) - {*FILES, *LEARNED}):
        raise BadCheckpoint(
            f"{SUMS} names {strange[0][:80]!r}",
            where=where,
            allowed=", ".join(FILES),
            remedy="pickles and other files are never fetched",
        )
    if missing := [name for name in FILES if name not in sums]:
        raise BadCheckpoint(
            f"{SUMS} does not name {missing[0]}",
            where=where,
            allowed=", ".join(FILES),
            remedy="make the model with `saywhere models push`",
        )
    return sums


def verified(folder: Path) -> None:
    """Compare every file of a model with SHA256SUMS.

    Args:
        folder: a model's folder.

    Raises:
        BadCheckpoint: a file is not what SHA256SUMS says.
        MissingFile: SHA256SUMS, or a file that it names, is not there.
    """
    if not (folder / SUMS).is_file():
        raise MissingFile(
            f"no {SUMS}", where=folder, remedy="make the model with `saywhere models push`"
        )
    for name, wanted in read_sums(folder, str(folder)).items():
        if not (folder / name).is_file():
            raise MissingFile(f"no {name}", where=folder, remedy="pull the model again")
        if files.digest(folder / name) != wanted:
            raise BadCheckpoint(
                f"{name} is not what {SUMS} says",
                where=folder,
                remedy="pull the model again, or ask whoever made it",
            )
