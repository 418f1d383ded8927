"""The result files of a table, and which line is compared with which."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from saywhere.engine.grid import labels_of
from saywhere.errors import MissingFile

Results = dict[str, list[dict[str, Any]]]
"""Label → its finished cells, by seed."""


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

    Raises MissingFile where there is no table.json, or no finished cell.
    """
    place = folder / "table.json"
    if not place.is_file():
        raise MissingFile("no table.json", where=folder, remedy="run `saywhere experiment GRID.toml` first")
    found: Results = {}
    left_out = {}
    for path in sorted(folder.glob("*-seed*.json")):
        cell = _read(path)
        if isinstance(cell, str):
            left_out[path.name] = cell
        else:
            found.setdefault(cell["label"], []).append(cell)
    if not found:
        raise MissingFile("no finished cell", where=folder, remedy="run `saywhere experiment GRID.toml` first")
    about = json.loads(place.read_text())
    known = labels_of(about.get("axis", []))
    labels = sorted(found, key=lambda label: known.index(label) if label in known else len(known))
    return Table(about, {label: sorted(found[label], key=lambda cell: cell["seed"]) for label in labels}, left_out)


def _read(path: Path) -> dict[str, Any] | str:
    """A finished cell, or why it is none."""
    try:
        cell: dict[str, Any] = json.loads(path.read_text())
        status, _, _ = cell["status"], cell["label"], cell["seed"]
    except (OSError, ValueError, KeyError, TypeError):
        return "not a whole result: run `saywhere experiment` again"
    if status != "finished":
        return f"the cell failed: {cell.get('reason', 'no reason is kept')}"
    return cell


def references(reference: str | None, labels: Iterable[str]) -> dict[str, str]:
    """Label → the label that it is compared with; those that are a reference themselves, and those without one, are not in it.

    `reference` is a label, or what the labels of several groups end with: "image + augmentation" compares "UNet · image" with
    "UNet · image + augmentation", and "UNet++ · image" with "UNet++ · image + augmentation".
    """
    labels = list(labels)
    if reference is None or reference in labels:
        return {label: reference for label in labels if reference and label != reference}
    groups = {label.removesuffix(ending): label for label in labels if label.endswith(ending := f" · {reference}")}
    return {label: groups[group] for label in labels if (group := label.rpartition(" · ")[0]) in groups and label != groups[group]}
