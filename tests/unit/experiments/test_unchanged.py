"""A table holds one experiment: finished cells of another one are noticed before the first step."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from saywhere.errors import ConfigError
from saywhere.experiments.frozen import freeze, places, thaw
from saywhere.experiments.grid import Grid, cells_of, read_grid
from saywhere.experiments.runner import run_grid, waiting_ids

ROOT = Path(__file__).parents[3]


@pytest.fixture
def table(tmp_path: Path) -> Grid:
    """A grid of two cells and two seeds, all finished."""
    (tmp_path / "base.toml").write_text("[train]\nepochs = 3\n")
    axis = [[{"label": "image", "set": {"fusion.name": "none"}}, {"label": "text"}]]
    grid = Grid.model_validate(
        {"table": "t", "title": "T", "base": tmp_path / "base.toml", "seeds": [0, 1], "axis": axis}
    )
    (tmp_path / "t").mkdir()
    for cell in cells_of(grid):
        summary = {"n": 9, "frame": "original"}
        about = {"status": "finished", "label": cell.label, "seed": cell.seed, "cases": []}
        result = about | {"config": cell.config.model_dump(mode="json"), "summary": summary}
        (tmp_path / f"t/{cell.id}.json").write_text(json.dumps(result))
    return grid


def test_a_table_of_the_same_grid_goes_on(table: Grid, tmp_path: Path) -> None:
    (tmp_path / "t/text-seed1.json").unlink()
    assert len(waiting_ids(table, tmp_path)) == 1


def test_an_edited_base_is_told_with_table_cells_keys_and_what_to_do(
    table: Grid, tmp_path: Path
) -> None:
    (tmp_path / "base.toml").write_text("[train]\nepochs = 5\n[loss]\nroi_weight = 0.3\n")
    with pytest.raises(ConfigError) as refused:
        run_grid(table, tmp_path, lambda cell, what: None, "")
    keys = "loss.roi_weight 0.1 → 0.3, train.epochs 3 → 5"
    said = f"image-seed0: {keys}; text-seed0: {keys}; image-seed1: "
    assert str(refused.value).startswith(f"4 finished cells were made from other settings ({said}")
    assert (
        "; and 1 more) in table t; a table's cells share one grid and its base: "
        "move the result files away" in str(refused.value)
    )
    assert str(refused.value).endswith(
        f"(the first is {tmp_path / 't/image-seed0.json'}), or undo the edit"
    )
    assert not (tmp_path / "t/table.json").exists()


def test_an_edited_choice_strikes_its_cells_alone_in_seeds_that_were_not_asked_for_too(
    table: Grid, tmp_path: Path
) -> None:
    (tmp_path / "t/text-seed0.json").unlink()
    image, text = table.axis[0]
    edited = table.model_copy(
        update={"axis": [[image, text.model_copy(update={"set": {"text.scale": "none"}})]]}
    )
    with pytest.raises(
        ConfigError,
        match=r"^1 finished cell was made from other settings "
        r'\(text-seed1: text\.scale "within" → "none"\) .*move the result file away',
    ):
        waiting_ids(edited, tmp_path, [0])


def test_of_a_frozen_table_it_is_said_how_to_get_at_the_results(
    table: Grid, tmp_path: Path
) -> None:
    for place in (tmp_path / "t").glob("*-seed*.json"):
        case = {"id": "a", "words": "right", "dice": 0.5}
        place.write_text(json.dumps(json.loads(place.read_text()) | {"cases": [case]}))
    (tmp_path / "t/table.json").write_text(json.dumps(table.model_dump(mode="json")))
    freeze(tmp_path / "t")
    shutil.rmtree(tmp_path / "t")
    assert waiting_ids(table, tmp_path) == []
    (tmp_path / "base.toml").write_text("[train]\nepochs = 5\n")
    with pytest.raises(
        ConfigError,
        match=r"the table is frozen: `python benchmarks/measure/freeze.py --thaw t` makes result "
        r"files of it; then move the result files away \(the first is .*t/image-seed0\.json\)",
    ):
        waiting_ids(table, tmp_path)
    thaw(tmp_path / "t")
    for place in (tmp_path / "t").glob("*-seed*.json"):
        place.unlink()
    for place in places(tmp_path / "t"):
        place.unlink()
    assert len(waiting_ids(table, tmp_path)) == 4


def test_cells_that_were_measured_on_something_else_are_told(table: Grid, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r'image-seed0: measure "images" → "mosaics", mosaics null → 100'
    ):
        waiting_ids(table.model_copy(update={"measure": "mosaics", "mosaics": 100}), tmp_path)


@pytest.mark.parametrize(
    ("key", "value"), [("train.threads", 7), ("train.device", "cpu"), ("evaluate.batch_size", 3)]
)
def test_where_and_how_fast_a_cell_was_made_may_differ(
    table: Grid, tmp_path: Path, key: str, value: int | str
) -> None:
    assert waiting_ids(table.model_copy(update={"set": {key: value}}), tmp_path) == []


@pytest.mark.parametrize(
    "path", sorted((ROOT / "benchmarks/grids").glob("*.toml")), ids=lambda path: path.stem
)
def test_the_committed_results_are_those_of_the_committed_grids(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    grid = read_grid(path)
    folder = Path("benchmarks/results") / grid.table
    waiting_ids(grid, folder.parent)
    known = {cell.id for cell in cells_of(grid)}
    assert {file.stem for file in folder.glob("*-seed*.json")} <= known, "results of no cell"
