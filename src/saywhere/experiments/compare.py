"""A table from result files: what each cell reached, how sure that is, and what differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from saywhere.evaluation.verdict import TOO_FEW
from saywhere.experiments.cell_record import CellResult, PrunedRecord, Results
from saywhere.experiments.paired import (
    case_difference,
    effect,
    has_shared_seed,
    mean_dice,
    words_gap,
)
from saywhere.experiments.pooled_folds import pooled
from saywhere.experiments.protocol import protocol
from saywhere.experiments.results import read_results, references
from saywhere.experiments.scored_cases import is_negative, left_empty, scored
from saywhere.metrics.printed import printed
from saywhere.metrics.sample_size import FEWEST_CASES
from saywhere.metrics.statistics import PairedDifference, holm, with_span


@dataclass(frozen=True)
class Line:
    """What the cells of one label reached."""

    label: str
    n_seeds: int
    dice: PairedDifference
    """Mean Dice per case with a target, with the right prompt; its p says nothing."""
    columns: list[str]
    """As `Comparison.heads` names them."""
    difference: PairedDifference | None
    """Dice minus the reference's. None for the reference itself, and where there is none, or none
    with a seed of this line's.
    """
    is_reference: bool = False


@dataclass(frozen=True)
class PrunedLine:
    """A label whose cells were stopped early, since others were ahead of them."""

    label: str
    n_seeds: int
    epoch: int
    """of the rung that they did not pass"""
    dice: float
    """mean over its seeds of the best validation Dice up to there, at the network's size"""

    @property
    def sentence(self) -> str:
        """What became of it, for a table's foot."""
        return f"stopped after epoch {self.epoch}, validation Dice {self.dice:.3f}: not a result"


@dataclass(frozen=True)
class Comparison:
    """A table: what its cells share, and a line per label."""

    title: str
    note: str
    reference: str | None
    heads: list[str]
    lines: list[Line]
    left_out: dict[str, str]
    """result file → why it is not in the table"""
    replaced: tuple[str, ...] = ()
    """result files that count in place of frozen cells of their names"""
    pruned: tuple[PrunedLine, ...] = ()
    """labels that were stopped early, which no line is about"""


class _Column(NamedTuple):
    """A column that only some tables have."""

    head: str
    value: Callable[[Sequence[CellResult]], str]


def compare(table: Path) -> Comparison:
    """The table of a grid's finished cells.

    Args:
        table: its folder, or one of the two files of a frozen table.

    Returns:
        A line per label, in the grid's order. Differences are from the table's reference
        (see `results.references`), paired over seeds and cases.

    Raises:
        MissingFile: where there is no table, or no finished cell in it.
        UnreadableFile: for a damaged table.
    """
    stored = read_results(table)
    about = stored.about
    results, unfinished = pooled(stored.results)
    beside = references(about["reference"], results)
    return Comparison(
        about["title"],
        f"{about['note']} {protocol(results)}",
        about["reference"] if beside else None,
        heads(results, about["reference"] if beside else None),
        lines(results, beside, about["reference"]),
        stored.left_out | unfinished,
        tuple(stored.replaced),
        tuple(_pruned_lines(stored.pruned)),
    )


def _pruned_lines(cells: Sequence[PrunedRecord]) -> list[PrunedLine]:
    """A line per label: a label's seeds are stopped together."""
    by_label: dict[str, list[PrunedRecord]] = {}
    for cell in cells:
        by_label.setdefault(cell["label"], []).append(cell)
    lines = []
    for label, of in by_label.items():
        dice = float(np.mean([cell["dice"] for cell in of]))
        lines.append(PrunedLine(label, len(of), of[0]["epoch"], dice))
    return lines


def lines(results: Results, beside: Mapping[str, str], reference: str | None) -> list[Line]:
    """A line per label.

    Args:
        results: label → its finished cells.
        beside: label → the label that it is compared with.
        reference: the table's; None where nothing is compared.

    Returns:
        Lines in the order of `results`.
    """
    differences = {
        label: case_difference(results[label], results[other])
        for label, other in beside.items()
        # A grid that is under way may have no seed of both yet.
        if has_shared_seed(results[label], results[other])
    }
    # Of many lines that are compared, one in twenty would look sure by chance.
    corrected = dict(zip(differences, holm([one.p for one in differences.values()])))
    made = []
    for label, cells in results.items():
        dice = mean_dice(cells)
        columns = [*_measures(cells, dice), *_prompts(cells, results)]
        if label in differences:
            size = effect(cells, results[beside[label]])
            columns += [judged(differences[label]), _p(corrected[label]), printed(size, 2, "+")]
        elif reference and beside:
            # Three cells, as the heads have.
            columns += ["reference" if label in beside.values() else "–", "", ""]
        is_reference = label in beside.values()
        made.append(Line(label, len(cells), dice, columns, differences.get(label), is_reference))
    return made


def heads(results: Results, reference: str | None) -> list[str]:
    """The columns' heads, after label and number of seeds.

    Args:
        results: label → its finished cells.
        reference: what differences are from; None: there are none.

    Returns:
        As many as each line has columns.
    """
    only = " with a target" if _has_negatives(results) else ""
    names = [f"mean Dice per image{only} [95 %]", f"IoU per image{only}"]
    names += ["Dice pooled", "IoU pooled"]
    names += [column.head for column in _extras(results)]
    names += [f"right − {kind}" for kind in _kinds(results)]
    if reference:
        names += [f"Dice − “{reference}” [95 %]", "p (Holm)", "effect"]
    return names


def table(comparison: Comparison) -> str:
    """A comparison as Markdown.

    Args:
        comparison: of `compare` or `compare_runs`.

    Returns:
        Title and note, the table, what was pruned and what was left out; ends with a line break.
    """
    first = ["", "seeds", *comparison.heads]
    text = [
        f"**{comparison.title}.** {comparison.note}",
        "",
        f"| {' | '.join(first)} |",
        "|" + "---|" * len(first),
    ]
    for line in comparison.lines:
        text.append(f"| {' | '.join([line.label, str(line.n_seeds), *line.columns])} |")
    text += [f"\nPruned: {one.label} ({one.sentence})." for one in comparison.pruned]
    text += [f"\nLeft out: {name} ({why})." for name, why in comparison.left_out.items()]
    return "\n".join(text) + "\n"


def gap(difference: PairedDifference) -> str:
    """A difference with its 95 % interval: +0.123 [+0.100, +0.150]."""
    return with_span(difference.difference, difference.low, difference.high, "+")


def doubt(difference: PairedDifference) -> str:
    """Why a difference may be none.

    Args:
        difference: with its interval and the number of its cases.

    Returns:
        "" where the interval lies on one side of 0. A sentence for a table where there are too
        few cases, where the interval holds 0, and where other seeds may not show the difference.
    """
    if difference.n < FEWEST_CASES:
        return TOO_FEW
    if difference.low <= 0 <= difference.high:
        return "holds 0"
    return "seeds differ" if difference.seeds_differ else ""


def judged(difference: PairedDifference) -> str:
    """A difference with its 95 % interval and its doubt, for a table."""
    return f"{gap(difference)} {doubt(difference)}".rstrip()


def _measures(cells: Sequence[CellResult], dice: PairedDifference) -> list[str]:
    """Dice with its interval, IoU, and both pooled over all pixels."""
    right = [cell["summary"]["words"]["right"] for cell in cells]
    iou = np.mean([_over_targets(cell, "right", "iou") for cell in cells])
    dice_pooled = np.mean([measured["dice_pooled"] for measured in right])
    iou_pooled = np.mean([measured["iou_pooled"] for measured in right])
    means = [f"{mean:.3f}" for mean in (iou, dice_pooled, iou_pooled)]
    return [with_span(dice.difference, dice.low, dice.high), *means]


def _prompts(cells: Sequence[CellResult], results: Results) -> list[str]:
    """The columns that only some tables have, and the right prompt against each other kind."""
    extra = [column.value(cells) for column in _extras(results)]
    has = cells[0]["summary"]["listening"]
    kinds = _kinds(results)
    # An image-only cell was measured with the right prompt alone.
    return extra + [judged(words_gap(cells, kind)) if kind in has else "–" for kind in kinds]


def _extras(results: Results) -> list[_Column]:
    """Wordings never trained on, mosaics, and how much prompts show in the pseudo-image."""
    every = [cell for cells in results.values() for cell in cells]
    columns: list[_Column] = []
    if _has_negatives(results):
        columns.append(_Column("without a target: left empty", _left_empty))
    if any("unseen" in cell["summary"]["words"] for cell in every):
        columns.append(_Column("unseen wording", _unseen))
    if any(cell.get("mosaic") for cell in every):
        columns += [
            _Column(f"mosaics: {kind}", partial(_on_mosaics, kind))
            for kind in ("right", "another tile's", "unseen wording")
        ]
    if any(cell.get("spread") is not None for cell in every):
        columns.append(_Column("spread", _spread))
    return columns


def _has_negatives(results: Results) -> bool:
    return any(left_empty(cells)[1] for cells in results.values())


def _left_empty(cells: Sequence[CellResult]) -> str:
    n_empty, n = left_empty(cells)
    return f"{n_empty} of {n} ({n_empty / n:.0%})" if n else "–"


def _unseen(cells: Sequence[CellResult]) -> str:
    return _mean([_over_targets(cell, "unseen", "dice") for cell in cells])


def _over_targets(cell: CellResult, kind: str, measure: Literal["dice", "iou"]) -> float | None:
    """A mean over the cases with a target; None where none has a prompt of this kind."""
    if any(is_negative(case) for case in cell["cases"]):
        values = [case[measure] for case in scored(cell, kind)]
        return float(np.mean(values)) if values else None
    # Results of before keep the mean alone.
    measured = cell["summary"]["words"].get(kind)
    if measured is None:
        return None
    return (measured["dice_mean"] if measure == "dice" else measured["iou_mean"])["mean"]


def _on_mosaics(kind: str, cells: Sequence[CellResult]) -> str:
    # Older results lack the key; where no mosaics were measured it holds None.
    measured = [(cell.get("mosaic") or {}).get(kind) for cell in cells]
    return _mean([one["mean"] if one else None for one in measured])


def _spread(cells: Sequence[CellResult]) -> str:
    return _mean([cell.get("spread") for cell in cells])


def _mean(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{np.mean(known):.3f}" if known else "–"


def _kinds(results: Results) -> list[str]:
    """Kinds of prompts that any cell was measured with beside the right one."""
    every = [cell for cells in results.values() for cell in cells]
    return list(dict.fromkeys(kind for cell in every for kind in cell["summary"]["listening"]))


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
