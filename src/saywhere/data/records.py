"""Untrusted text → records, from JSONL and CSV.

Every error names the file, the line and the column.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from saywhere.data.manifest_text import ManifestText, short
from saywhere.errors import ManifestError
from saywhere.io.limits import MAX_FIELD_CHARS

Made = TypeVar("Made")
Fields = dict[str, Any]
"""Column → value, as JSON or CSV holds it. The columns are the user's: they have no fixed type."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row as it stands in the file."""

    path: Path
    number: int
    """Its line in the file, from 1."""
    fields: Fields

    def error(
        self, column: str, fault: str, *, allowed: str | None = None, remedy: str
    ) -> ManifestError:
        """Make the error of a column.

        Args:
            column: its name.
            fault: what stands there.
            allowed: what may stand there.
            remedy: what to do.

        Returns:
            The error, to be raised.
        """
        return ManifestError(
            fault,
            where=f"{self.path}, row {self.number}, column {column}",
            allowed=allowed,
            remedy=remedy,
        )

    def text(self, column: str) -> str | None:
        """Read a text, or a whole number as text.

        Args:
            column: its name.

        Returns:
            The text; None where it is absent or empty.

        Raises:
            ManifestError: it is something else, or no text that can be used.
        """
        value = self.fields.get(column)
        if value is None or value == "":
            return None
        # Python takes a bool for an int. A whole number is fine, since ids often are numbers.
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
        """Read a text that must be there.

        Args:
            column: its name.

        Returns:
            The text.

        Raises:
            ManifestError: it is absent, blank, or something else.
        """
        text = self.text(column)
        if text is None or not text.strip():
            # Cut, so that the message can be read whatever the file holds.
            known = ", ".join(list(self.fields)[:8])[:200] or "no columns at all"
            raise self.error(
                column,
                f"no {column}",
                allowed=f"every row has one (found {known})",
                remedy=f"add the {column}",
            )
        return text

    def parsed(self, column: str) -> Any:
        """Read a cell of a CSV that holds JSON.

        Args:
            column: its name.

        Returns:
            The value.

        Raises:
            ManifestError: it is no JSON.
        """
        try:
            return _parse_json(self.fields[column])
        # Thousands of nested brackets exceed Python's stack.
        except (ValueError, RecursionError) as error:
            raise self.error(
                column,
                f"not valid JSON ({short(error)})",
                remedy='write an object, for instance {"p1": "polyp"}',
            ) from None

    def check_text(self, column: str, text: str) -> None:
        """Refuse what no file name and no encoder can take.

        Args:
            column: its name.
            text: its value.

        Raises:
            ManifestError: it holds a NUL or half a character, or is too long.
        """
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


Line = tuple[int, Callable[[], Record]]
"""A line's number, from 1, and what makes its record or raises ManifestError."""


@dataclass(frozen=True)
class BadRow:
    """A line that is no record, or none of the kind that is wanted."""

    number: int
    """Of the line, from 1."""
    error: ManifestError


def read_records(path: Path) -> tuple[list[Record], list[BadRow]]:
    """Read JSONL or CSV, by the name's ending, else by the first character.

    Args:
        path: the file.

    Returns:
        Its records, and the lines that are none.

    Raises:
        MissingFile: there is no such file.
        ManifestError: the file as a whole cannot be read.
    """
    bad: list[BadRow] = []
    return list(sorted_out(each_record(ManifestText(path)), bad)), bad


def each_record(file: ManifestText) -> Iterator[Line]:
    """Read as `read_records`, one record at a time: of a million, they are never all in memory.

    Args:
        file: JSONL or CSV.

    Returns:
        Each line's number with a function that makes its record. Taking the next line raises
        ManifestError where the file as a whole cannot be read.
    """
    ending = file.path.suffix.lower()
    is_csv = ending in (".csv", ".tsv") or (
        ending not in (".jsonl", ".ndjson", ".json") and file.first_character() != "{"
    )
    return _csv_lines(file) if is_csv else _jsonl_lines(file)


def each_json_line(path: Path) -> Iterator[Line]:
    """Read JSONL, whatever the file's name, one record at a time.

    Args:
        path: the file.

    Returns:
        Each line's number with a function that makes its record. Taking the next line raises
        ManifestError where the file as a whole cannot be read.

    Raises:
        MissingFile: there is no such file.
        ManifestError: the file is no text.
    """
    return _jsonl_lines(ManifestText(path))


def _jsonl_lines(file: ManifestText) -> Iterator[Line]:
    is_first = True
    # No other line ends: JSON allows characters within a text that elsewhere end a line.
    for number, line in enumerate(file.lines("\n"), start=1):
        if not line.strip():
            continue
        if is_first and line.lstrip().startswith("["):
            raise ManifestError(
                "a JSON list",
                where=file.path,
                allowed="a manifest has one JSON object a line",
                remedy="write the list's objects one a line",
            )
        is_first = False
        yield number, partial(_jsonl_record, file.path, number, line.removesuffix("\n"))


def sorted_out(made: Iterable[tuple[int, Callable[[], Made]]], bad: list[BadRow]) -> Iterator[Made]:
    """Make something of each row, and set the rows aside of which nothing can be made.

    Args:
        made: the line's number and a function that makes it, for each row.
        bad: is given the bad rows with their errors.

    Yields:
        What was made.
    """
    for number, make in made:
        try:
            row = make()
        except ManifestError as error:
            bad.append(BadRow(number, error))
        else:
            yield row


def _jsonl_record(path: Path, number: int, line: str) -> Record:
    place = f"{path}, row {number}"
    try:
        fields = _parse_json(line)
    except (ValueError, RecursionError) as error:
        raise ManifestError(
            f"not valid JSON ({short(error)})",
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
    # Only an escape can hold half of a pair, since the file itself is valid UTF-8.
    if "\\u" in line and not _is_encodable(json.dumps(fields, ensure_ascii=False)):
        raise ManifestError(
            "half of a surrogate pair",
            where=place,
            allowed="a row is valid Unicode",
            remedy="mend the \\u… escape",
        )
    return Record(path, number, fields)


def _csv_lines(file: ManifestText) -> Iterator[Line]:
    """Comma, semicolon or tab, whichever the header has most of."""
    path = file.path
    # Line ends as they are, since a quoted cell may hold some.
    lines = file.lines("")
    blank: list[str] = []
    header_line = ""
    for header_line in lines:
        if header_line.strip("\r\n"):
            break
        blank.append(header_line)
    reader = csv.reader(
        # With the blank ones, so that rows keep their numbers. Strict, since a stray quote would
        # swallow the rows that follow.
        chain(blank, [header_line], lines),
        # Excel writes semicolons where the decimal mark is a comma.
        delimiter=max(",;\t", key=header_line.count),
        strict=True,
    )
    header: list[str] | None = None
    number = 1
    try:
        for cells in reader:
            # csv gives an empty list for a blank line.
            if cells and header is None:
                header = _header(path, number, cells)
            elif cells and header is not None:
                yield number, partial(_csv_record, path, number, header, cells)
            # A quoted cell may span lines: a row's number is that of its first line.
            number = reader.line_num + 1
    except csv.Error as error:
        raise ManifestError(
            f"not valid CSV ({short(error)})",
            where=f"{path}, row {number}",
            remedy="quote the cell, or save as JSONL",
        ) from None


def _header(path: Path, number: int, cells: list[str]) -> list[str]:
    header = [cell.strip() for cell in cells]
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise ManifestError(
            f"two columns named {twice[:40]!r}",
            where=f"{path}, row {number}",
            allowed="a column stands once",
            remedy="rename or remove one",
        )
    return header


def _csv_record(path: Path, number: int, header: list[str], cells: list[str]) -> Record:
    if len(cells) != len(header):
        raise ManifestError(
            f"{len(cells)} cells under {len(header)} columns",
            where=f"{path}, row {number}",
            allowed="one cell a column",
            remedy="quote a cell that holds the delimiter",
        )
    return Record(path, number, dict(zip(header, cells)))


def _parse_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)


def _unique(pairs: list[tuple[str, Any]]) -> Fields:
    fields = dict(pairs)
    # Python's parser would keep the last of the two without a word.
    if len(fields) < len(pairs):
        raise ValueError("a key stands twice")
    return fields


def _no_constant(name: str) -> None:
    # Python's parser takes NaN and Infinity, which JSON does not know.
    raise ValueError(f"{name} is no JSON")


def _is_encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
