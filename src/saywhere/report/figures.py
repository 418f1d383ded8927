"""Inline SVG, drawn by hand: its colours are the page's variables, so that it follows light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 340, 200
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 10, 34  # margins for the tick labels

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Series:
    """A line: its label, its finite points in order, and its style (a, b)."""

    label: str
    points: Points
    style: str = "a"


@dataclass(frozen=True)
class Axes:
    """From values to the picture's coordinates."""

    x: tuple[float, float]
    y: tuple[float, float]

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Picture coordinates, top left is (0, 0)."""
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (
            HEIGHT - TOP - BOTTOM
        )


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    ceiling: float | None = None,
    mark: tuple[float, str] | None = None,
) -> Markup:
    """Lines over epochs, from 0 upwards.

    Args:
        ceiling: the vertical axis ends here (1 for Dice); else at the greatest value.
        mark: a dashed level and its label.
    """
    points = [point for line in series for point in line.points]
    if not points:
        return Markup("")
    values = [y for _, y in points] + ([mark[0]] if mark else [])
    y_ticks = ticks(min(0.0, *values), ceiling or max(values), 4)
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    axes = Axes((first, last if last > first else first + 1), (y_ticks[0], y_ticks[-1]))
    parts = [_grid(axes, y_ticks), _epochs(axes, first, last)]
    if mark:
        parts.append(_mark(axes, *mark))
    parts += [_line(axes, line) for line in series if line.points]
    frame = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    return frame.format(WIDTH, HEIGHT, describe(title, series), Markup("").join(parts))


def describe(title: str, series: Sequence[Series]) -> str:
    """The chart in words, for those who do not see it."""
    ends = [
        f"{line.label} from {line.points[0][1]:.3f} to {line.points[-1][1]:.3f}"
        for line in series
        if line.points
    ]
    return f"{title}: {'; '.join(ends)}"


def bar(mean: float, low: float | None, high: float | None) -> Markup:
    """A bar from 0 to 1 with its interval as a whisker, as wide as its cell; the number beside it says the same."""
    whisker = Markup("")
    if low is not None and high is not None:
        path = "M{:.2f} 2V10M{:.2f} 6H{:.2f}M{:.2f} 2V10".format(
            *(100 * _share(end) for end in (low, low, high, high))
        )
        whisker = Markup('<path class="whisker" d="{}"/>').format(path)
    drawing = '<svg class="bar" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true"><rect class="track" width="100" height="12"/>'
    drawing += '<rect class="fill" width="{:.2f}" height="12"/>{}</svg>'
    return Markup(drawing).format(100 * _share(mean), whisker)


def forest(
    mean: float, low: float, high: float, reach: tuple[float, float], zero: float | None = None
) -> Markup:
    """A mean and its interval on a scale that a column of them shares, as wide as its cell; a line at `zero` where it is given."""
    place = [
        100 * _share((value - reach[0]) / (reach[1] - reach[0])) for value in (low, high, mean)
    ]
    line = Markup("")
    if zero is not None:
        line = Markup('<path class="zero" d="M{:.2f} 0V12"/>').format(
            100 * _share((zero - reach[0]) / (reach[1] - reach[0]))
        )
    drawing = (
        '<svg class="bar" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">{}'
    )
    drawing += '<path class="whisker" d="M{:.2f} 2V10M{:.2f} 6H{:.2f}M{:.2f} 2V10"/><path class="mean" d="M{:.2f} 0V12"/></svg>'
    return Markup(drawing).format(line, place[0], place[0], place[1], place[1], place[2])


def ticks(low: float, high: float, n: int) -> list[float]:
    """About n round numbers that enclose [low, high]."""
    reach = high - low if high - low > 1e-9 else 1.0  # a flat line needs a scale too
    magnitude = 10 ** math.floor(math.log10(reach / n))
    step = next(
        magnitude * factor
        for factor in (1, 2, 2.5, 5, 10)
        if magnitude * factor * n >= reach * (1 - 1e-9)
    )
    start = math.floor(low / step + 1e-9)
    end = max(math.ceil(high / step - 1e-9), start + 1)
    return [round(index * step, 12) for index in range(start, end + 1)]


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))


def _grid(axes: Axes, y_ticks: list[float]) -> Markup:
    row = Markup(
        '<path class="grid" d="M{} {:.1f}H{}"/><text class="tick" x="{}" y="{:.1f}" text-anchor="end">{:g}</text>'
    )
    heights = [axes.place(axes.x[0], tick)[1] for tick in y_ticks]
    return Markup("").join(
        row.format(LEFT, y, WIDTH - RIGHT, LEFT - 6, y + 4, tick)
        for tick, y in zip(y_ticks, heights)
    )


def _epochs(axes: Axes, first: float, last: float) -> Markup:
    text = Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="{}">{}</text>')
    ends = text.format(LEFT, HEIGHT - BOTTOM + 16, "start", f"{first:g}")
    if last > first:
        ends += text.format(axes.place(last, 0)[0], HEIGHT - BOTTOM + 16, "end", f"{last:g}")
    return ends + text.format((LEFT + WIDTH - RIGHT) / 2, HEIGHT - BOTTOM + 16, "middle", "epoch")


def _mark(axes: Axes, level: float, label: str) -> Markup:
    _, y = axes.place(axes.x[0], level)
    drawing = Markup(
        '<path class="mark" d="M{} {:.1f}H{}"/><text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>'
    )
    return drawing.format(LEFT, y, WIDTH - RIGHT, WIDTH - RIGHT, y - 4, label)


def _line(axes: Axes, line: Series) -> Markup:
    places = [axes.place(x, y) for x, y in line.points]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dot = Markup('<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="2.5"/>').format(
        line.style, *places[-1]
    )
    return Markup('<path class="line {}" d="{}"/>').format(line.style, path) + dot
