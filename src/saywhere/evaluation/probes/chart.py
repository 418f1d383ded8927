"""The probes' charts, as PNG."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0b6e4f", "#c0561a", "#6b6b6b", "#3b6fb6", "#8a3ffc", "#b8860b")
MARKERS = "osx^Dv"
Interval = Mapping[str, float]


def prompt_sets(by_level: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> bytes:
    """How much of *where* a pseudo-image says, a prompt set: AUC, and Dice at the best threshold; before, alone, and trained jointly."""
    figure, (left, right) = _figure(2, 1.4 + 0.55 * len(by_level))
    for panel, key, title in ((left, "auc", "AUC"), (right, "dice", "Dice at the best threshold")):
        stages_shown = list(next(iter(by_level.values())))
        for number, stage in enumerate(stages_shown):
            _points(
                panel,
                [stages[stage][key] for stages in by_level.values()],
                number,
                len(stages_shown),
                stage,
            )
        panel.set_xticks(range(len(by_level)), list(by_level))
        panel.set_title(title)
    left.axhline(0.5, color="black", linewidth=0.8, linestyle=":")  # says nothing
    left.set_ylim(0, 1)
    right.set_ylim(0, 1)
    right.legend(fontsize=8, title="pseudo-image")
    return _png(figure)


def agreement(found: Mapping[str, Mapping[str, Interval]]) -> bytes:
    """Agreement of masks under each transform, a mark a way of bringing the words in."""
    figure, (panel,) = _figure(1, 9.0)
    shown = list(next(iter(found.values())))
    for number, way in enumerate(shown):
        _points(panel, [ways[way] for ways in found.values()], number, len(shown), way)
    panel.set_xticks(range(len(found)), list(found), rotation=40, ha="right")
    panel.set_ylim(0, 1.02)
    panel.set_ylabel("agreement (Dice)")
    panel.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False)
    return _png(figure)


def _points(panel: Axes, intervals: list[Interval], number: int, n: int, label: str) -> None:
    shift = 0.13 * (number - (n - 1) / 2)
    means = [interval["mean"] for interval in intervals]
    reach = [
        [interval["mean"] - interval["low"] for interval in intervals],
        [interval["high"] - interval["mean"] for interval in intervals],
    ]
    places = [place + shift for place in range(len(means))]
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
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
