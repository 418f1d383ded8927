"""A finished table in two files: TABLE.csv.gz, a line per case, and TABLE.json, all else.

While a grid runs, each cell is a JSON file in the table's folder. Once it is finished the folder is
frozen: some hundred files of a few hundred kilobytes become two small ones, beside where it lay.
Whatever is read from a frozen table equals what its folder held, value for value.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from saywhere.errors import MissingFile, UnreadableFile
from saywhere.experiments.frozen_document import Document, packed, unpacked
from saywhere.io import files

TABLE = "table.json"
"""In a table's folder: the grid as it was last run."""
ENDINGS = (".csv.gz", ".json")
"""Of a frozen table's two files."""
THAW = "python benchmarks/measure/freeze.py --thaw"
"""The command that makes cell files of a frozen table again."""


class Frozen(NamedTuple):
    """A frozen table."""

    about: Document
    """the grid as it was run, as table.json holds it"""
    cells: dict[str, Document]
    """id → the cell, as its JSON file held it"""


def freeze(folder: Path) -> Frozen:
    """Write FOLDER.csv.gz and FOLDER.json from the folder's cells, and those frozen already.

    A cell's file counts before a frozen cell of its name.

    Args:
        folder: of a table; it stays as it is.

    Returns:
        What was written, read back.

    Raises:
        MissingFile: where there is neither a folder nor a frozen table of its name.
        NotWritable: where the two files cannot be written.
        UnreadableFile: where what is read back is not what the folder holds.
    """
    before = read(folder)
    place = folder / TABLE
    if before is None and not place.is_file():
        raise MissingFile(f"no {TABLE}", where=folder, remedy="name a table's folder")
    cells = dict(before.cells) if before else {}
    cells |= _finished(folder)
    # Sorted: equal content gives equal bytes.
    cells = {name: cells[name] for name in sorted(cells)}
    about = json.loads(place.read_text(encoding="utf-8")) if place.is_file() else {}
    wanted = Frozen(about or (before.about if before else {}), cells)
    _write(folder, wanted)
    written = read(folder)
    # As text, since 1 equals 1.0, and both must come back as they were.
    if written is None or json.dumps(written) != json.dumps(wanted):
        raise UnreadableFile("what was frozen is not what it was made from", where=folder)
    return written


def thaw(folder: Path) -> Frozen:
    """Write FOLDER/table.json and FOLDER/CELL.json from a frozen table.

    Args:
        folder: where the table's folder lay. The two frozen files stay as they are.

    Returns:
        The frozen table.

    Raises:
        MissingFile: where no frozen table has this name.
        NotWritable: where a file cannot be written.
        UnreadableFile: where a cell's file lies there and holds something else; nothing is
            written then.
    """
    table = read(folder)
    if table is None:
        raise MissingFile(
            f"no frozen table {folder.name}",
            where=folder.parent,
            allowed=", ".join(sorted(_frozen_in(folder.parent))) or "there is none",
        )
    documents = {f"{name}.json": cell for name, cell in table.cells.items()}
    documents |= {TABLE: table.about}
    for name, document in documents.items():
        place = folder / name
        if place.is_file() and json.loads(place.read_text(encoding="utf-8")) != document:
            raise UnreadableFile(
                "holds something else than the frozen table",
                where=place,
                remedy="move this file away, and thaw again",
            )
    for name, document in documents.items():
        files.write_json(folder / name, document)
    return table


def read(folder: Path) -> Frozen | None:
    """The frozen table of this folder's name; None where there is none.

    Args:
        folder: where the table's folder lay, or would lie.

    Returns:
        The table, kept in memory until one of its files changes: do not change its values.

    Raises:
        UnreadableFile: where one of the two files is damaged, or they do not belong together.
    """
    rest, cases = places(folder)
    if not rest.is_file() or not cases.is_file():
        return None
    # Their times are arguments, so that a table frozen anew is read anew.
    return _read(rest, cases, rest.stat().st_mtime_ns, cases.stat().st_mtime_ns)


def places(folder: Path) -> tuple[Path, Path]:
    """FOLDER.json and FOLDER.csv.gz, whether or not they exist."""
    name = folder.name
    return folder.with_name(f"{name}.json"), folder.with_name(f"{name}.csv.gz")


def table_folder(path: Path) -> Path:
    """The folder that a table's path means.

    Args:
        path: the folder itself, TABLE.json or TABLE.csv.gz.

    Returns:
        RESULTS/TABLE, which need not exist where the table is frozen.
    """
    for ending in ENDINGS:
        if path.name.endswith(ending) and not path.is_dir():
            return path.with_name(path.name.removesuffix(ending))
    return path


def is_table(path: Path) -> bool:
    """Whether a path means a table: frozen, or a folder with a table.json.

    Args:
        path: the folder, TABLE.json or TABLE.csv.gz; see `table_folder`.

    Returns:
        False where the frozen table lacks one of its files.
    """
    folder = table_folder(path)
    is_frozen = all(place.is_file() for place in places(folder))
    return is_frozen or (folder / TABLE).is_file()


def tables_in(results: Path) -> list[str]:
    """The names of the tables in a folder of results, frozen or not, sorted."""
    running = {path.parent.name for path in results.glob(f"*/{TABLE}")}
    return sorted(running | _frozen_in(results))


def _frozen_in(results: Path) -> set[str]:
    return {path.name.removesuffix(".csv.gz") for path in results.glob("*.csv.gz")}


def _finished(folder: Path) -> dict[str, Document]:
    """Id → the cell, of the folder's cell files that hold a finished or a pruned one."""
    cells = {}
    for path in sorted(folder.glob("*-seed*.json")):
        cell = json.loads(path.read_text(encoding="utf-8"))
        if cell["status"] in ("finished", "pruned"):
            cells[path.stem] = cell
    return cells


def _write(folder: Path, table: Frozen) -> None:
    document, sheet = packed(table.about, table.cells)
    rest, cases = places(folder)
    files.write_bytes(cases, sheet)
    files.write_text(rest, json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n")


# Pages read a table again and again, and it takes a second each time.
@lru_cache(maxsize=4)
def _read(rest: Path, cases: Path, *changed: int) -> Frozen:
    try:
        document = json.loads(rest.read_text(encoding="utf-8"))
        return Frozen(*unpacked(document, cases.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, EOFError, RecursionError) as error:
        reason = str(error)[:80] or type(error).__name__
        remedy = "bring both files back from the repository, or run the grid again"
        raise UnreadableFile(f"damaged ({reason})", where=rest, remedy=remedy) from None
