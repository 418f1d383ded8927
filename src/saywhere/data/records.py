"""Untrusted text → records: JSONL and CSV, with the file, the line and the column in every complaint."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from saywhere.errors import ManifestError, MissingFile
from saywhere.io.limits import MAX_FIELD_CHARS, MAX_MANIFEST_BYTES

Made = TypeVar("Made")


@dataclass(frozen=True)
class Record:
    """One row as found: column → value. `number`: its line in the file, from 1."""

    path: Path
    number: int
    fields: dict[str, Any]

    def error(
        self, column: str, found: str, *, allowed: str | None = None, remedy: str
    ) -> ManifestError:
        return ManifestError(
            found,
            where=f"{self.path}, row {self.number}, column {column}",
            allowed=allowed,
            remedy=remedy,
        )

    def text(self, column: str) -> str | None:
        """A text or a whole number as text; None where absent or empty. Raises ManifestError."""
        value = self.fields.get(column)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise self.error(
                column,
                f"{column} is a {type(value).__name__}",
                allowed="it is a text",
                remedy="put it in quotes",
            )
        text = str(value)
        self.check_text(column, text)
        return text

    def required(self, column: str) -> str:
        """The same, but there must be one."""
        text = self.text(column)
        if text is None or not text.strip():
            known = ", ".join(list(self.fields)[:8])[:200] or "no columns at all"
            raise self.error(
                column,
                f"no {column}",
                allowed=f"every row has one (found {known})",
                remedy=f"add the {column}",
            )
        return text

    def parsed(self, column: str) -> Any:
        """A cell that holds JSON."""
        try:
            return _parse_json(self.fields[column])
        except (ValueError, RecursionError) as error:
            raise self.error(
                column,
                f"not valid JSON ({_short(error)})",
                remedy='write an object, for instance {"p1": "polyp"}',
            ) from None

    def check_text(self, column: str, text: str) -> None:
        """Raises ManifestError for what no file name and no encoder can take: NUL, half characters, a novel."""
        if len(text) > MAX_FIELD_CHARS:
            raise self.error(
                column,
                f"{len(text):,} characters",
                allowed=f"a field has at most {MAX_FIELD_CHARS:,}",
                remedy="shorten it",
            )
        if "\0" in text:
            raise self.error(
                column, "a NUL character", allowed="a field is plain text", remedy="remove it"
            )
        if not _is_encodable(text):
            raise self.error(
                column,
                "half of a surrogate pair",
                allowed="a field is valid Unicode",
                remedy="save the manifest as UTF-8",
            )


@dataclass(frozen=True)
class BadRow:
    """A line that is no record, or none of the kind that is wanted: its number, from 1, and what is wrong with it."""

    number: int
    error: ManifestError


def read_records(path: Path) -> tuple[bytes, list[Record], list[BadRow]]:
    """The file's bytes, its rows, and the lines that are none. Raises MissingFile, ManifestError where the file as a whole is none."""
    content = _read_bytes(path)
    text = _decoded(path, content)
    is_csv = path.suffix.lower() in (".csv", ".tsv") or (
        path.suffix.lower() not in (".jsonl", ".ndjson", ".json")
        and not text.lstrip().startswith("{")
    )
    return content, *(_csv_records(path, text) if is_csv else _jsonl_records(path, text))


def read_json_lines(path: Path) -> tuple[list[Record], list[BadRow]]:
    """The same of JSONL, whatever the file's name."""
    return _jsonl_records(path, _decoded(path, _read_bytes(path)))


def _read_bytes(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise MissingFile(
                f"no manifest {path}", remedy="check the name; `saywhere prepare` makes one"
            )
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
            f"cannot be read ({_short(error)})", where=path, remedy="check its name and permissions"
        ) from None


def _decoded(path: Path, content: bytes) -> str:
    """UTF-8 with or without a byte order mark, no NUL anywhere."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise ManifestError(
            "bytes that are no UTF-8",
            where=f"{path}, row {row}",
            remedy="save the manifest as UTF-8",
        ) from None
    if "\0" in text:
        row = text.count("\n", 0, text.index("\0")) + 1
        raise ManifestError(
            "a NUL character",
            where=f"{path}, row {row}",
            allowed="a manifest is plain text",
            remedy="save it as UTF-8 (not UTF-16)",
        )
    return text


def _jsonl_records(path: Path, text: str) -> tuple[list[Record], list[BadRow]]:
    if text.lstrip().startswith("["):
        raise ManifestError(
            "a JSON list",
            where=path,
            allowed="a manifest has one JSON object a line",
            remedy="write the list's objects one a line",
        )
    return sorted_out(
        (number, partial(_jsonl_record, path, number, line))
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip()
    )


def sorted_out(made: Iterable[tuple[int, Callable[[], Made]]]) -> tuple[list[Made], list[BadRow]]:
    """What could be made, and the rows of which nothing could."""
    good: list[Made] = []
    bad: list[BadRow] = []
    for number, make in made:
        try:
            good.append(make())
        except ManifestError as error:
            bad.append(BadRow(number, error))
    return good, bad


def _jsonl_record(path: Path, number: int, line: str) -> Record:
    place = f"{path}, row {number}"
    try:
        fields = _parse_json(line)
    except (ValueError, RecursionError) as error:
        raise ManifestError(
            f"not valid JSON ({_short(error)})",
            where=place,
            allowed="a row is one JSON object",
            remedy="mend or remove the line",
        ) from None
    if not isinstance(fields, dict):
        raise ManifestError(
            f"a {type(fields).__name__}",
            where=place,
            allowed="a row is one JSON object",
            remedy='write {"id": …, "image": …}',
        )
    if "\\u" in line and not _is_encodable(json.dumps(fields, ensure_ascii=False)):
        raise ManifestError(
            "half of a surrogate pair",
            where=place,
            allowed="a row is valid Unicode",
            remedy="mend the \\u… escape",
        )
    return Record(path, number, fields)


def _csv_records(path: Path, text: str) -> tuple[list[Record], list[BadRow]]:
    """Comma, semicolon or tab, whichever the header has most of."""
    header_line = text.lstrip("\r\n").partition("\n")[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=max(",;\t", key=header_line.count), strict=True
    )
    header: list[str] | None = None
    rows: list[tuple[int, Callable[[], Record]]] = []
    number = 1
    try:
        for cells in reader:
            if cells and header is None:
                header = _header(path, number, cells)
            elif cells and header is not None:
                rows.append((number, partial(_csv_record, path, number, header, cells)))
            number = (
                reader.line_num + 1
            )  # a quoted cell may span lines: a row's number is that of its first
    except csv.Error as error:
        raise ManifestError(
            f"not valid CSV ({_short(error)})",
            where=f"{path}, row {number}",
            remedy="quote the cell, or save as JSONL",
        ) from None
    return sorted_out(rows)


def _header(path: Path, number: int, cells: list[str]) -> list[str]:
    header = [cell.strip() for cell in cells]
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        found = f"two columns named {twice[:40]!r}"
        raise ManifestError(
            found,
            where=f"{path}, row {number}",
            allowed="a column stands once",
            remedy="rename or remove one",
        )
    return header


def _csv_record(path: Path, number: int, header: list[str], cells: list[str]) -> Record:
    if len(cells) != len(header):
        found = f"{len(cells)} cells under {len(header)} columns"
        raise ManifestError(
            found,
            where=f"{path}, row {number}",
            allowed="one cell a column",
            remedy="quote a cell that holds the delimiter",
        )
    return Record(path, number, dict(zip(header, cells)))


def _parse_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a key stands twice")
    return fields


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _short(error: BaseException) -> str:
    return str(error)[:80] or type(error).__name__
