"""The result files of a table, and which line is compared with which."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, cast

from saywhere.errors import MissingFile, UnreadableFile
from saywhere.experiments import frozen
from saywhere.experiments.cell_record import CellResult, PrunedRecord, Results, TableRecord
from saywhere.experiments.frozen_document import Document
from saywhere.experiments.grid import labels_of
from saywhere.experiments.moved import moved

_HOLDS = {"label": str, "seed": int, "config": dict, "summary": dict, "cases": list}


class Table(NamedTuple):
    """What a table's folder holds, or the two files of a frozen one, or both."""

    about: TableRecord
    results: Results
    """in the grid's order"""
    left_out: dict[str, str]
    """file name → why it is not in the table: cut in half, or its cell failed"""
    replaced: list[str]
    """names of cell files that stand in for frozen cells of their names"""
    pruned: list[PrunedRecord]
    """cells that were stopped early, in the grid's order"""


def read_results(table: Path) -> Table:
    """A table's finished cells; a file that cannot be used is named, and the others count.

    Args:
        table: its folder, or one of the two files of a frozen table: TABLE.json, TABLE.csv.gz.

    Returns:
        The cells of the folder's files and of the frozen table, with today's paths.

    Raises:
        MissingFile: where there is no table, or no finished cell in it.
        UnreadableFile: for a table.json that is not whole, or a damaged frozen table.
    """
    folder = frozen.table_folder(table)
    about = _about(folder)
    known = labels_of(about["axis"]) if about["axis"] else []
    seeds = about.get("seeds", [])
    results: Results = {}
    left_out = {}
    pruned = []
    # A name may be in both: then the file counts.
    names = {path.name for path in folder.glob("*-seed*.json")} | _frozen_names(folder)
    for path in sorted(folder / name for name in names):
        stopped = _read_pruned(path)
        if stopped and not _stranger(stopped, known, seeds, path):
            pruned.append(stopped)
            continue
        cell = read_cell(path)
        why = cell if isinstance(cell, str) else _stranger(cell, known, seeds, path)
        if why:
            left_out[path.name] = why
        elif not isinstance(cell, str):
            results.setdefault(cell["label"], []).append(cell)
    if not results:
        remedy = "run `saywhere experiment GRID.toml` first"
        raise MissingFile("no finished cell", where=folder, remedy=remedy)
    place = {label: number for number, label in enumerate(known)}
    labels = sorted(results, key=lambda label: place.get(label, len(known)))
    pruned.sort(key=lambda one: (place.get(one["label"], len(known)), one["seed"]))
    ordered = {label: sorted(results[label], key=lambda cell: cell["seed"]) for label in labels}
    return Table(about, ordered, left_out, replaced_cells(folder), pruned)


def replaced_cells(folder: Path) -> list[str]:
    """Names of cell files that lie beside a frozen cell of their name.

    The file counts: somebody ran the cell again, or thawed it. The frozen one is not read.

    Args:
        folder: of a table.

    Returns:
        File names, sorted; none where nothing is frozen.
    """
    names = {path.name for path in folder.glob("*-seed*.json")}
    return sorted(names & _frozen_names(folder))


def read_cell(path: Path) -> CellResult | str:
    """What a finished cell gave, or why the file holds no result.

    Args:
        path: FOLDER/CELL.json. Where there is no such file, the cell of the frozen table FOLDER.

    Returns:
        The result with today's paths; a sentence for half a file, or for a failed cell's.
    """
    try:
        cell = read_document(path)
        if cell["status"] == "failed":
            return f"the cell failed: {cell.get('reason', 'no reason is kept')}"
        if cell["status"] != "finished":
            return f"the cell is {cell['status']} after epoch {cell['epoch']}, not finished"
        if all(isinstance(cell[key], kind) for key, kind in _HOLDS.items()):
            paths = {key: moved(cell[key]) for key in ("config", "command") if key in cell}
            return cast(CellResult, cell | paths)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    # For half a file, or none of ours.
    return "not a whole result: run `saywhere experiment` again"


def read_document(path: Path) -> Document:
    """FOLDER/CELL.json, or the cell of that name in the frozen table FOLDER.

    Args:
        path: the cell file, which need not exist where the table is frozen.

    Returns:
        What it holds, as it was written.

    Raises:
        OSError: where there is neither.
        ValueError: for half a file.
    """
    table = None if path.is_file() else frozen.read(path.parent)
    if table is not None and path.stem in table.cells:
        # A copy, since the frozen table stays in memory for the next reader.
        return dict(table.cells[path.stem])
    document: Document = json.loads(path.read_text(encoding="utf-8"))
    return document


def references(reference: str | None, labels: Iterable[str]) -> dict[str, str]:
    """Which label each label is compared with.

    Args:
        reference: a label, or what the labels of several groups end with: "image + augmentation"
            compares "UNet · image" with "UNet · image + augmentation", and "UNet++ · image" with
            "UNet++ · image + augmentation".
        labels: of the table's finished cells.

    Returns:
        Label → its reference's label. Those that are a reference themselves, and those without
        one, are not in it.
    """
    labels = list(labels)
    if reference is None or reference in labels:
        return {label: reference for label in labels if reference and label != reference}
    ending = f" · {reference}"
    groups = {label.removesuffix(ending): label for label in labels if label.endswith(ending)}
    beside = {label: groups.get(label.rpartition(" · ")[0]) for label in labels}
    return {label: other for label, other in beside.items() if other and other != label}


def _read_pruned(path: Path) -> PrunedRecord | None:
    """A cell that was stopped early; None for any other, and for half a file."""
    try:
        cell = read_document(path)
        if cell["status"] == "pruned":
            return PrunedRecord(
                label=cell["label"], seed=cell["seed"], epoch=cell["epoch"], dice=cell["dice"]
            )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def _about(folder: Path) -> TableRecord:
    place = folder / frozen.TABLE
    table = frozen.read(folder)
    if table is not None and not place.is_file():
        return _with_defaults(table.about)
    if not place.is_file():
        raise MissingFile(
            f"no {frozen.TABLE}", where=folder, remedy="run `saywhere experiment GRID.toml` first"
        )
    try:
        return _with_defaults(json.loads(place.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise UnreadableFile(
            f"{frozen.TABLE} is not whole",
            where=place,
            remedy="run `saywhere experiment` with its grid again: finished cells are kept",
        ) from None


def _with_defaults(about: Document) -> TableRecord:
    whole = {"title": about["title"], "note": "", "reference": None, "axis": []} | about
    return cast(TableRecord, moved(whole))


def _frozen_names(folder: Path) -> set[str]:
    table = frozen.read(folder)
    return set() if table is None else {f"{name}.json" for name in table.cells}


def _stranger(
    cell: CellResult | PrunedRecord, known: list[str], seeds: list[int], path: Path
) -> str:
    """Why a cell is none of this table's; "" if it is. A table that names no cells takes all."""
    if not known or (cell["label"] in known and cell["seed"] in seeds):
        return ""
    first = "" if path.is_file() else f"thaw the table (`{frozen.THAW} {path.parent.name}`), and "
    return f"no cell of the grid as it was last run: {first}move the file away"
