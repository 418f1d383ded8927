"""saywhere compare: Markdown to the terminal or a file, a page with figures, and what else a file
may not be.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from console import Ended
from table_files import cell, written

Say = Callable[..., Ended]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return written(
        tmp_path,
        [cell(label, 0, dice + 0.01 * np.arange(9)) for label, dice in (("a", 0.5), ("b", 0.75))],
        reference="a",
    )


def test_markdown_to_the_terminal_or_a_file_and_a_page(say: Say, table: Path) -> None:
    printed = say("compare", table).out
    assert "| b | 1 | 0.790 [" in printed
    assert "+0.250 [+0.250, +0.250]" in printed
    assert say("compare", table, "--out", table / "t.md").code == 0
    assert (table / "t.md").read_text() == printed.rstrip("\n") + "\n"
    assert say("compare", table, "--out", table / "t.html").code == 0
    assert '<span class="value">+0.250</span>' in (table / "t.html").read_text()


def test_another_ending_and_an_empty_folder_are_wrong_use(
    say: Say, table: Path, tmp_path: Path
) -> None:
    ended = say("compare", table, "--out", table / "t.txt")
    assert (ended.code, list(table.glob("t.txt"))) == (2, [])
    assert "a name that ends in .md (Markdown) or .html (a page with figures)" in ended.err
    (tmp_path / "empty").mkdir()
    assert "no table.json" in say("compare", tmp_path / "empty").err


def test_half_a_result_file_is_named_and_the_table_is_made_of_the_others(
    say: Say, table: Path
) -> None:
    place = next(table.glob("b*-seed0.json"))
    place.write_text(place.read_text()[:100])
    ended = say("compare", table)
    assert ended.code == 3
    assert "| a | 1 |" in ended.out
    assert f"1 result file left out: {place.name}" in ended.err
    assert "Traceback" not in ended.err
