"""The drawings: well-formed, in proportion, and told in words."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.ticker import MaxNLocator

from saywhere.report.figures import (
    Series,
    axis,
    bar,
    forest,
    histogram,
    inner_ticks,
    line_chart,
    share_ticks,
    ticks,
)

finite = st.floats(-1e6, 1e6, allow_nan=False)


def numbers(path: str) -> list[float]:
    return [float(part) for part in path.replace("M", " ").replace("L", " ").split()]


def line_of(chart: str) -> np.ndarray:
    path = next(
        element
        for element in ElementTree.fromstring(chart).iter("path")
        if element.get("class", "").startswith("line")
    )
    return np.array(numbers(path.get("d", ""))).reshape(-1, 2)


@given(st.lists(finite, min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_any_finite_series_is_a_well_formed_drawing_inside_of_its_frame(
    values: list[float],
) -> None:
    places = line_of(line_chart("Loss", [Series("training", list(enumerate(values)))]))
    assert np.all((places >= 0) & (places <= (340, 200)))


def test_a_line_keeps_the_order_and_proportion_of_its_values() -> None:
    values = [1.3, 0.9, 0.4, 0.5]
    places = line_of(line_chart("Loss", [Series("training", list(enumerate(values, start=1)))]))
    assert np.corrcoef(places[:, 1], values)[0, 1] == pytest.approx(
        -1, abs=1e-4
    )  # up is a smaller y
    assert np.corrcoef(places[:, 0], np.arange(4))[0, 1] == pytest.approx(1, abs=1e-4)


def test_a_chart_is_told_in_words_and_its_labels_are_escaped() -> None:
    chart = line_chart("<b>", [Series("a & b", [(1, 0.25), (2, 0.5)])], mark=(0.01, "<i>"))
    assert ElementTree.fromstring(chart).get("aria-label") == "<b>: a & b from 0.250 to 0.500"


def test_nothing_recorded_draws_nothing() -> None:
    assert line_chart("Loss", [Series("training", [])]) == ""


@given(low=st.floats(-1e4, 1e4), reach=st.floats(1e-3, 1e4))
@settings(max_examples=100, deadline=None)
def test_ticks_enclose_the_values_as_matplotlibs_do_and_are_few_and_even(
    low: float, reach: float
) -> None:
    ours = ticks(low, low + reach, 4)
    steps = np.diff(ours)
    assert ours[0] <= low + 1e-6 * reach
    assert ours[-1] >= low + reach - 1e-6 * reach
    assert 2 <= len(ours) <= 6
    assert np.allclose(steps, steps[0])
    step = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(low, low + reach)
    assert 0.39 <= steps[0] / (step[1] - step[0]) <= 2.6


def path_of(drawing: str, kind: str) -> str | None:
    paths = ElementTree.fromstring(drawing).iter("path")
    return next((path.get("d") for path in paths if path.get("class") == kind), None)


def test_a_bar_is_as_long_as_its_value_with_the_interval_on_it() -> None:
    drawing = bar(0.71, 0.65, 0.77)
    rectangles = ElementTree.fromstring(drawing).iter("rect")
    fill = next(element for element in rectangles if element.get("class") == "fill")
    assert fill.get("width") == "71.00"
    assert path_of(drawing, "whisker") == "M65.00 2V10M65.00 6H77.00M77.00 2V10"
    assert path_of(bar(0.71, None, None), "whisker") is None
    assert 'width="0.00"' in bar(-0.2, None, None)


def test_an_axis_has_its_labels_where_the_lines_of_the_rows_are() -> None:
    labels = ElementTree.fromstring(axis((0, 1), share_ticks()))
    assert [(label.get("style"), label.text) for label in labels] == [
        ("left:0.00%", "0"),
        ("left:25.00%", "0.25"),
        ("left:50.00%", "0.5"),
        ("left:75.00%", "0.75"),
        ("left:100.00%", "1"),
    ]
    assert path_of(bar(0.5, None, None), "hair") == (
        "M0.00 0V12M25.00 0V12M50.00 0V12M75.00 0V12M100.00 0V12"
    )
    reach = (-0.07, 0.22)
    lines = path_of(forest(0.1, 0.0, 0.2, reach), "hair")
    assert inner_ticks(reach) == [0.0, 0.1, 0.2]
    assert lines == "M24.14 0V12M58.62 0V12M93.10 0V12"


def columns_of(drawing: str) -> list[int]:
    """How many images each column of a histogram stands for, by its tooltip."""
    titles = re.findall(r"<title>(.*?)</title>", drawing)
    return [int(title.rpartition(": ")[2]) for title in titles]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_a_histogram_counts_as_numpy_does(values: list[float]) -> None:
    drawing = histogram(values, "Dice per image")
    assert sum(columns_of(drawing)) == len(values)
    away = [value for value in values if abs(value * 20 - round(value * 20)) > 1e-6]
    counts = np.histogram(away, bins=20, range=(0, 1))[0]
    assert columns_of(histogram(away, "Dice per image")) == [n for n in counts if n]
    shown = re.findall(r"median ([\d.]+)", drawing)
    assert float(shown[0]) == pytest.approx(np.median(values), abs=6e-4)


def test_a_dice_of_one_is_in_the_last_column_and_its_column_is_as_high_as_the_axis() -> None:
    drawing = ElementTree.fromstring(histogram([1.0, 1.0, 0.97, 0.0], "Dice per image"))
    first, last = (rect for rect in drawing.iter("rect") if rect.get("class") == "fill")
    assert (first.get("height"), last.get("height")) == ("52.0", "156.0")
    assert histogram([], "Dice per image") == ""
    assert histogram([float("nan"), 3.0], "Dice per image") == ""
