"""A table of `saywhere compare` as a page: what each label reached and how it differs from the reference, drawn on one scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from saywhere.experiments.compare import Comparison, Line
from saywhere.metrics.statistics import PairedDifference
from saywhere.report.figures import forest
from saywhere.report.page import render


def comparison_page(found: Comparison) -> str:
    """One self-contained HTML page."""
    differences = [line.difference for line in found.lines if line.difference]
    whole, gained = _reach([line.dice for line in found.lines]), _reach(differences, around=0.0)
    rows = [_row(line, whole, gained) for line in found.lines]
    return render(
        "comparison.html.j2",
        {
            "title": found.title,
            "note": found.note,
            "reference": found.reference,
            "heads": found.heads,
            "rows": rows,
            "left_out": found.left_out,
        },
    )


def _row(line: Line, whole: tuple[float, float], gained: tuple[float, float]) -> dict[str, Any]:
    row: dict[str, Any] = {"label": line.label, "n_seeds": line.n_seeds, "columns": line.columns}
    row |= {
        "dice": f"{line.dice.difference:.3f}",
        "dice_span": f"{line.dice.low:.3f} to {line.dice.high:.3f}",
        "dice_drawn": _drawn(line.dice, whole),
    }
    if line.difference is None:
        return row | {
            "difference": "reference" if line.is_reference else "",
            "span": "",
            "sure": "",
            "drawn": "",
        }
    gain = line.difference
    row |= {"difference": f"{gain.difference:+.3f}", "span": f"{gain.low:+.3f} to {gain.high:+.3f}"}
    return row | {"sure": _sure(gain), "drawn": _drawn(gain, gained, zero=0.0)}


def _drawn(
    found: PairedDifference, reach: tuple[float, float], zero: float | None = None
) -> Markup:
    return forest(found.difference, found.low, found.high, reach, zero)


def _sure(found: PairedDifference) -> str:
    if found.seeds_differ:
        return "not sure: seeds differ"
    return "higher" if found.low > 0 else "lower" if found.high < 0 else "not sure: holds 0"


def _reach(found: Sequence[PairedDifference], around: float | None = None) -> tuple[float, float]:
    """The scale that holds every interval, and `around`, with some air."""
    ends = [end for one in found for end in (one.low, one.high)] + (
        [] if around is None else [around]
    )
    low, high = min(ends), max(ends)
    air = 0.05 * (high - low) or 0.01
    return low - air, high + air
