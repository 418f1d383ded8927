"""Fusions by the way that a sentence names its target: place, attributes, both, or number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sources import RESULTS, markdown
from verdicts import results_of

from saywhere.datasets.attribute_phantoms import WAYS
from saywhere.experiments.cell_record import CellResult
from saywhere.experiments.compare import gap
from saywhere.experiments.frozen import tables_in
from saywhere.experiments.paired import case_difference, mean_dice
from saywhere.metrics.statistics import with_span

PHANTOMS, MOSAICS = "beyond_phantoms", "beyond_mosaics"
REFERENCE = "early"


def _ways() -> str:
    """Dice of each way, and what it is ahead of the paper's fusion."""
    results = results_of(PHANTOMS)
    rows: list[tuple[object, ...]] = []
    for label, cells in results.items():
        for way in WAYS:
            own = _named(cells, way)
            dice = mean_dice(own)
            shown = with_span(dice.difference, dice.low, dice.high)
            ahead = "reference"
            if label != REFERENCE:
                ahead = gap(case_difference(own, _named(results[REFERENCE], way)))
            rows.append((label, way, len(own), len(own[0]["cases"]), shown, ahead))
    heads = ("fusion", "named by", "seeds", "rows", "mean Dice [95 %]", "Dice − `early` [95 %]")
    return markdown(heads, rows)


def _parameters() -> str:
    """How many parameters each fusion's model has, beside those of the paper's."""
    rows: list[tuple[object, ...]] = []
    for name in sorted({PHANTOMS, MOSAICS} & set(tables_in(RESULTS)), reverse=True):
        results = results_of(name)
        whole = {label: _counted(cells[0])[0] for label, cells in results.items()}
        for label, cells in results.items():
            text = _counted(cells[0])[1]
            share = f"{100 * (whole[label] / whole[REFERENCE] - 1):+.1f} %"
            rows.append((f"`{name}`", label, f"{whole[label]:,}", f"{text:,}", share))
    heads = ("table", "fusion", "parameters", "of them text branch", "against `early`")
    return markdown(heads, rows)


def _named(cells: Sequence[CellResult], way: str) -> list[CellResult]:
    """The cells with those rows alone whose sentences name in this way, with the right prompt."""
    kept = []
    for cell in cells:
        cases = [case for case in cell["cases"] if case["id"].endswith(f"_{way}")]
        right = [case for case in cases if case["words"] == "right"]
        kept.append(CellResult({**cell, "cases": right}))
    return kept


def _counted(cell: Mapping[str, Any]) -> tuple[int, int]:
    """All of a cell's parameters, and those of its text branch."""
    parameters = cell["parameters"]
    return parameters["network"] + parameters["text"], parameters["text"]


TABLES: dict[str, Callable[[], str]] = {
    "beyond_ways": _ways,
    "beyond_parameters": _parameters,
}
