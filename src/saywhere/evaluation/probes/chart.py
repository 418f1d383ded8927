"""The probes' charts, as PNG."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from saywhere.evaluation.summary_record import IntervalRecord

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0b6e4f", "#c0561a", "#6b6b6b", "#3b6fb6", "#8a3ffc", "#b8860b")
MARKERS = "osx^Dv"


def prompt_sets(by_level: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> bytes:
    """How much of *where* a pseudo-image says, per prompt set.

    Args:
        by_level: Prompt set → stage, as "alone" → "auc" and "dice" at the best threshold, each
            with its interval.

    Returns:
        A PNG of two panels: AUC, and Dice at the best threshold.
    """
    figure, (left, right) = _figure(2, 1.4 + 0.55 * len(by_level))
    stages = list(next(iter(by_level.values())))
    for panel, key, title in ((left, "auc", "AUC"), (right, "dice", "Dice at the best threshold")):
        for number, stage in enumerate(stages):
            intervals = [numbers[stage][key] for numbers in by_level.values()]
            _points(panel, intervals, number, len(stages), stage)
        panel.set_xticks(range(len(by_level)), list(by_level))
        panel.set_title(title)
    # An AUC of 0.5 says nothing about where.
    left.axhline(0.5, color="black", linewidth=0.8, linestyle=":")
    left.set_ylim(0, 1)
    right.set_ylim(0, 1)
    right.legend(fontsize=8, title="pseudo-image")
    return _png(figure)


def agreement(by_transform: Mapping[str, Mapping[str, IntervalRecord]]) -> bytes:
    """Agreement of masks under each transform.

    Args:
        by_transform: Transform → way of bringing the prompt in → Dice with its interval.

    Returns:
        A PNG with one mark per way.
    """
    figure, (panel,) = _figure(1, 9.0)
    ways = list(next(iter(by_transform.values())))
    for number, way in enumerate(ways):
        intervals = [numbers[way] for numbers in by_transform.values()]
        _points(panel, intervals, number, len(ways), way)
    panel.set_xticks(range(len(by_transform)), list(by_transform), rotation=40, ha="right")
    # A mark at 1 would be cut in half.
    panel.set_ylim(0, 1.02)
    panel.set_ylabel("agreement (Dice)")
    panel.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False)
    return _png(figure)


def _points(panel: Axes, intervals: list[IntervalRecord], number: int, n: int, label: str) -> None:
    # Side by side, so that no interval hides another.
    shift = 0.13 * (number - (n - 1) / 2)
    means = [interval["mean"] for interval in intervals]
    reach = [
        [interval["mean"] - interval["low"] for interval in intervals],
        [interval["high"] - interval["mean"] for interval in intervals],
    ]
    places = [place + shift for place in range(len(means))]
    colour = COLOURS[number % len(COLOURS)]
    marker = MARKERS[number % len(MARKERS)]
    panel.errorbar(
        places,
        means,
        yerr=reach,
        label=label,
        capsize=2,
        markersize=5,
        color=colour,
        marker=marker,
        linestyle="none",
    )
    panel.grid(axis="y", alpha=0.3)


def _figure(n: int, width: float) -> tuple[Figure, tuple[Axes, ...]]:
    """Without pyplot: no window, no state that another thread shares."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(width * n, 4.5 * n), 4.0), layout="constrained")
    return figure, tuple(figure.subplots(1, n, squeeze=False)[0])


def _png(figure: Figure) -> bytes:
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=120)
    return written.getvalue()
