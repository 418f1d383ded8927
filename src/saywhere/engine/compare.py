"""A table from result files: what each cell reached, how sure that is, and what differs for sure."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from saywhere.errors import MissingFile
from saywhere.metrics.statistics import PairedDifference, hierarchical_difference, holm

RESAMPLES = 4000
Results = dict[str, list[dict[str, Any]]]
"""Label → its finished cells, by seed."""


def read_results(folder: Path) -> tuple[dict[str, Any], Results]:
    """(table.json, finished cells). Raises MissingFile where there are none."""
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
    return json.loads(place.read_text()), {label: sorted(cells, key=lambda cell: cell["seed"]) for label, cells in found.items()}


def table(folder: Path) -> str:
    """Markdown: a row a label. Differences are from the table's reference, paired over seeds and cases."""
    about, results = read_results(folder)
    reference = about["reference"] if about["reference"] in results else None
    others = [label for label in results if reference and label != reference]
    differences = {label: dice_difference(results[label], results[reference]) for label in others} if reference else {}
    corrected = dict(zip(differences, holm([found.p for found in differences.values()])))
    lines = [f"**{about['title']}.** {about['note']} {_protocol(results)}", "", *_head(results, reference)]
    for label, cells in results.items():
        difference = differences.get(label)
        last = [gap(difference), _p(corrected[label])] if difference else ["reference", ""] if label == reference else ["", ""]
        extras = [value(cells) for _, value in _extras(results)]
        row = [label, str(len(cells)), *_row(cells), *extras, *_heard(cells, results), *(last if reference else [])]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def _head(results: Results, reference: str | None) -> list[str]:
    heads = ["", "seeds", "Dice a case [95 %]", "IoU a case", "Dice pooled", "IoU pooled"]
    heads += [name for name, _ in _extras(results)]
    heads += [f"right − {kind}" for kind in _kinds(results)] + ([f"Dice − “{reference}” [95 %]", "p (Holm)"] if reference else [])
    return ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]


def _row(cells: list[dict[str, Any]]) -> list[str]:
    dice = _matrix(cells, "right")
    interval = hierarchical_difference(dice, np.zeros_like(dice), RESAMPLES, 0)
    mean = [np.mean([cell["summary"]["words"]["right"][key] for cell in cells]) for key in ("dice_pooled", "iou_pooled")]
    iou = np.mean([cell["summary"]["words"]["right"]["iou_mean"]["mean"] for cell in cells])
    return [f"{interval.difference:.3f} [{interval.low:.3f}, {interval.high:.3f}]", f"{iou:.3f}", *(f"{value:.3f}" for value in mean)]


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
    seeds = sorted({cell["seed"] for cell in cells} & {cell["seed"] for cell in reference})
    ours, theirs = ([cell for cell in side if cell["seed"] in seeds] for side in (cells, reference))
    return hierarchical_difference(_matrix(ours, "right"), _matrix(theirs, "right"), RESAMPLES, 0)


def _matrix(cells: list[dict[str, Any]], words: str, cases_with: str | None = None) -> np.ndarray:
    """Dice (seed, case) with these words, each seed's cases in the same order; `cases_with`: only the cases that have those words too."""
    names = [case["id"] for case in cells[0]["cases"] if case["words"] == (cases_with or words)]
    found = [{case["id"]: case["dice"] for case in cell["cases"] if case["words"] == words} for cell in cells]
    return np.array([[dice[name] for name in names] for dice in found])


def gap(found: PairedDifference) -> str:
    """+0.123 [+0.100, +0.150]"""
    return f"{found.difference:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _protocol(results: Results) -> str:
    """What the cells share, from their own files."""
    cell = next(iter(results.values()))[0]
    config, n = cell["config"], cell["summary"]["n"]
    size, network = config["data"]["size"], config["network"]
    width = f" of width {network['width']}" if network["name"] != "lite" else ""
    steps = config["train"]["steps_per_epoch"]
    length = f"{config['train']['epochs']} epochs" + (f" of {steps} steps" if steps else "")
    return (
        f"`{network['name']}`{width} at {size} px, {length}, batch {config['train']['batch_size']}, {n} test cases at their original size. "
        f"Intervals: bootstrap over seeds and cases; p: Wilcoxon over cases. Made by `{cell['command']}` and `saywhere compare`."
    )
