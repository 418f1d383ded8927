"""The drawings: well-formed, in proportion, and told in words."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.ticker import MaxNLocator

from saywhere.report.figures import Series, bar, line_chart, ticks

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


def test_a_bar_is_as_long_as_its_value_with_the_interval_on_it() -> None:
    drawing = ElementTree.fromstring(bar(0.71, 0.65, 0.77))
    assert (
        next(
            element.get("width")
            for element in drawing.iter("rect")
            if element.get("class") == "fill"
        )
        == "71.00"
    )
    assert (
        next(element.get("d") for element in drawing.iter("path"))
        == "M65.00 2V10M65.00 6H77.00M77.00 2V10"
    )
    assert "whisker" not in bar(0.71, None, None)
    assert 'width="0.00"' in bar(-0.2, None, None)
