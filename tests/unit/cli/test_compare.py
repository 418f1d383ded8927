"""saywhere compare: tables and runs, as Markdown, as a page with figures, and on a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree, rmtree

import numpy as np
import pytest
from rich.console import Console

from console import Ended
from saywhere.cli import compare as cli_compare
from saywhere.experiments.compare import compare
from saywhere.experiments.frozen import freeze
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


@pytest.mark.parametrize("ending", ["", ".json", ".csv.gz"])
def test_a_frozen_table_is_compared_like_a_folder(say: Say, tmp_path: Path, ending: str) -> None:
    (tmp_path / "t").mkdir()
    written(tmp_path / "t", [cell(label, 0, np.full(30, 0.5)) for label in "ab"], reference="a")
    before = say("compare", tmp_path / "t")
    freeze(tmp_path / "t")
    rmtree(tmp_path / "t")
    ended = say("compare", tmp_path / f"t{ending}")
    assert (ended.code, ended.out) == (0, before.out)


def test_a_cell_file_beside_a_frozen_cell_is_named(say: Say, tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    written(tmp_path / "t", [cell(label, 0, np.full(30, 0.5)) for label in "ab"], reference="a")
    freeze(tmp_path / "t")
    (tmp_path / "t/b-seed0.json").unlink()
    ended = say("compare", tmp_path / "t")
    assert ended.code == 0
    line = "1 result file counts in place of the frozen cell of the same name: a-seed0.json"
    assert line in ended.err


def test_two_runs_are_compared(say: Say, evaluated: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    copytree(evaluated, other)
    ended = say("compare", evaluated, other, "--json")
    assert ended.code == 0
    first, second = json.loads(ended.out)["lines"]
    assert first["is_reference"]
    assert second["label"] == str(other)
    assert second["difference"]["difference"] == 0
    assert second["columns"][-3] == "+0.000 [+0.000, +0.000] holds 0"


def test_what_cannot_be_compared_is_refused(say: Say, evaluated: Path, tmp_path: Path) -> None:
    one = say("compare", evaluated)
    assert one.code == 2
    assert "one run, and nothing to compare it with" in one.err
    assert "saywhere compare RUN RUN" in one.err
    away = say("compare", evaluated, tmp_path / "away")
    assert away.code == 2
    assert f"no run in {tmp_path / 'away'}" in away.err


def test_a_terminal_of_80_columns_breaks_no_interval(tmp_path: Path) -> None:
    dice = np.linspace(0.3, 0.6, 30)
    labels = ("image", "early · fuse-first · as published, and a good deal longer")
    cells = [cell(label, seed, dice + gain) for gain, label in enumerate(labels) for seed in (0, 1)]
    comparison = compare(written(tmp_path, cells))
    console = Console(width=80, record=True)
    console.print(cli_compare._terminal_table(comparison))
    text = console.export_text()
    (line,) = (line for line in comparison.lines if line.difference)
    assert f"{line.dice.difference:.3f} [{line.dice.low:.3f}, {line.dice.high:.3f}]" in text
    assert "+1.000 [+1.000, +1.000]" in text
    assert max(len(row) for row in text.splitlines()) <= 80
