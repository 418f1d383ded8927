"""Results of before name files by former paths; whoever reads them sees today's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from saywhere.experiments.grid import cells_of, read_grid
from saywhere.experiments.moved import moved
from saywhere.experiments.results import read_cell
from saywhere.experiments.runner import waiting_ids

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("former", "today"),
    [
        ("benchmarks/base/qata.toml", "benchmarks/grids/base/qata.toml"),
        (
            "saywhere experiment benchmarks/mosaic3_fusions.toml",
            "saywhere experiment benchmarks/grids/mosaic3_fusions.toml",
        ),
        ("python benchmarks/load.py RUN", "python benchmarks/measure/load.py RUN"),
        ({"data": {"ids": ["benchmarks/base/a.txt"]}}, None),
    ],
)
def test_a_former_path_becomes_todays(former: object, today: object) -> None:
    today = today or {"data": {"ids": ["benchmarks/grids/base/a.txt"]}}
    assert moved(former) == today
    assert moved(today) == today


@pytest.mark.parametrize("other", ["benchmarks/mine.toml", "my_benchmarks/base/x.toml", 3, None])
def test_what_is_not_ours_stays(other: object) -> None:
    assert moved(other) == other


def test_every_path_in_a_committed_table_lies_where_it_is_said_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each frozen table's base, and the grid and the program of each command."""
    monkeypatch.chdir(ROOT)
    for place in (ROOT / "benchmarks/results").rglob("*.json"):
        document = json.loads(place.read_text(encoding="utf-8"))
        cells = document["cells"] if "table" in document else {}
        commands = [cell["command"] for cell in cells.values()]
        commands += [document.get("command", "")]
        words = {word for command in map(moved, commands) for word in command.split()}
        missing = [word for word in words if "benchmarks/" in word and not Path(word).exists()]
        assert not missing, place


def test_a_cell_of_before_counts_as_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its configuration names the ids by their former path; the grid of today by the new one."""
    monkeypatch.chdir(ROOT)
    grid = read_grid(ROOT / "benchmarks/grids/kvasir_to_large.toml")
    cell = cells_of(grid)[0]
    config = cell.config.model_dump(mode="json")
    former = config["data"]["ids"].replace("benchmarks/grids/base/", "benchmarks/base/")
    assert former != config["data"]["ids"]
    config["data"]["ids"] = former
    result = {"status": "finished", "label": cell.label, "seed": cell.seed, "cases": []}
    place = tmp_path / grid.table / f"{cell.id}.json"
    place.parent.mkdir()
    place.write_text(json.dumps(result | {"config": config, "summary": {}, "command": ""}))
    assert read_cell(place)["config"]["data"]["ids"] == cell.config.data.ids.as_posix()
    assert cell.id not in waiting_ids(grid, tmp_path)
