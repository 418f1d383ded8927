"""The manifest: one row per case, as JSONL or CSV.

A broken manifest is one ManifestError; a faulty row is the business of `saywhere.data.checks`.
Paths are relative to the manifest's folder. They may leave it (`..`, absolute, symlinks): a
manifest is written by the person who runs Saywhere, and images often live elsewhere. Whoever takes
manifests from strangers must check the paths first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from saywhere.data.manifest_row import Row, read_row
from saywhere.data.manifest_text import ManifestText
from saywhere.data.records import BadRow, Fields, Record, each_record, sorted_out
from saywhere.data.rows import Rows
from saywhere.errors import ManifestError, MissingFile
from saywhere.io.files import keep_earlier, plain, write_text
from saywhere.io.names import comparable

NAMES = ("manifest.jsonl", "annotations.jsonl", "manifest.csv")


@dataclass(frozen=True)
class Manifest:
    """All rows in order."""

    path: Path
    rows: Rows
    digest: str
    """sha256 of the manifest file, not of the images."""
    bad: tuple[BadRow, ...] = ()
    """Lines that are no row, where it was read leniently."""

    def split(self, name: str) -> Rows:
        """Give the rows of one split.

        Args:
            name: of the split.

        Returns:
            Rows in order; none where there is no such split.
        """
        return self.rows.where(lambda row: row.split == name)

    @property
    def splits(self) -> list[str]:
        """Names of the splits, in order of appearance."""
        return list(dict.fromkeys(row.split for row in self.rows))

    @property
    def n_lines(self) -> int:
        """Rows, and lines that are none."""
        return len(self.rows) + len(self.bad)

    @property
    def levels(self) -> list[str]:
        """Names of the prompt levels, in order of appearance."""
        return list(dict.fromkeys(level for row in self.rows for level in row.prompts))


def read_manifest(path: Path, *, lenient: bool = False) -> Manifest:
    """Read JSONL or CSV, by the name's ending, else by the first character.

    A row that a later one replaces is left out.

    Args:
        path: the manifest, or the folder that it is in.
        lenient: set lines that are no row aside in `bad`, as long as there is a row at all.

    Returns:
        The manifest.

    Raises:
        MissingFile: there is no such file.
        ManifestError: it is broken; the error names file, row, column and remedy.
    """
    path = locate(Path(path))
    file = ManifestText(path)
    together = _Together()
    bad: list[BadRow] = []
    lines = ((number, partial(together.row, make)) for number, make in each_record(file))
    # Packed as they are read: the rows of a large manifest are never all objects.
    rows = Rows(sorted_out(lines, bad))
    # Where no line is a row, the first line's error says more than that there are none.
    if bad and not (lenient and rows):
        raise bad[0].error
    if not rows:
        raise ManifestError(
            "no rows",
            where=path,
            remedy="write one case a line, as "
            '{"id": …, "image": …, "mask": …, "prompt": …, "split": …}',
        )
    together.check_splits(path)
    standing = _standing(rows) if together.has_replaced else rows
    return Manifest(path, standing, file.digest, tuple(bad))


class _Together:
    """What only all rows together tell, noted as they are read."""

    def __init__(self) -> None:
        self.has_split = False
        self.first_without: int | None = None
        self.has_replaced = False

    def row(self, make: Callable[[], Record]) -> Row:
        """The row of a line. One that is none tells nothing of the others."""
        record = make()
        row = read_row(record)
        if record.fields.get("split") not in (None, ""):
            self.has_split = True
        elif self.first_without is None:
            self.first_without = record.number
        self.has_replaced |= row.replaces is not None
        return row

    def check_splits(self, path: Path) -> None:
        """No split anywhere means train; a split here and none there is a slip."""
        if self.has_split and self.first_without is not None:
            raise Record(path, self.first_without, {}).error(
                "split",
                "no split, while other rows have one",
                allowed="all rows have a split or none",
                remedy="write train, val or test",
            )


def _standing(rows: Rows) -> Rows:
    """Without the rows that a later one replaces."""
    standing: list[int] = []
    replaced: set[str | None] = set()
    # Backwards, so that a replacement is met before the row that it replaces.
    for place in reversed(range(len(rows))):
        row = rows[place]
        if row.id not in replaced:
            standing.append(place)
        replaced.add(row.replaces)
    return rows.chosen(standing[::-1])


def subset(manifest: Manifest, ids: Path) -> Manifest:
    """Keep the rows whose ids stand in a text file.

    Args:
        manifest: whose rows.
        ids: the file, one id per line; lines that begin with # are comments.

    Returns:
        The manifest with these rows only, in its own order.

    Raises:
        MissingFile: there is no such file.
        ManifestError: an id is no row's, or there are none.
    """
    if not ids.is_file():
        raise MissingFile(
            "no such file of ids",
            where=ids,
            allowed="a text file, one row id a line",
            remedy="mend data.ids, or leave it out",
        )
    wanted = [
        line.strip()
        for line in ids.read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    # A Mac's list and a table of another system may write one name in two ways.
    known = {comparable(row.id): row.id for row in manifest.rows}
    wanted = [known.get(comparable(name), name) for name in wanted]
    unknown = set(wanted) - {row.id for row in manifest.rows}
    if unknown or not wanted:
        fault = "no ids"
        if unknown:
            # The least one: a set's order changes from run to run, and the message should not.
            example = min(unknown)[:80]
            fault = f"{len(unknown)} of {len(wanted)} ids are no row's, for instance {example!r}"
        raise ManifestError(
            fault,
            where=ids,
            allowed=f"ids of {manifest.path.name}",
            remedy="mend data.ids, or leave it out",
        )
    chosen = set(wanted)
    return replace(manifest, rows=manifest.rows.where(lambda row: row.id in chosen))


def write_manifest(path: Path, rows: Iterable[Fields]) -> Path | None:
    """Write a manifest as JSONL, atomically; an earlier one of other content is kept beside it.

    Args:
        path: the file.
        rows: their columns, in the order in which they are to stand.

    Returns:
        Where the earlier one is kept, as PATH.1; None where there was none that differs.

    Raises:
        NotWritable: it cannot be written.
    """
    text = "".join(json.dumps(plain(row), ensure_ascii=False) + "\n" for row in rows)
    earlier = keep_earlier(path, text.encode("utf-8"))
    write_text(path, text)
    return earlier


def locate(path: Path) -> Path:
    """Find the manifest that a path means.

    Args:
        path: a file, or a folder.

    Returns:
        The file itself, or the first of `NAMES` in the folder.

    Raises:
        MissingFile: the folder holds none of them.
    """
    if not path.is_dir():
        return path
    for name in NAMES:
        if (path / name).is_file():
            return path / name
    raise MissingFile(
        f"no manifest in {path}",
        allowed=f"looked for {', '.join(NAMES)}",
        remedy="name the manifest, or make one with `saywhere prepare`",
    )
