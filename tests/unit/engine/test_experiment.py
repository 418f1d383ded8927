"""A grid is worked off cell by cell, once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from saywhere.config import Config
from saywhere.data.describe import fit_places
from saywhere.data.manifest import read_manifest
from saywhere.engine.commit import commit
from saywhere.engine.experiment import Task, finished, outcome, run_grid
from saywhere.engine.grid import Cell, Grid

SHORT = {"train.epochs": 1, "train.steps_per_epoch": 2}


def test_a_cell_keeps_configuration_command_versions_and_every_case(config: Config) -> None:
    found = outcome(Task(Cell("text", 0, config), "saywhere experiment grid.toml"))
    assert json.loads(json.dumps(found)) == found
    assert (found["status"], found["label"], found["seed"], found["command"]) == ("finished", "text", 0, "saywhere experiment grid.toml")
    assert found["config"] == config.model_dump(mode="json")
    assert found["packages"]["torch"]
    assert found["commit"] == commit()
    assert "arm" not in found  # fuse-first fits nothing
    right = [case["dice"] for case in found["cases"] if case["words"] == "right"]
    assert sum(right) / len(right) == pytest.approx(found["summary"]["words"]["right"]["dice_mean"]["mean"], abs=1e-4)
    assert "prompt" not in found["cases"][0]


def test_a_cell_keeps_what_its_arm_reported(config: Config) -> None:
    found = outcome(Task(Cell("recaption", 0, config.replace(**SHORT, **{"fusion.arm": "recaption"})), ""))
    rows = read_manifest(config.data.manifest).split("train")
    assert found["arm"] == {"name": "recaption", "place_rule": fit_places(rows, ["taught"]).facts()}
    assert found["arm"]["place_rule"]


def test_a_cell_is_measured_on_mosaics_where_the_grid_asks_for_them(config: Config) -> None:
    cell = Cell("text", 0, config.replace(**SHORT))
    assert set(outcome(Task(cell, "", n_mosaics=4))["mosaic"]) == {"right", "another tile's", "blank", "unseen wording"}
    assert outcome(Task(cell, ""))["mosaic"] is None


def test_a_table_of_mosaics_keeps_their_cases(config: Config) -> None:
    cell = Cell("text", 0, config.replace(**SHORT, **{"data.mosaic": 1.0}))
    found = outcome(Task(cell, "", n_mosaics=4, measure="mosaics"))
    assert (found["summary"]["frame"], found["summary"]["n"], found["mosaic"]) == ("mosaic", 4, None)
    assert sorted({case["words"] for case in found["cases"]}) == ["contradictory", "empty", "right", "unseen"]
    assert set(found["summary"]["listening"]) == {"contradictory", "empty"}


def test_a_failed_cell_gives_its_reason(config: Config, tmp_path: Path) -> None:
    found = outcome(Task(Cell("broken", 1, config.replace(**{"data.manifest": str(tmp_path / "nowhere.jsonl")})), ""))
    assert found["status"] == "failed"
    assert "nowhere.jsonl" in found["reason"]


def test_a_failed_cell_is_marked_the_others_go_on_and_only_it_is_run_again(config: Config, tmp_path: Path) -> None:
    base = tmp_path / "base.toml"
    base.write_text(config.replace(**SHORT).to_toml())
    good, bad = {"label": "good"}, {"label": "bad", "set": {"data.train_split": "nowhere"}}
    grid = Grid.model_validate({"table": "small", "title": "Small", "base": base, "seeds": [0], "threads": 1, "axis": [[bad, good]]})
    told: list[str] = []
    assert run_grid(grid, tmp_path, lambda cell, what: told.append(f"{cell} {what}"), "saywhere experiment g.toml") == ["bad-seed0"]
    found = json.loads((tmp_path / "small/bad-seed0.json").read_text())
    assert (found["status"], found["label"], found["seed"]) == ("failed", "bad", 0)
    assert "no rows of split 'nowhere'" in found["reason"]
    assert finished(tmp_path / "small/good-seed0.json")
    assert told[0].startswith("bad-seed0 failed: no rows of split 'nowhere'")
    told.clear()
    run_grid(grid, tmp_path, lambda cell, what: told.append(cell), "")
    assert told == ["bad-seed0"]


@pytest.mark.parametrize("content", ["", '{"status": "fin', "[]", '{"status": "failed"}', "null", '{"status": "finished"}'])
def test_half_a_result_is_run_again(tmp_path: Path, content: str) -> None:
    place = tmp_path / "cell.json"
    place.write_text(content)
    assert not finished(place)
    assert not finished(tmp_path / "absent.json")


@pytest.mark.slow
def test_ray_and_processes_write_the_same_files(config: Config, tmp_path: Path) -> None:
    """But for the clock, and for which BLAS kernels a machine's load chose: none, with one thread each."""
    pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    base = tmp_path / "base.toml"
    base.write_text(config.replace(**SHORT).to_toml())
    grid = Grid.model_validate({"table": "small", "title": "Small", "base": base, "seeds": [0, 1], "threads": 1, "jobs": 2, "axis": [[{"label": "a"}]]})
    for on in ("local", "ray"):
        assert run_grid(grid, tmp_path / on, lambda cell, what: None, "saywhere experiment g.toml", on=on) == []
    for name in ("a-seed0.json", "a-seed1.json"):
        local, on_ray = (json.loads((tmp_path / on / "small" / name).read_text()) for on in ("local", "ray"))
        assert {key: value for key, value in local.items() if key != "seconds"} == {key: value for key, value in on_ray.items() if key != "seconds"}
