"""Inline SVG, drawn by hand: its colours are the page's variables, so it follows light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from markupsafe import Markup

from saywhere.errors import counted

WIDTH, HEIGHT = 340, 200
# Margins for the tick labels.
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 10, 34
# Of a histogram of Dice: 0.05 each.
N_BINS = 20

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Series:
    """A line of a chart: its label, its finite points in order, and its style (a, b)."""

    label: str
    points: Points
    style: str = "a"


@dataclass(frozen=True)
class Axes:
    """From values to the picture's coordinates."""

    x: tuple[float, float]
    y: tuple[float, float]

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Find a point in the picture.

        Args:
            x: a value on the horizontal axis.
            y: a value on the vertical axis.

        Returns:
            Picture coordinates in SVG units; (0, 0) is top left.
        """
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (
            HEIGHT - TOP - BOTTOM
        )


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    x_label: str = "epoch",
    ceiling: float | None = None,
    mark: tuple[float, str] | None = None,
) -> Markup:
    """Draw lines over steps or epochs, from 0 upwards.

    Args:
        title: for those who do not see the picture.
        series: the lines.
        x_label: what the horizontal axis counts.
        ceiling: the vertical axis ends here (1 for Dice); None: at the greatest value.
        mark: a dashed level and its label.

    Returns:
        An SVG element; empty where no line has a point.
    """
    points = [point for line in series for point in line.points]
    if not points:
        return Markup("")
    values = [y for _, y in points] + ([mark[0]] if mark else [])
    y_ticks = ticks(min(0.0, *values), ceiling or max(values), 4)
    first = min(x for x, _ in points)
    last = max(x for x, _ in points)
    # A single epoch needs an axis of some width, too.
    axes = Axes((first, last if last > first else first + 1), (y_ticks[0], y_ticks[-1]))
    ends = [first, last] if last > first else [first]
    parts = [_grid(axes, y_ticks), _x_axis(axes, ends, x_label)]
    if mark:
        parts.append(_mark(axes, *mark))
    parts += [_line(axes, line) for line in series if line.points]
    return _chart(describe(title, series), parts)


def histogram(values: Sequence[float], x_label: str, noun: str = "image") -> Markup:
    """Draw how often each Dice occurs, in bins of 0.05, with the median as a dashed line.

    Args:
        values: in [0, 1]; others are left out.
        x_label: what the horizontal axis shows.
        noun: what is counted.

    Returns:
        An SVG element; empty where there is no value.
    """
    inside = sorted(value for value in values if 0 <= value <= 1)
    if not inside:
        return Markup("")
    counts = [0] * N_BINS
    for value in inside:
        # A Dice of 1 is in the last bin.
        counts[min(N_BINS - 1, int(value * N_BINS + 1e-9))] += 1
    # Counts are whole numbers.
    y_ticks = [tick for tick in ticks(0, max(counts), 4) if tick == int(tick)]
    # The top tick may be missing, where it was no whole number.
    axes = Axes((0, 1), (0, max(y_ticks[-1], max(counts))))
    parts = [_grid(axes, y_ticks), _x_axis(axes, share_ticks(), x_label, is_centred=True)]
    parts += [_column(axes, number, count) for number, count in enumerate(counts) if count]
    middle = median(inside)
    parts.append(_median(axes, middle))
    below = sum(value < 0.5 for value in inside)
    words = (
        f"Histogram of {x_label}: {counted(len(inside), noun)}, median {middle:.3f}, "
        f"{below} below 0.5, lowest {inside[0]:.3f}, highest {inside[-1]:.3f}"
    )
    return _chart(words, parts)


def describe(title: str, series: Sequence[Series]) -> str:
    """Say a chart in words, for those who do not see it.

    Args:
        title: of the chart.
        series: its lines.

    Returns:
        The title, and the first and the last value of each line.
    """
    ends = [
        f"{line.label} from {line.points[0][1]:.3f} to {line.points[-1][1]:.3f}"
        for line in series
        if line.points
    ]
    return f"{title}: {'; '.join(ends)}"


def bar(mean: float, low: float | None, high: float | None) -> Markup:
    """Draw a bar from 0 to 1 with its interval as a whisker, as wide as its cell.

    The number beside it says the same, so a screen reader passes over it.

    Args:
        mean: the bar's end; beyond [0, 1] it is cut.
        low: the interval's lower end; None: no whisker.
        high: the interval's upper end; None: no whisker.

    Returns:
        An SVG element.
    """
    lines = _tick_lines((0, 1), share_ticks())
    whisker = Markup("")
    if low is not None and high is not None:
        whisker = _whisker(100 * _share(low), 100 * _share(high))
    fill = Markup('<rect class="fill" width="{:.2f}" height="12"/>').format(100 * _share(mean))
    track = Markup('<rect class="track" width="100" height="12"/>')
    return _cell(track + fill + lines + whisker)


def forest(
    mean: float, low: float, high: float, reach: tuple[float, float], zero: float | None = None
) -> Markup:
    """Draw a mean and its interval, as wide as its cell.

    Args:
        mean: a value.
        low: the interval's lower end.
        high: the interval's upper end.
        reach: both ends of the scale that the column shares.
        zero: where a dashed line stands; None: no line.

    Returns:
        An SVG element.
    """
    line = Markup("")
    if zero is not None:
        line = Markup('<path class="zero" d="M{:.2f} 0V12"/>').format(_percent(zero, reach))
    dot = Markup('<path class="mean" d="M{:.2f} 0V12"/>').format(_percent(mean, reach))
    whisker = _whisker(_percent(low, reach), _percent(high, reach))
    return _cell(_tick_lines(reach, inner_ticks(reach)) + line + whisker + dot)


def axis(reach: tuple[float, float], values: Sequence[float]) -> Markup:
    """Label the scale that a column of bars or intervals shares.

    The labels are HTML, since the drawings below are stretched to their cell and text would be too.

    Args:
        reach: both ends of the scale.
        values: where labels stand.

    Returns:
        An HTML element.
    """
    label = Markup('<span style="left:{:.2f}%">{}</span>')
    labels = [label.format(_percent(value, reach), f"{value:g}") for value in values]
    return Markup('<span class="axis" aria-hidden="true">{}</span>').format(Markup("").join(labels))


def share_ticks() -> list[float]:
    """Label an axis from 0 to 1.

    Returns:
        Every quarter.
    """
    return [0, 0.25, 0.5, 0.75, 1]


def inner_ticks(reach: tuple[float, float]) -> list[float]:
    """Choose labels for an axis.

    Args:
        reach: both ends of the scale.

    Returns:
        About three round numbers inside of it.
    """
    return [tick for tick in ticks(*reach, 4) if reach[0] <= tick <= reach[1]]


def ticks(low: float, high: float, n: int) -> list[float]:
    """Choose round numbers that enclose an interval.

    Args:
        low: its lower end.
        high: its upper end.
        n: about how many steps.

    Returns:
        Rising, evenly spaced numbers; the first is at most `low`, the last at least `high`.
    """
    # A flat line needs a scale too.
    reach = high - low if high - low > 1e-9 else 1.0
    magnitude = 10 ** math.floor(math.log10(reach / n))
    step = next(
        magnitude * factor
        for factor in (1, 2, 2.5, 5, 10)
        # A hair less, so that rounding does not cost a step.
        if magnitude * factor * n >= reach * (1 - 1e-9)
    )
    start = math.floor(low / step + 1e-9)
    end = max(math.ceil(high / step - 1e-9), start + 1)
    # In floating point, 3 times 0.1 is 0.30000000000000004.
    return [round(index * step, 12) for index in range(start, end + 1)]


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))


def _percent(value: float, reach: tuple[float, float]) -> float:
    return 100 * _share((value - reach[0]) / (reach[1] - reach[0]))


def _chart(words: str, parts: Sequence[Markup]) -> Markup:
    frame = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>')
    # `format` of a Markup escapes its arguments, which come from a run's files.
    return frame.format(WIDTH, HEIGHT, words, Markup("").join(parts))


def _cell(drawing: Markup) -> Markup:
    """A drawing 100 wide and 12 high, stretched to its table cell."""
    frame = Markup(
        '<svg class="bar" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">'
        "{}</svg>"
    )
    return frame.format(drawing)


def _whisker(low: float, high: float) -> Markup:
    """An interval in percent of the width: a line with an end mark on either side."""
    path = Markup('<path class="whisker" d="M{:.2f} 2V10M{:.2f} 6H{:.2f}M{:.2f} 2V10"/>')
    return path.format(low, low, high, high)


def _tick_lines(reach: tuple[float, float], values: Sequence[float]) -> Markup:
    """Hairlines below the labels of `axis`, so that the eye can follow them down the column."""
    path = "".join(f"M{_percent(value, reach):.2f} 0V12" for value in values)
    return Markup('<path class="hair" d="{}"/>').format(path)


def _grid(axes: Axes, y_ticks: list[float]) -> Markup:
    row = Markup(
        '<path class="grid" d="M{} {:.1f}H{}"/>'
        '<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{:g}</text>'
    )
    heights = [axes.place(axes.x[0], tick)[1] for tick in y_ticks]
    return Markup("").join(
        row.format(LEFT, y, WIDTH - RIGHT, LEFT - 6, y + 4, tick)
        for tick, y in zip(y_ticks, heights)
    )


def _x_axis(axes: Axes, values: Sequence[float], label: str, *, is_centred: bool = False) -> Markup:
    """Numbers below the chart and what they count.

    The outer numbers lie inside of the frame unless they are short enough to be centred.
    """
    text = Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="{}">{}</text>')
    # Of a single number, which is first and last, "start" counts: it comes second.
    anchors = {} if is_centred else {len(values) - 1: "end", 0: "start"}
    labels = [
        text.format(
            axes.place(value, axes.y[0])[0],
            HEIGHT - BOTTOM + 14,
            anchors.get(number, "middle"),
            f"{value:g}",
        )
        for number, value in enumerate(values)
    ]
    middle = (LEFT + WIDTH - RIGHT) / 2
    labels.append(text.format(middle, HEIGHT - 4, "middle", label))
    return Markup("").join(labels)


def _mark(axes: Axes, level: float, label: str) -> Markup:
    _, y = axes.place(axes.x[0], level)
    drawing = Markup(
        '<path class="mark" d="M{} {:.1f}H{}"/>'
        '<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>'
    )
    return drawing.format(LEFT, y, WIDTH - RIGHT, WIDTH - RIGHT, y - 4, label)


def _median(axes: Axes, value: float) -> Markup:
    """A dashed line with its number, on the side where there is room."""
    x, top = axes.place(value, axes.y[1])
    is_right = value > 0.7
    drawing = Markup(
        '<path class="mark" d="M{:.1f} {:.1f}V{}"/>'
        '<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="{}">median {}</text>'
    )
    anchor = "end" if is_right else "start"
    beside = x - 5 if is_right else x + 5
    return drawing.format(x, top, HEIGHT - BOTTOM, beside, top + 9, anchor, f"{value:.3f}")


def _column(axes: Axes, number: int, count: int) -> Markup:
    left, top = axes.place(number / N_BINS, count)
    right, bottom = axes.place((number + 1) / N_BINS, 0)
    column = Markup(
        '<rect class="fill" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">'
        "<title>{:.2f} to {:.2f}: {}</title></rect>"
    )
    low, high = number / N_BINS, (number + 1) / N_BINS
    # A gap of one unit between columns.
    return column.format(left + 0.5, top, right - left - 1, bottom - top, low, high, count)


def _line(axes: Axes, line: Series) -> Markup:
    places = [axes.place(x, y) for x, y in line.points]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dot = Markup('<circle class="dot {}" cx="{:.1f}" cy="{:.1f}" r="2.5"/>').format(
        line.style, *places[-1]
    )
    return Markup('<path class="line {}" d="{}"/>').format(line.style, path) + dot
