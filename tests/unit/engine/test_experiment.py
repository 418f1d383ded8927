"""A grid is worked off cell by cell, once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from saywhere.config import Config
from saywhere.engine import experiment
from saywhere.engine.experiment import is_finished, result_path, run_cell
from saywhere.engine.grid import Cell


def test_a_cell_keeps_configuration_command_versions_and_every_case(config: Config, tmp_path: Path) -> None:
    cell = Cell("text", 0, config)
    assert run_cell(cell, tmp_path, "saywhere experiment grid.toml") is None
    found = json.loads(result_path(tmp_path, cell).read_text())
    assert is_finished(result_path(tmp_path, cell))
    assert (found["label"], found["seed"], found["command"]) == ("text", 0, "saywhere experiment grid.toml")
    assert found["config"] == config.model_dump(mode="json")
    assert found["packages"]["torch"]
    right = [case["dice"] for case in found["cases"] if case["words"] == "right"]
    assert sum(right) / len(right) == pytest.approx(found["summary"]["words"]["right"]["dice_mean"]["mean"], abs=1e-4)
    assert "prompt" not in found["cases"][0]


def test_a_cell_is_measured_on_mosaics_where_the_grid_asks_for_them(config: Config, tmp_path: Path) -> None:
    cell = Cell("text", 0, config.replace(**{"train.epochs": 1, "train.steps_per_epoch": 2}))
    run_cell(cell, tmp_path, "", n_mosaics=4)
    assert set(json.loads(result_path(tmp_path, cell).read_text())["mosaic"]) == {"right", "another tile's", "blank", "unseen wording"}
    run_cell(cell, tmp_path, "")
    assert json.loads(result_path(tmp_path, cell).read_text())["mosaic"] is None


def test_a_table_of_mosaics_keeps_their_cases(config: Config, tmp_path: Path) -> None:
    cell = Cell("text", 0, config.replace(**{"train.epochs": 1, "train.steps_per_epoch": 2, "data.mosaic": 1.0}))
    run_cell(cell, tmp_path, "", n_mosaics=4, measure="mosaics")
    found = json.loads(result_path(tmp_path, cell).read_text())
    assert (found["summary"]["frame"], found["summary"]["n"], found["mosaic"]) == ("mosaic", 4, None)
    assert sorted({case["words"] for case in found["cases"]}) == ["contradictory", "empty", "right", "unseen"]
    assert set(found["summary"]["listening"]) == {"contradictory", "empty"}


def test_a_failed_cell_is_marked_with_its_reason_and_is_not_finished(config: Config, tmp_path: Path) -> None:
    cell = Cell("broken", 1, config.replace(**{"data.manifest": str(tmp_path / "nowhere.jsonl")}))
    reason = run_cell(cell, tmp_path, "")
    assert reason is not None
    assert "nowhere.jsonl" in reason
    found = json.loads(result_path(tmp_path, cell).read_text())
    assert (found["status"], found["reason"]) == ("failed", reason)
    assert not is_finished(result_path(tmp_path, cell))


@pytest.mark.parametrize("content", ["", '{"status": "fin', "[]", '{"status": "failed"}', "null"])
def test_half_a_result_is_run_again(tmp_path: Path, content: str) -> None:
    place = tmp_path / "cell.json"
    place.write_text(content)
    assert not is_finished(place)
    assert not is_finished(tmp_path / "absent.json")


def test_the_workplace_of_a_cell_is_removed(config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment.tempfile, "mkdtemp", lambda prefix: str(tmp_path / "work"))
    run_cell(Cell("text", 0, config.replace(**{"data.manifest": "nowhere"})), tmp_path, "")
    assert not (tmp_path / "work").exists()
