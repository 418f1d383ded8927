"""A compared table as a page: every label, its interval, and how sure a difference is."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from saywhere.experiments.compare import Comparison, Line
from saywhere.metrics.statistics import PairedDifference
from saywhere.report.comparison import comparison_page
from saywhere.report.figures import forest

DICE = PairedDifference(0.8, 0.7, 0.9, 0.001, 40)


def page(
    *gains: tuple[Any, ...], reference: str | None = "image", left_out: dict[str, str] | None = None
) -> str:
    columns = ["0.800 [0.700, 0.900]", "0.7"]
    lines = [Line("image", 3, DICE, columns, None, is_reference=reference is not None)]
    lines += [
        Line(
            f"text <{i}>",
            1,
            DICE,
            columns,
            PairedDifference(*gain, *(() if len(gain) > 3 else (0.01, 40))),
        )
        for i, gain in enumerate(gains)
    ]
    return comparison_page(
        Comparison(
            "Polyps",
            "Made by `saywhere compare`.",
            reference,
            ["mean Dice per image [95 %]", "mean IoU per image"],
            lines,
            left_out or {},
        )
    )


GAINS = [
    ((0.1, 0.05, 0.15), "higher"),
    ((-0.1, -0.15, -0.05), "lower"),
    ((0.1, -0.01, 0.2), "not sure: holds 0"),
    ((0.1, 0.0, 0.2), "not sure: holds 0"),
]


@pytest.mark.parametrize(("gain", "says"), GAINS)
def test_a_difference_whose_interval_holds_zero_is_said_to_be_unsure(
    gain: tuple[float, float, float], says: str
) -> None:
    assert f"<small>{says}</small>" in page(gain)


def test_a_few_cases_are_too_few_to_tell() -> None:
    assert "<small>too few cases to tell</small>" in page((0.1, 0.05, 0.15, 0.01, 19))
    assert "<small>higher</small>" in page((0.1, 0.05, 0.15, 0.01, 20))


def test_seeds_that_differ_are_not_sure() -> None:
    assert "<small>not sure: seeds differ</small>" in page((0.1, 0.02, 0.2, 0.001, 40, (-0.2, 0.4)))
    assert "<small>higher</small>" in page((0.1, 0.02, 0.2, 0.001, 40, (0.01, 0.19)))


def test_labels_are_escaped_and_seeds_are_counted() -> None:
    found = page((0.1, 0.05, 0.15))
    assert "text &lt;0&gt;" in found
    assert "text <0>" not in found
    assert "3 seeds" in found
    assert "1 seed<" in found
    assert "<code>saywhere compare</code>" in found
    assert found.count("<table") == found.count("</table>") == 2


def test_a_table_without_a_reference_has_no_differences() -> None:
    found = page(reference=None)
    assert "Difference" not in found
    assert "reference" not in found.split("</style>")[1]


def test_the_mean_lies_where_its_value_is_on_the_scale() -> None:
    drawn = ElementTree.fromstring(forest(0.5, 0.25, 0.75, (0.0, 1.0), zero=0.1))
    ways = {path.get("class"): path.get("d") for path in drawn}
    assert ways == {
        "hair": "M0.00 0V12M25.00 0V12M50.00 0V12M75.00 0V12M100.00 0V12",
        "zero": "M10.00 0V12",
        "whisker": "M25.00 2V10M25.00 6H75.00M75.00 2V10",
        "mean": "M50.00 0V12",
    }


def test_both_scales_have_an_axis() -> None:
    found = page((0.1, 0.05, 0.15))
    assert found.count('<span class="axis"') == 2
    for label in ("0.7", "0.8", "0.9", "0.05", "0.1", "0.15"):
        assert f'%">{label}</span>' in found


def test_what_was_left_out_is_named() -> None:
    assert "Left out: text-seed1.json (the cell failed: no such prompts)." in page(
        left_out={"text-seed1.json": "the cell failed: no such prompts"}
    )
