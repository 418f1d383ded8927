"""The result files of a table, and which line is compared with which."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from saywhere.errors import MissingFile, UnreadableFile
from saywhere.experiments import frozen
from saywhere.experiments.grid import labels_of
from saywhere.experiments.moved import moved

Results = dict[str, list[dict[str, Any]]]
"""Label → its finished cells, by seed."""
_HOLDS = {"label": str, "seed": int, "config": dict, "summary": dict, "cases": list}


class Table(NamedTuple):
    """What a table's folder holds."""

    about: dict[str, Any]
    """table.json: the grid as it was run"""
    results: Results
    """in the grid's order"""
    left_out: dict[str, str]
    """file name → why it is not in the table: cut in half, or its cell failed"""


def read_results(folder: Path) -> Table:
    """A table's finished cells; a file that cannot be used is named, and the others count.

    Raises: MissingFile where there is no table.json, or no finished cell; UnreadableFile for a table.json that is not whole.
    """
    about = _about(folder)
    known, seeds = labels_of(about["axis"]) if about["axis"] else [], about.get("seeds", [])
    found: Results = {}
    left_out = {}
    names = {path.name for path in folder.glob("*-seed*.json")} | _frozen_names(folder)
    for path in sorted(folder / name for name in names):
        cell = read_cell(path)
        why = cell if isinstance(cell, str) else _stranger(cell, known, seeds)
        if why:
            left_out[path.name] = why
        elif not isinstance(cell, str):
            found.setdefault(cell["label"], []).append(cell)
    if not found:
        raise MissingFile(
            "no finished cell", where=folder, remedy="run `saywhere experiment GRID.toml` first"
        )
    labels = sorted(found, key=lambda label: known.index(label) if label in known else len(known))
    return Table(
        about,
        {label: sorted(found[label], key=lambda cell: cell["seed"]) for label in labels},
        left_out,
    )


def _about(folder: Path) -> dict[str, Any]:
    place = folder / "table.json"
    kept = frozen.read(folder)
    if kept is not None and not place.is_file():
        return _with_defaults(kept.about)
    if not place.is_file():
        raise MissingFile(
            "no table.json", where=folder, remedy="run `saywhere experiment GRID.toml` first"
        )
    try:
        return _with_defaults(json.loads(place.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        raise UnreadableFile(
            "table.json is not whole",
            where=place,
            remedy="run `saywhere experiment` with its grid again: finished cells are kept",
        ) from None


def _with_defaults(about: dict[str, Any]) -> dict[str, Any]:
    whole = {"title": about["title"], "note": "", "reference": None, "axis": []} | about
    return {key: moved(value) for key, value in whole.items()}


def _frozen_names(folder: Path) -> set[str]:
    kept = frozen.read(folder)
    return set() if kept is None else {f"{name}.json" for name in kept.cells}


def read_cell(path: Path) -> dict[str, Any] | str:
    """What a finished cell found, or why the file holds none: half a file, or a failed cell's.

    Args:
        path: FOLDER/CELL.json. Where there is no such file, the cell of the frozen table FOLDER.
    """
    try:
        cell = read_document(path)
        if cell["status"] != "finished":
            return f"the cell failed: {cell.get('reason', 'no reason is kept')}"
        if all(isinstance(cell[key], kind) for key, kind in _HOLDS.items()):
            return cell | {key: moved(cell[key]) for key in ("config", "command") if key in cell}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return "not a whole result: run `saywhere experiment` again"


def read_document(path: Path) -> dict[str, Any]:
    """FOLDER/CELL.json, or the cell of that name in the frozen table FOLDER.

    Raises:
        OSError: where there is neither.
        ValueError: for half a file.
    """
    kept = None if path.is_file() else frozen.read(path.parent)
    if kept is not None and path.stem in kept.cells:
        return dict(kept.cells[path.stem])
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def _stranger(cell: dict[str, Any], known: list[str], seeds: list[int]) -> str:
    """Why a cell is none of this table's; "" if it is. A table that names no cells takes all."""
    if not known or (cell["label"] in known and cell["seed"] in seeds):
        return ""
    return "no cell of the grid as it was last run: move the file away"


def references(reference: str | None, labels: Iterable[str]) -> dict[str, str]:
    """Label → the label that it is compared with; those that are a reference themselves, and those without one, are not in it.

    `reference` is a label, or what the labels of several groups end with: "image + augmentation" compares "UNet · image" with
    "UNet · image + augmentation", and "UNet++ · image" with "UNet++ · image + augmentation".
    """
    labels = list(labels)
    if reference is None or reference in labels:
        return {label: reference for label in labels if reference and label != reference}
    groups = {
        label.removesuffix(ending): label
        for label in labels
        if label.endswith(ending := f" · {reference}")
    }
    return {
        label: groups[group]
        for label in labels
        if (group := label.rpartition(" · ")[0]) in groups and label != groups[group]
    }
