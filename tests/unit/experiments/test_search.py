"""Random search: settings drawn at random stand in a grid as a written axis would."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from saywhere.errors import ConfigError
from saywhere.experiments.grid import Grid, cells_of, labels_of, read_grid
from saywhere.experiments.search import Distribution, Search
from saywhere.seeds import generator

GRID = """
table = "small"
title = "Small"
base = "{base}"
seeds = [4, 5]
threads = 1
{more}
[search]
n = 6
seed = 3
[search.draw]
"optimizer.learning_rate" = {{ log_uniform = [1e-5, 1e-2] }}
"network.width" = {{ choice = [8, 16] }}
"""


def written(folder: Path, more: str = "", text: str = GRID) -> Path:
    (folder / "base.toml").write_text("[train]\nepochs = 3\n")
    base = (folder / "base.toml").as_posix()
    (folder / "grid.toml").write_text(text.format(base=base, more=more))
    return folder / "grid.toml"


def drawn(n: int, **distribution: object) -> list[object]:
    one = Distribution.model_validate(distribution)
    return [one.draw(generator(0, "test", number)) for number in range(n)]


def test_each_distribution_gives_what_its_name_says() -> None:
    uniform = np.array(drawn(2000, uniform=[2.0, 4.0]), dtype=float)
    assert uniform.min() >= 2
    assert uniform.max() <= 4
    assert uniform.mean() == pytest.approx(3, abs=0.06)
    logarithms = np.log10(np.array(drawn(2000, log_uniform=[1e-4, 1e-2]), dtype=float))
    assert logarithms.min() >= -4
    assert logarithms.max() <= -2
    # As many below the middle power of ten as above it.
    assert np.mean(logarithms < -3) == pytest.approx(0.5, abs=0.05)
    assert sorted(set(drawn(200, integer=[3, 5]))) == [3, 4, 5]  # type: ignore[type-var]
    assert {str(value) for value in drawn(200, choice=["a", 1.5, True])} == {"a", "1.5", "True"}


def test_a_drawn_number_is_trained_with_as_the_label_shows_it() -> None:
    (value,) = drawn(1, log_uniform=[1e-5, 1e-2])
    assert f"{value:.4g}" == f"{value:g}"
    search = Search.model_validate({"n": 1, "draw": {"a.b": {"uniform": [0, 1]}}})
    (setting,) = search.settings()
    assert search.label(1, setting) == f"draw 1: b {setting['a.b']:g}"


def test_draws_follow_from_the_seed_and_more_of_them_begin_with_the_same_ones() -> None:
    space = {"a.b": {"uniform": [0.0, 1.0]}, "c.b": {"choice": [1, 2, 3]}}

    def settings(n: int, seed: int) -> list[dict[str, object]]:
        return Search.model_validate({"n": n, "seed": seed, "draw": space}).settings()

    assert settings(8, 1)[:5] == settings(5, 1)
    assert settings(5, 1) != settings(5, 2)
    # A key more leaves the others' values as they are.
    wider = Search.model_validate({"n": 5, "seed": 1, "draw": space | {"d.e": {"integer": [0, 9]}}})
    assert [one["a.b"] for one in wider.settings()] == [one["a.b"] for one in settings(5, 1)]
    # Where two keys end alike, both are named whole.
    label = wider.label(2, {"a.b": 0.5, "c.b": 1, "d.e": 3})
    assert label == "draw 2: a.b 0.5, c.b 1, e 3"


def test_no_setting_is_drawn_twice_and_too_few_are_refused(tmp_path: Path) -> None:
    space = {"network.width": {"choice": [8, 16, 24]}}
    search = Search.model_validate({"n": 3, "draw": space})
    assert sorted(one["network.width"] for one in search.settings()) == [8, 16, 24]
    grid = Grid.model_validate(
        {
            "table": "t",
            "title": "T",
            "base": tmp_path / "base.toml",
            "search": {"n": 4, "draw": space},
        }
    )
    with pytest.raises(ConfigError, match="only 3 different settings"):
        cells_of(grid)


def test_a_search_is_a_grids_first_axis_and_its_record_says_what_was_drawn(tmp_path: Path) -> None:
    choices = '{ label = "image", set = { "fusion.name" = "none" } }, { label = "text" }'
    grid = read_grid(written(tmp_path, f"axis = [[{choices}]]\nreference = 'image'"))
    cells = cells_of(grid)
    assert len(cells) == 2 * 6 * 2
    assert [cell.seed for cell in cells[::12]] == [4, 5]
    assert {cell.group for cell in cells} == {"image", "text"}
    first = cells[0]
    rate, width = first.config.optimizer.learning_rate, first.config.network.width
    assert first.label == f"draw 1: learning_rate {rate:g}, width {width} · image"
    assert first.config.fusion.name == "none"
    assert math.log10(1e-5) <= math.log10(rate) <= math.log10(1e-2)
    assert labels_of(grid.record()["axis"]) == [cell.label for cell in cells[:12]]


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ("log_uniform = [1e-5, 1e-2]", "log_uniform = [0, 1e-2]", "above 0"),
        ("log_uniform = [1e-5, 1e-2]", "log_uniform = [1e-2, 1e-5]", "below the second"),
        ("log_uniform = [1e-5, 1e-2]", "normal = [0, 1]", "unknown key"),
        ("choice = [8, 16]", "choice = []", "at least 1"),
        ("choice = [8, 16]", "choice = [8], integer = [1, 2]", "name one of choice, uniform"),
        ("choice = [8, 16]", "choice = ['narrow', 'wide']", "network.width"),
        ('"network.width"', '"network.witdh"', "did you mean 'width'"),
        ('"network.width"', '"train.seed"', "which the grid sets itself"),
    ],
)
def test_a_bad_search_is_refused_with_its_place(
    tmp_path: Path, was: str, now: str, said: str
) -> None:
    text = GRID.replace(was, now.replace("{", "{{"))
    assert text != GRID
    with pytest.raises(ConfigError, match=said) as refused:
        cells_of(read_grid(written(tmp_path, text=text)))
    assert "grid.toml" in str(refused.value)


def test_a_grid_in_which_nothing_varies_is_refused(tmp_path: Path) -> None:
    place = written(tmp_path, text='table = "t"\ntitle = "T"\nbase = "{base}"\n')
    with pytest.raises(ConfigError, match="nothing varies"):
        cells_of(read_grid(place))
