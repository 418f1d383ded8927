"""A finished table in two files: TABLE.csv.gz, a line a case, and TABLE.json, all else.

While a grid runs, each cell is a JSON file in the table's folder. Once it is finished the folder is
frozen: some hundred files of a few hundred kilobytes become two small ones, beside where it lay.
Whatever is read from a frozen table equals what its folder held, value for value.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from saywhere.errors import UnreadableFile
from saywhere.io import files

FORMAT = 1
CELL = "cell"
"""The CSV's first column: which cell a case is of."""


class Frozen(NamedTuple):
    """A frozen table."""

    about: dict[str, Any]
    """the grid as it was run, as table.json holds it"""
    cells: dict[str, dict[str, Any]]
    """id → the cell, as its JSON file held it"""


def freeze(folder: Path) -> Frozen:
    """Write FOLDER.csv.gz and FOLDER.json from the folder's cells, and those that are frozen already.

    Args:
        folder: of a table; it stays as it is.
    Returns:
        What was written, read back.
    Raises:
        NotWritable: where the two files cannot be written.
        UnreadableFile: where what is read back is not what the folder holds.
    """
    before = read(folder)
    cells = dict(before.cells) if before else {}
    for path in sorted(folder.glob("*-seed*.json")):
        cell = json.loads(path.read_text(encoding="utf-8"))
        if cell["status"] == "finished":
            cells[path.stem] = cell
    cells = {name: cells[name] for name in sorted(cells)}
    table = folder / "table.json"
    about = json.loads(table.read_text(encoding="utf-8")) if table.is_file() else {}
    wanted = Frozen(about or (before.about if before else {}), cells)
    _write(folder, wanted)
    written = read(folder)
    if written is None or json.dumps(written) != json.dumps(wanted):
        raise UnreadableFile("what was frozen is not what it was made from", where=folder)
    return written


def read(folder: Path) -> Frozen | None:
    """The frozen table of this folder's name; None where there is none.

    Raises:
        UnreadableFile: where one of the two files is damaged.
    """
    rest, cases = places(folder)
    if not rest.is_file() or not cases.is_file():
        return None
    return _read(rest, cases, rest.stat().st_mtime_ns, cases.stat().st_mtime_ns)


def places(folder: Path) -> tuple[Path, Path]:
    """FOLDER.json and FOLDER.csv.gz."""
    name = folder.name
    return folder.with_name(f"{name}.json"), folder.with_name(f"{name}.csv.gz")


def tables_in(results: Path) -> list[str]:
    """Names of the tables there, frozen or not."""
    running = {path.parent.name for path in results.glob("*/table.json")}
    return sorted(
        running | {path.name.removesuffix(".csv.gz") for path in results.glob("*.csv.gz")}
    )


def _write(folder: Path, table: Frozen) -> None:
    columns = list(next(iter(table.cells.values()))["cases"][0]) if table.cells else []
    text = [column for column in columns if _is_text(table, column)]
    shared = _shared(table.cells)
    document = {
        "format": FORMAT,
        "table": table.about,
        "columns": columns,
        "text": text,
        "shared": shared,
        "cells": {name: _own(cell, shared) for name, cell in table.cells.items()},
    }
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow([CELL, *columns])
    for name, cell in table.cells.items():
        for case in cell["cases"]:
            if list(case) != columns:
                raise UnreadableFile(f"a case has {', '.join(case)}", where=f"{folder}, {name}")
            texts = [
                value if column in text else json.dumps(value) for column, value in case.items()
            ]
            writer.writerow([name, *texts])
    rest, cases = places(folder)
    # No time in its header: equal content gives equal bytes.
    files.write_bytes(cases, gzip.compress(sheet.getvalue().encode(), mtime=0))
    files.write_text(rest, json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n")


def _is_text(table: Frozen, column: str) -> bool:
    cases = (case for cell in table.cells.values() for case in cell["cases"])
    return all(isinstance(case[column], str) for case in cases)


def _shared(cells: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What the first cell holds of configuration, packages and data: most of the others hold it too."""
    first = next(iter(cells.values()), {})
    return {key: first[key] for key in ("config", "packages", "data", "encoder") if key in first}


def _own(cell: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """A cell without its cases; of a shared table, the keys whose values differ."""
    own: dict[str, Any] = {}
    for key, value in cell.items():
        if key == "cases":
            own[key] = None  # its place among the keys is kept
        elif key in shared:
            own[key] = _difference(shared[key], value)
        else:
            own[key] = value
    return own


def _difference(shared: Any, value: Any) -> Any:
    """{"same": true}, {"but": {dotted key: value}} where the keys are the same, else {"is": value}."""
    if json.dumps(shared) == json.dumps(value):
        return {"same": True}
    ours, theirs = _flat(shared), _flat(value)
    if not ours or not theirs or list(ours) != list(theirs):
        return {"is": value}
    changed = {key: v for key, v in theirs.items() if json.dumps(v) != json.dumps(ours[key])}
    return {"but": changed}


def _flat(document: Any) -> dict[str, Any]:
    """Dotted keys of a table of tables; empty for anything else, or where a key holds a dot."""
    if not isinstance(document, dict):
        return {}
    flat: dict[str, Any] = {}
    for section, values in document.items():
        if not isinstance(values, dict) or "." in section or not values:
            return {}
        flat |= {f"{section}.{key}": value for key, value in values.items()}
    return flat


def _whole(shared: Any, difference: dict[str, Any]) -> Any:
    if "is" in difference:
        return difference["is"]
    value = json.loads(json.dumps(shared))
    for key, changed in difference.get("but", {}).items():
        section, _, name = key.partition(".")
        value[section][name] = changed
    return value


@lru_cache(maxsize=4)
def _read(rest: Path, cases: Path, *changed: int) -> Frozen:
    try:
        document = json.loads(rest.read_text(encoding="utf-8"))
        shared, text = document["shared"], set(document["text"])
        rows: dict[str, list[dict[str, Any]]] = {name: [] for name in document["cells"]}
        sheet = gzip.decompress(cases.read_bytes()).decode()
        for row in csv.DictReader(io.StringIO(sheet, newline="")):
            name = row.pop(CELL)
            rows[name].append({c: v if c in text else json.loads(v) for c, v in row.items()})
        return Frozen(
            document["table"],
            {name: _cell(own, shared, rows[name]) for name, own in document["cells"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        reason = str(error)[:80] or type(error).__name__
        remedy = "bring both files back from the repository, or run the grid again"
        raise UnreadableFile(f"damaged ({reason})", where=rest, remedy=remedy) from None


def _cell(
    own: dict[str, Any], shared: dict[str, Any], cases: list[dict[str, Any]]
) -> dict[str, Any]:
    cell = {}
    for key, value in own.items():
        if key == "cases":
            cell[key] = cases
        elif key in shared:
            cell[key] = _whole(shared[key], value)
        else:
            cell[key] = value
    return cell
