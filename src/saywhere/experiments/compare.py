"""A table from result files: what each cell reached, how sure that is, and what differs for sure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from saywhere.errors import UsageError
from saywhere.experiments.results import Results, read_results, references
from saywhere.metrics.statistics import (
    PairedDifference,
    hierarchical_difference,
    holm,
    rank_biserial,
    with_span,
)

RESAMPLES = 4000
_FRAMES = {
    "original": "test cases at their original size",
    "mosaic": "mosaics of test images, at the network's size",
}


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
    """Dice minus the reference's; None for the reference itself, and where there is none, or none with a seed of this line's."""
    is_reference: bool = False


@dataclass(frozen=True)
class Comparison:
    """A table: what its cells share, and a line a label."""

    title: str
    note: str
    reference: str | None
    heads: list[str]
    lines: list[Line]
    left_out: dict[str, str]
    """result file → why it is not in the table"""


def compare(folder: Path) -> Comparison:
    """The table of a folder's finished cells. Differences are from the table's reference (`results.references`), paired over seeds and cases.

    Raises: MissingFile where there is no table.json, or no finished cell.
    """
    about, results, left_out = read_results(folder)
    beside = references(about["reference"], results)
    differences = {
        label: case_difference(results[label], results[other])
        for label, other in beside.items()
        if _shared(results[label], results[other])
    }
    corrected = dict(zip(differences, holm([found.p for found in differences.values()])))
    reference = about["reference"] if beside else None
    lines = []
    for label, cells in results.items():
        dice = _mean_dice(cells)
        columns = [
            *_row(cells, dice),
            *(value(cells) for _, value in _extras(results)),
            *_heard(cells, results),
        ]
        if label in differences:
            columns += [
                _told(differences[label]),
                _p(corrected[label]),
                f"{_effect(cells, results[beside[label]]):+.2f}",
            ]
        elif reference:
            columns += ["reference" if label in beside.values() else "–", "", ""]
        lines.append(
            Line(label, len(cells), dice, columns, differences.get(label), label in beside.values())
        )
    return Comparison(
        about["title"],
        f"{about['note']} {_protocol(results)}",
        reference,
        _heads(results, reference),
        lines,
        left_out,
    )


def table(found: Comparison) -> str:
    """As Markdown."""
    heads = ["", "seeds", *found.heads]
    lines = [
        f"**{found.title}.** {found.note}",
        "",
        f"| {' | '.join(heads)} |",
        "|" + "---|" * len(heads),
    ]
    lines += [
        f"| {' | '.join([line.label, str(line.n_seeds), *line.columns])} |" for line in found.lines
    ]
    lines += [f"\nLeft out: {name} ({why})." for name, why in found.left_out.items()]
    return "\n".join(lines) + "\n"


def _heads(results: Results, reference: str | None) -> list[str]:
    heads = [
        "Dice a case [95 %]",
        "IoU a case",
        "Dice pooled",
        "IoU pooled",
        *(name for name, _ in _extras(results)),
    ]
    heads += [f"right − {kind}" for kind in _kinds(results)]
    return heads + ([f"Dice − “{reference}” [95 %]", "p (Holm)", "effect"] if reference else [])


def _mean_dice(cells: list[dict[str, Any]]) -> PairedDifference:
    dice = _matrix(cells, "right", _names(cells[0], "right"))
    return hierarchical_difference(dice, np.zeros_like(dice), RESAMPLES, 0)


def _row(cells: list[dict[str, Any]], dice: PairedDifference) -> list[str]:
    mean = [
        np.mean([cell["summary"]["words"]["right"][key] for cell in cells])
        for key in ("dice_pooled", "iou_pooled")
    ]
    iou = np.mean([cell["summary"]["words"]["right"]["iou_mean"]["mean"] for cell in cells])
    return [
        with_span(dice.difference, dice.low, dice.high),
        f"{iou:.3f}",
        *(f"{value:.3f}" for value in mean),
    ]


def _extras(results: Results) -> list[tuple[str, Callable[[list[dict[str, Any]]], str]]]:
    """Columns that only some tables have: wordings never trained on, and how much the words show in the pseudo-image."""
    every = [cell for cells in results.values() for cell in cells]
    columns: list[tuple[str, Callable[[list[dict[str, Any]]], str]]] = []
    if any("unseen" in cell["summary"]["words"] for cell in every):
        columns.append(
            (
                "unseen wording",
                lambda cells: _mean(
                    [
                        cell["summary"]["words"].get("unseen", {}).get("dice_mean", {}).get("mean")
                        for cell in cells
                    ]
                ),
            )
        )
    if any(cell.get("mosaic") for cell in every):
        columns += [
            (f"mosaics: {words}", partial(_on_mosaics, words))
            for words in ("right", "another tile's", "unseen wording")
        ]
    if any(cell.get("spread") is not None for cell in every):
        columns.append(("spread", lambda cells: _mean([cell.get("spread") for cell in cells])))
    return columns


def _on_mosaics(words: str, cells: list[dict[str, Any]]) -> str:
    return _mean([((cell.get("mosaic") or {}).get(words) or {}).get("mean") for cell in cells])


def _mean(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{np.mean(known):.3f}" if known else "–"


def _kinds(results: Results) -> list[str]:
    return list(
        dict.fromkeys(
            kind
            for cells in results.values()
            for cell in cells
            for kind in cell["summary"]["listening"]
        )
    )


def _heard(cells: list[dict[str, Any]], results: Results) -> list[str]:
    return [
        _told(words_gap(cells, kind)) if kind in cells[0]["summary"]["listening"] else "–"
        for kind in _kinds(results)
    ]


def words_gap(cells: list[dict[str, Any]], kind: str) -> PairedDifference:
    """Dice with right words minus Dice with words of this kind, over the cases that have them, and over seeds."""
    names = _names(cells[0], kind)
    return hierarchical_difference(
        _matrix(cells, "right", names), _matrix(cells, kind, names), RESAMPLES, 0
    )


def case_difference(
    cells: list[dict[str, Any]], reference: list[dict[str, Any]], measure: str = "dice"
) -> PairedDifference:
    """Dice (or "iou") with right words of these cells minus the reference's, over the seeds that both have, and over cases.

    Raises: UsageError where they have no seed in common.
    """
    if not _shared(cells, reference):
        raise UsageError(
            "no seed in common",
            where=f"{cells[0]['label']}, {reference[0]['label']}",
            remedy="run `saywhere experiment` with a seed of both",
        )
    return hierarchical_difference(*_paired(cells, reference, measure), RESAMPLES, 0)


def seed_differences(
    cells: list[dict[str, Any]], reference: list[dict[str, Any]], measure: str = "dice"
) -> tuple[float, ...]:
    """What `case_difference` is the mean of: each seed's own, of the seeds that both have."""
    ours, theirs = _paired(cells, reference, measure)
    return tuple(float(gain) for gain in (ours - theirs).mean(axis=1))


def _effect(cells: list[dict[str, Any]], reference: list[dict[str, Any]]) -> float:
    ours, theirs = _paired(cells, reference)
    return rank_biserial(ours.mean(axis=0), theirs.mean(axis=0))


def _paired(
    cells: list[dict[str, Any]], reference: list[dict[str, Any]], measure: str = "dice"
) -> tuple[np.ndarray, np.ndarray]:
    """A measure (seed, case) of both, for the seeds that both have and in one order of cases."""
    seeds = _shared(cells, reference)
    ours, theirs = ([cell for cell in side if cell["seed"] in seeds] for side in (cells, reference))
    names = _names(ours[0], "right")
    return _matrix(ours, "right", names, measure), _matrix(theirs, "right", names, measure)


def _shared(cells: list[dict[str, Any]], reference: list[dict[str, Any]]) -> set[int]:
    return {cell["seed"] for cell in cells} & {cell["seed"] for cell in reference}


def _names(cell: dict[str, Any], words: str) -> list[str]:
    """Of the cases that have these words."""
    return [case["id"] for case in cell["cases"] if case["words"] == words]


def _matrix(
    cells: list[dict[str, Any]], words: str, names: list[str], measure: str = "dice"
) -> np.ndarray:
    """A measure (seed, case) with these words, by the cases' names. Raises UsageError for a cell that lacks one of them."""
    found = [
        {case["id"]: case[measure] for case in cell["cases"] if case["words"] == words}
        for cell in cells
    ]
    for cell, values in zip(cells, found):
        if lacking := [name for name in names if name not in values]:
            raise UsageError(
                f"{len(lacking)} of {len(names)} cases are not there with {words} words (the first: {lacking[0]})",
                where=f"{cell['label']}, seed {cell['seed']}",
                allowed="differences are of the same cases",
                remedy="move that result file away and run `saywhere experiment` again",
            )
    return np.array([[values[name] for name in names] for values in found])


def gap(found: PairedDifference) -> str:
    """+0.123 [+0.100, +0.150]"""
    return with_span(found.difference, found.low, found.high, "+")


def _told(found: PairedDifference) -> str:
    """The same for a table: a difference whose interval holds 0 is said to be none for sure, and one that other seeds may not show too."""
    return gap(found) + (
        " holds 0"
        if found.low <= 0 <= found.high
        else " seeds differ"
        if found.seeds_differ
        else ""
    )


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _protocol(results: Results) -> str:
    """What the cells share, from their own files."""
    cell = next(iter(results.values()))[0]
    config, n = cell["config"], cell["summary"]["n"]
    networks = ", ".join(
        dict.fromkeys(_network(cells[0]["config"]["network"]) for cells in results.values())
    )
    size = config["data"]["size"]
    steps = config["train"]["steps_per_epoch"]
    length = f"{config['train']['epochs']} epochs" + (f" of {steps} steps" if steps else "")
    return (
        f"{networks} at {size} px, {length}, batch {config['train']['batch_size']}, {_optimizer(config)}, {n} "
        f"{_FRAMES[cell['summary'].get('frame', 'original')]}. "
        f"{_statistics(max(map(len, results.values())))} {_rule(results)}"
        f"Made by `{cell['command']}` and `saywhere compare`."
    )


def _optimizer(config: dict[str, Any]) -> str:
    optimizer = config["optimizer"]
    return f"AdamW at {optimizer['learning_rate']:g} ({optimizer['schedule']}), {config['train']['precision']}"


def _rule(results: Results) -> str:
    """How well the rule that writes sentences anew fits the set's own, where cells keep it."""
    rules = [
        cell.get("arm", {}).get("place_rule", {}) for cells in results.values() for cell in cells
    ]
    fitted = next((rule for rule in rules if rule.get("agreement") is not None), None)
    return (
        f"`recaption` names the places of {fitted['agreement']:.1%} of {fitted['n']:,} training sentences as they do. "
        if fitted
        else ""
    )


def _statistics(n_seeds: int) -> str:
    effect = "effect: its rank-biserial correlation."
    if n_seeds == 1:
        return f"Intervals: bootstrap over cases (one seed: what another would give is not in them); p: Wilcoxon over cases; {effect}"
    return (
        "Intervals: bootstrap over seeds and cases, “seeds differ” where a t interval for other seeds holds 0 all the same; "
        f"p: Wilcoxon over the cases' means, which does not ask whether other seeds would agree; {effect}"
    )


def _network(config: dict[str, Any]) -> str:
    width = f" of width {config['width']}" if config["name"] != "lite" else ""
    return f"`{config['name']}`{width}" + (
        f" and depth {config['depth']:g}" if config.get("depth", 1) != 1 else ""
    )
