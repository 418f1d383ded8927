"""The two files of a frozen table: what a line of the CSV and what the JSON holds.

The CSV has a line per case. The JSON has all else: the table, the columns' names, and each cell
without its cases. Cells of one table share nearly all of their configuration, so that is written
once and each cell holds only what differs. Dice and IoU are left out of the CSV where they follow
from the counts of pixels beside them: they are a third of its bytes.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

from saywhere.config import Document as Document
from saywhere.errors import UnreadableFile
from saywhere.io.csv_cells import cell as cell_of
from saywhere.io.csv_cells import text_of

FORMAT = 2
"""Of the two files. In 1, which is read as well, no column was left out."""
COUNTS = ("true_positive", "false_positive", "false_negative")
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
    # A pruned cell has none.
    every = [case for cell in cells.values() for case in cell["cases"]]
    columns = list(every[0]) if every else []
    text = [column for column in columns if _is_text(cells, column)]
    derived = [column for column in DERIVED if column in columns and _follows(cells, column)]
    sheet = _sheet(cells, columns, text, derived)
    first: Document = next(iter(cells.values()), {})
    shared = {key: first[key] for key in SHARED if key in first}
    document = {
        "format": FORMAT,
        "sha256": digest(sheet),
        "table": about,
        "columns": columns,
        "text": text,
        "derived": derived,
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
    columns = document["columns"]
    # Format 1 left nothing out.
    derived = document.get("derived", [])
    rows: dict[str, list[Document]] = {name: [] for name in document["cells"]}
    lines = io.StringIO(gzip.decompress(sheet).decode(), newline="")
    for row in csv.DictReader(lines):
        name = text_of(row.pop(CELL))
        case = {
            key: text_of(value) if key in text else json.loads(value) for key, value in row.items()
        }
        case |= {column: DERIVED[column](case) for column in derived}
        rows[name].append({column: case[column] for column in columns})
    cells = {name: _cell(own, shared, rows[name]) for name, own in document["cells"].items()}
    return document["table"], cells


def digest(sheet: bytes) -> str:
    """The sha256 of a file's bytes, as hexadecimal digits."""
    return hashlib.sha256(sheet).hexdigest()


def _dice(case: Document) -> float:
    hit, extra, missed = (case[column] for column in COUNTS)
    return _as_measured(2 * hit, 2 * hit + extra + missed)


def _iou(case: Document) -> float:
    hit, extra, missed = (case[column] for column in COUNTS)
    return _as_measured(hit, hit + extra + missed)


def _as_measured(part: float, whole: float) -> float:
    """With the roundings of cases.csv and of a cell, in their order. Both empty is agreement."""
    return round(float(f"{part / whole if whole else 1.0:.6g}"), 5)


DERIVED: dict[str, Callable[[Document], float]] = {"dice": _dice, "iou": _iou}
"""Columns that may follow from a case's counts of pixels."""


def _follows(cells: Mapping[str, Document], column: str) -> bool:
    """Whether a column's every value is what its counts give, to the last digit."""
    cases = [case for cell in cells.values() for case in cell["cases"]]
    if not all(isinstance(case.get(name), (int, float)) for case in cases for name in COUNTS):
        return False
    # Compared as text: 1 and 1.0 are equal, and each must come back as it was.
    return all(json.dumps(DERIVED[column](case)) == json.dumps(case[column]) for case in cases)


def _sheet(
    cells: Mapping[str, Document], columns: list[str], text: list[str], derived: list[str]
) -> bytes:
    sheet = io.StringIO()
    # By itself, the csv module ends lines as Windows does.
    writer = csv.writer(sheet, lineterminator="\n")
    stored = [column for column in columns if column not in derived]
    writer.writerow([CELL, *stored])
    for name, cell in cells.items():
        for case in cell["cases"]:
            if list(case) != columns:
                raise UnreadableFile(
                    f"a case has the columns {', '.join(case)}",
                    where=name,
                    allowed=f"those of the table's first case: {', '.join(columns)}",
                )
            # JSON tells a number from text, and 1 from 1.0; a CSV tells neither.
            values = [
                cell_of(case[key]) if key in text else json.dumps(case[key]) for key in stored
            ]
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
