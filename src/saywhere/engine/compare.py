"""A table from result files: what each cell reached, how sure that is, and what differs for sure."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from saywhere.engine.grid import labels_of
from saywhere.errors import MissingFile
from saywhere.metrics.statistics import PairedDifference, hierarchical_difference, holm, rank_biserial, with_span

RESAMPLES = 4000
_FRAMES = {"original": "test cases at their original size", "mosaic": "mosaics of test images, at the network's size"}
Results = dict[str, list[dict[str, Any]]]
"""Label → its finished cells, by seed."""


def read_results(folder: Path) -> tuple[dict[str, Any], Results]:
    """(table.json, finished cells in the grid's order). Raises MissingFile where there are none."""
    place = folder / "table.json"
    if not place.is_file():
        raise MissingFile("no table.json", where=folder, remedy="run `saywhere experiment GRID.toml` first")
    found: Results = {}
    for path in sorted(folder.glob("*-seed*.json")):
        cell = json.loads(path.read_text())
        if cell["status"] == "finished":
            found.setdefault(cell["label"], []).append(cell)
    if not found:
        raise MissingFile("no finished cell", where=folder, remedy="run `saywhere experiment GRID.toml` first")
    about = json.loads(place.read_text())
    known = labels_of(about.get("axis", []))
    labels = sorted(found, key=lambda label: known.index(label) if label in known else len(known))
    return about, {label: sorted(found[label], key=lambda cell: cell["seed"]) for label in labels}


@dataclass(frozen=True)
class Line:
    """What the cells of one label reached."""

    label: str
    n_seeds: int
    dice: PairedDifference
    """Mean Dice a case with right words; its p says nothing."""
    columns: list[str]
    """As `Comparison.heads` names them."""
    difference: PairedDifference | None
    """Dice minus the reference's; None for the reference itself, and where there is none."""


@dataclass(frozen=True)
class Comparison:
    """A table: what its cells share, and a line a label."""

    title: str
    note: str
    reference: str | None
    heads: list[str]
    lines: list[Line]


def compare(folder: Path) -> Comparison:
    """The table of a folder's finished cells. Differences are from the table's reference, paired over seeds and cases.

    Raises: MissingFile where there is no table.json, or no finished cell.
    """
    about, results = read_results(folder)
    reference = about["reference"] if about["reference"] in results else None
    others = [label for label in results if reference and label != reference]
    differences = {label: dice_difference(results[label], results[reference]) for label in others} if reference else {}
    corrected = dict(zip(differences, holm([found.p for found in differences.values()])))
    lines = []
    for label, cells in results.items():
        dice = _mean_dice(cells)
        columns = [*_row(cells, dice), *(value(cells) for _, value in _extras(results)), *_heard(cells, results)]
        if reference and label == reference:
            columns += ["reference", "", ""]
        elif reference:
            columns += [gap(differences[label]), _p(corrected[label]), f"{_effect(cells, results[reference]):+.2f}"]
        lines.append(Line(label, len(cells), dice, columns, differences.get(label)))
    return Comparison(about["title"], f"{about['note']} {_protocol(results)}", reference, _heads(results, reference), lines)


def table(folder: Path) -> str:
    """`compare(folder)` as Markdown."""
    found = compare(folder)
    heads = ["", "seeds", *found.heads]
    lines = [f"**{found.title}.** {found.note}", "", f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    lines += [f"| {' | '.join([line.label, str(line.n_seeds), *line.columns])} |" for line in found.lines]
    return "\n".join(lines) + "\n"


def _heads(results: Results, reference: str | None) -> list[str]:
    heads = ["Dice a case [95 %]", "IoU a case", "Dice pooled", "IoU pooled", *(name for name, _ in _extras(results))]
    heads += [f"right − {kind}" for kind in _kinds(results)]
    return heads + ([f"Dice − “{reference}” [95 %]", "p (Holm)", "effect"] if reference else [])


def _mean_dice(cells: list[dict[str, Any]]) -> PairedDifference:
    dice = _matrix(cells, "right")
    return hierarchical_difference(dice, np.zeros_like(dice), RESAMPLES, 0)


def _row(cells: list[dict[str, Any]], dice: PairedDifference) -> list[str]:
    mean = [np.mean([cell["summary"]["words"]["right"][key] for cell in cells]) for key in ("dice_pooled", "iou_pooled")]
    iou = np.mean([cell["summary"]["words"]["right"]["iou_mean"]["mean"] for cell in cells])
    return [with_span(dice.difference, dice.low, dice.high), f"{iou:.3f}", *(f"{value:.3f}" for value in mean)]


def _extras(results: Results) -> list[tuple[str, Callable[[list[dict[str, Any]]], str]]]:
    """Columns that only some tables have: wordings never trained on, and how much the words show in the pseudo-image."""
    every = [cell for cells in results.values() for cell in cells]
    columns: list[tuple[str, Callable[[list[dict[str, Any]]], str]]] = []
    if any("unseen" in cell["summary"]["words"] for cell in every):
        columns.append(("unseen wording", lambda cells: _mean([cell["summary"]["words"].get("unseen", {}).get("dice_mean", {}).get("mean") for cell in cells])))
    if any(cell.get("mosaic") for cell in every):
        columns += [(f"mosaics: {words}", partial(_on_mosaics, words)) for words in ("right", "another tile's", "unseen wording")]
    if any(cell.get("spread") is not None for cell in every):
        columns.append(("spread", lambda cells: _mean([cell.get("spread") for cell in cells])))
    return columns


def _on_mosaics(words: str, cells: list[dict[str, Any]]) -> str:
    return _mean([((cell.get("mosaic") or {}).get(words) or {}).get("mean") for cell in cells])


def _mean(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{np.mean(known):.3f}" if known else "–"


def _kinds(results: Results) -> list[str]:
    return list(dict.fromkeys(kind for cells in results.values() for cell in cells for kind in cell["summary"]["listening"]))


def _heard(cells: list[dict[str, Any]], results: Results) -> list[str]:
    return [gap(words_gap(cells, kind)) if kind in cells[0]["summary"]["listening"] else "–" for kind in _kinds(results)]


def words_gap(cells: list[dict[str, Any]], kind: str) -> PairedDifference:
    """Dice with right words minus Dice with words of this kind, over the cases that have them, and over seeds."""
    return hierarchical_difference(_matrix(cells, "right", cases_with=kind), _matrix(cells, kind), RESAMPLES, 0)


def dice_difference(cells: list[dict[str, Any]], reference: list[dict[str, Any]]) -> PairedDifference:
    """Dice with right words of these cells minus the reference's, over the seeds that both have, and over cases."""
    return hierarchical_difference(*_paired(cells, reference), RESAMPLES, 0)


def _effect(cells: list[dict[str, Any]], reference: list[dict[str, Any]]) -> float:
    ours, theirs = _paired(cells, reference)
    return rank_biserial(ours.mean(axis=0), theirs.mean(axis=0))


def _paired(cells: list[dict[str, Any]], reference: list[dict[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Dice (seed, case) of both, for the seeds that both have."""
    seeds = {cell["seed"] for cell in cells} & {cell["seed"] for cell in reference}
    ours, theirs = ([cell for cell in side if cell["seed"] in seeds] for side in (cells, reference))
    return _matrix(ours, "right"), _matrix(theirs, "right")


def _matrix(cells: list[dict[str, Any]], words: str, cases_with: str | None = None) -> np.ndarray:
    """Dice (seed, case) with these words, each seed's cases in the same order; `cases_with`: only the cases that have those words too."""
    names = [case["id"] for case in cells[0]["cases"] if case["words"] == (cases_with or words)]
    found = [{case["id"]: case["dice"] for case in cell["cases"] if case["words"] == words} for cell in cells]
    return np.array([[dice[name] for name in names] for dice in found])


def gap(found: PairedDifference) -> str:
    """+0.123 [+0.100, +0.150]"""
    return with_span(found.difference, found.low, found.high, "+")


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _protocol(results: Results) -> str:
    """What the cells share, from their own files."""
    cell = next(iter(results.values()))[0]
    config, n = cell["config"], cell["summary"]["n"]
    networks = ", ".join(dict.fromkeys(_network(cells[0]["config"]["network"]) for cells in results.values()))
    size = config["data"]["size"]
    steps = config["train"]["steps_per_epoch"]
    length = f"{config['train']['epochs']} epochs" + (f" of {steps} steps" if steps else "")
    return (
        f"{networks} at {size} px, {length}, batch {config['train']['batch_size']}, {n} {_FRAMES[cell['summary'].get('frame', 'original')]}. "
        f"Intervals: bootstrap over seeds and cases; p: Wilcoxon over cases; effect: its rank-biserial correlation. "
        f"Made by `{cell['command']}` and `saywhere compare`."
    )


def _network(config: dict[str, Any]) -> str:
    return f"`{config['name']}`" + (f" of width {config['width']}" if config["name"] != "lite" else "")
