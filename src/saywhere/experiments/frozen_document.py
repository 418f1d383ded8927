"""The two files of a frozen table: what a line of the CSV and what the JSON holds.

The CSV has a line per case. The JSON has all else: the table, the columns' names, and each cell
without its cases. Cells of one table share nearly all of their configuration, so that is written
once and each cell holds only what differs.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Mapping
from typing import Any

from saywhere.config import Document as Document
from saywhere.errors import UnreadableFile
from saywhere.io.csv_cells import cell as cell_of
from saywhere.io.csv_cells import text_of

FORMAT = 1
CELL = "cell"
"""The CSV's first column: which cell a case is of."""
SHARED = ("config", "packages", "data", "encoder")
"""Keys of a cell whose values most cells of a table share."""


def packed(about: Document, cells: Mapping[str, Document]) -> tuple[Document, bytes]:
    """The contents of the two files.

    Args:
        about: the grid as it was run, as table.json holds it.
        cells: id → the cell, as its JSON file held it.

    Returns:
        What TABLE.json holds, and the bytes of TABLE.csv.gz. Equal content gives equal bytes.

    Raises:
        UnreadableFile: where cases of one table have different columns.
    """
    columns = list(next(iter(cells.values()))["cases"][0]) if cells else []
    text = [column for column in columns if _is_text(cells, column)]
    sheet = _sheet(cells, columns, text)
    first: Document = next(iter(cells.values()), {})
    shared = {key: first[key] for key in SHARED if key in first}
    document = {
        "format": FORMAT,
        "sha256": digest(sheet),
        "table": about,
        "columns": columns,
        "text": text,
        "shared": shared,
        "cells": {name: _own(cell, shared) for name, cell in cells.items()},
    }
    return document, sheet


def unpacked(document: Document, sheet: bytes) -> tuple[Document, dict[str, Document]]:
    """The table and its cells, from the contents of the two files.

    Args:
        document: what TABLE.json holds.
        sheet: the bytes of TABLE.csv.gz.

    Returns:
        The grid as it was run, and id → the cell, equal to what `packed` was given.

    Raises:
        ValueError: where the two files are not of one writing, or of a later format.
        KeyError, TypeError, EOFError, OSError: where one of them is damaged.
    """
    if document["format"] > FORMAT:
        raise ValueError(f"format {document['format']}, written by a newer Saywhere")
    # Tables of before have no digest.
    if document.get("sha256", digest(sheet)) != digest(sheet):
        raise ValueError("the sha256 of the .csv.gz is not the one written down")
    shared = document["shared"]
    text = set(document["text"])
    rows: dict[str, list[Document]] = {name: [] for name in document["cells"]}
    lines = io.StringIO(gzip.decompress(sheet).decode(), newline="")
    for row in csv.DictReader(lines):
        name = text_of(row.pop(CELL))
        case = {
            key: text_of(value) if key in text else json.loads(value) for key, value in row.items()
        }
        rows[name].append(case)
    cells = {name: _cell(own, shared, rows[name]) for name, own in document["cells"].items()}
    return document["table"], cells


def digest(sheet: bytes) -> str:
    """The sha256 of a file's bytes, as hexadecimal digits."""
    return hashlib.sha256(sheet).hexdigest()


def _sheet(cells: Mapping[str, Document], columns: list[str], text: list[str]) -> bytes:
    sheet = io.StringIO()
    # By itself, the csv module ends lines as Windows does.
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow([CELL, *columns])
    for name, cell in cells.items():
        for case in cell["cases"]:
            if list(case) != columns:
                raise UnreadableFile(
                    f"a case has the columns {', '.join(case)}",
                    where=name,
                    allowed=f"those of the table's first case: {', '.join(columns)}",
                )
            # JSON tells a number from text, and 1 from 1.0; a CSV tells neither.
            values = [cell_of(v) if key in text else json.dumps(v) for key, v in case.items()]
            writer.writerow([cell_of(name), *values])
    # No time in its header: equal content gives equal bytes.
    return gzip.compress(sheet.getvalue().encode(), mtime=0)


def _is_text(cells: Mapping[str, Document], column: str) -> bool:
    """Whether every case has text there; then the CSV needs no JSON quotes around it."""
    cases = (case for cell in cells.values() for case in cell["cases"])
    return all(isinstance(case[column], str) for case in cases)


def _own(cell: Document, shared: Document) -> Document:
    """A cell without its cases; of a shared table, the keys whose values differ."""
    own: Document = {}
    for key, value in cell.items():
        if key == "cases":
            # Its place among the keys is remembered.
            own[key] = None
        elif key in shared:
            own[key] = _difference(shared[key], value)
        else:
            own[key] = value
    return own


def _cell(own: Document, shared: Document, cases: list[Document]) -> Document:
    """The reverse of `_own`."""
    cell: Document = {}
    for key, value in own.items():
        if key == "cases":
            cell[key] = cases
        elif key in shared:
            cell[key] = _whole(shared[key], value)
        else:
            cell[key] = value
    return cell


def _difference(shared: Any, value: Any) -> Document:
    """{"same": true}; {"but": {dotted key: value}} where keys are the same; else {"is": value}."""
    # Compared as text: 1 and 1.0 are equal, and must both come back as they were.
    if json.dumps(shared) == json.dumps(value):
        return {"same": True}
    before, after = _flat(shared), _flat(value)
    if not before or not after or list(before) != list(after):
        return {"is": value}
    changed = {key: v for key, v in after.items() if json.dumps(v) != json.dumps(before[key])}
    return {"but": changed}


def _whole(shared: Any, difference: Document) -> Any:
    """The reverse of `_difference`."""
    if "is" in difference:
        return difference["is"]
    # A copy: cells must not share what they may change.
    value = json.loads(json.dumps(shared))
    for key, changed in difference.get("but", {}).items():
        section, _, name = key.partition(".")
        value[section][name] = changed
    return value


def _flat(document: Any) -> Document:
    """Dotted keys of a table of tables; empty for anything else, or where a key holds a dot."""
    if not isinstance(document, dict):
        return {}
    flat: Document = {}
    for section, values in document.items():
        if not isinstance(values, dict) or "." in section or not values:
            return {}
        flat |= {f"{section}.{key}": value for key, value in values.items()}
    return flat
