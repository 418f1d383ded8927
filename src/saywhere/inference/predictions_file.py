"""What is done already: predictions.jsonl beside the masks, a line a prediction, on the disk before the next one begins.

A process that is killed loses the case in flight and nothing else: the line is added after its pictures were written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from saywhere.io import files

NAME = "predictions.jsonl"
PARTS = ("mask", "probability", "pseudo", "overlay")
Record = dict[str, Any]


class Ledger:
    """The records of one folder, by the stem of their files."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / NAME
        self.records: dict[str, Record] = {
            stem: record for record in _read(self.path) if (stem := _stem(record))
        }

    def counted(self, stem: str, terms: Record) -> Record | None:
        """The record of these files if it was made under the same terms and all of its pictures are there."""
        record = self.records.get(stem)
        if record is None or any(record.get(key) != value for key, value in terms.items()):
            return None
        return record if all((self.folder / name).is_file() for name in _files(record)) else None

    def begin(self, redone: Iterable[str]) -> None:
        """Strike out what will be made anew, then remove its pictures: no record ever stands beside a mask that is not its own. Raises NotWritable."""
        struck = {stem: self.records.pop(stem) for stem in redone if stem in self.records}
        self.write(list(self.records.values()))
        for stem in struck:
            self.remove(stem)

    def remove(self, stem: str) -> None:
        """The pictures of one prediction."""
        for part in PARTS:
            (self.folder / f"{stem}-{part}.png").unlink(missing_ok=True)

    def add(self, record: Record) -> None:
        """One more, on the disk when this returns. Raises NotWritable."""
        files.append_bytes(self.path, line_of(record))

    def write(self, records: Sequence[Record]) -> None:
        """All of them, in this order, atomically. Raises NotWritable."""
        files.write_bytes(self.path, b"".join(map(line_of, records)))


def files_in(folder: Path) -> set[str]:
    """Names of the pictures that the folder's ledger lists."""
    return {name for record in _read(folder / NAME) for name in _files(record)}


def line_of(record: Record) -> bytes:
    """A line of JSON; half characters, as in file names that are no UTF-8, are escaped."""
    try:
        return (json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8")
    except UnicodeEncodeError:
        return (json.dumps(record) + "\n").encode("ascii")


def _read(path: Path) -> list[Record]:
    """Whole lines only: the last one may have been cut off by a kill."""
    with files.refusing(path):
        content = path.read_bytes() if path.is_file() else b""
    found = []
    for line in content.split(b"\n"):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            found.append(record)
    return found


def _files(record: Record) -> list[str]:
    return [record[part] for part in PARTS if isinstance(record.get(part), str)]


def _stem(record: Record) -> str | None:
    name = record.get("mask")
    return (
        name.removesuffix("-mask.png")
        if isinstance(name, str) and name == Path(name).name
        else None
    )
