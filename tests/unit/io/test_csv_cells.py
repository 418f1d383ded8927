"""No cell is a formula, and every text is read back as it was."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saywhere.io.csv_cells import cell, text_of

FORMULAS = [
    "=1+1",
    "+cmd",
    "-cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    " =1",
    "＝1",
    "-",
    "''=1",
]
PLAIN = ["case-1", "-7", "+5", "-0.5e3", "'quoted'", "", "a=b", "Ödem", "'"]


@pytest.mark.parametrize("text", [*FORMULAS, "'=1", "''=1"])
def test_a_formula_gets_an_apostrophe_that_is_taken_off_again(text: str) -> None:
    assert cell(text) == f"'{text}"
    assert text_of(cell(text)) == text


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_text_and_a_number_stay(text: str) -> None:
    assert cell(text) == text
    assert text_of(text) == text


@given(st.text(alphabet="'=+-@\t\r\n 1a＝.", max_size=8))
def test_any_text_comes_back_and_none_begins_a_formula(text: str) -> None:
    written = cell(text)
    assert text_of(written) == text
    is_number = written.strip().lstrip("+-").replace(".", "", 1).isdigit()
    assert is_number or not written.lstrip(" ").startswith(("=", "+", "-", "@", "\t", "\r", "＝"))
