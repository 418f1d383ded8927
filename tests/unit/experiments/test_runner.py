"""A grid is worked off cell by cell, once."""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
from pathlib import Path

import pytest
import typer

from saywhere.captions.grid import fit_places
from saywhere.cli.experiment import experiment
from saywhere.config import Config
from saywhere.data.manifest import read_manifest
from saywhere.datasets.described import examples_of
from saywhere.experiments import executors
from saywhere.experiments.grid import Cell, Grid
from saywhere.experiments.measured import Task, outcome
from saywhere.experiments.runner import finished, run_grid
from saywhere.networks import registry
from saywhere.networks.unet import UNet
from saywhere.runs.provenance import RUNNING

SHORT = {"train.epochs": 1, "train.steps_per_epoch": 2}


def test_a_cell_keeps_configuration_command_versions_and_every_case(config: Config) -> None:
    found = outcome(Task(Cell("text", 0, config), "saywhere experiment grid.toml"))
    assert json.loads(json.dumps(found)) == found
    assert (found["status"], found["label"], found["seed"], found["command"]) == (
        "finished",
        "text",
        0,
        "saywhere experiment grid.toml",
    )
    assert found["config"] == config.model_dump(mode="json")
    assert found["packages"]["torch"]
    assert found["commit"] == RUNNING
    assert "arm" not in found  # fuse-first fits nothing
    right = [case["dice"] for case in found["cases"] if case["words"] == "right"]
    assert sum(right) / len(right) == pytest.approx(
        found["summary"]["words"]["right"]["dice_mean"]["mean"], abs=1e-4
    )
    assert "prompt" not in found["cases"][0]


def test_a_cell_keeps_what_its_arm_reported(config: Config) -> None:
    found = outcome(
        Task(Cell("recaption", 0, config.replace(**SHORT, **{"fusion.arm": "recaption"})), "")
    )
    rows = read_manifest(config.data.manifest).split("train")
    assert found["arm"] == {
        "name": "recaption",
        "place_rule": fit_places(examples_of(rows, ["taught"])).to_json(),
    }
    assert found["arm"]["place_rule"]


def test_a_cell_is_measured_on_mosaics_where_the_grid_asks_for_them(config: Config) -> None:
    cell = Cell("text", 0, config.replace(**SHORT))
    assert set(outcome(Task(cell, "", n_mosaics=4))["mosaic"]) == {
        "right",
        "another tile's",
        "blank",
        "unseen wording",
    }
    assert outcome(Task(cell, ""))["mosaic"] is None


def test_a_table_of_mosaics_keeps_their_cases(config: Config) -> None:
    cell = Cell("text", 0, config.replace(**SHORT, **{"data.mosaic": 1.0}))
    found = outcome(Task(cell, "", n_mosaics=4, measure="mosaics"))
    assert (found["summary"]["frame"], found["summary"]["n"], found["mosaic"]) == (
        "mosaic",
        4,
        None,
    )
    assert sorted({case["words"] for case in found["cases"]}) == [
        "contradictory",
        "empty",
        "right",
        "unseen",
    ]
    assert set(found["summary"]["listening"]) == {"contradictory", "empty"}


def test_a_failed_cell_gives_its_reason(config: Config, tmp_path: Path) -> None:
    found = outcome(
        Task(
            Cell("broken", 1, config.replace(**{"data.manifest": str(tmp_path / "nowhere.jsonl")})),
            "",
        )
    )
    assert found["status"] == "failed"
    assert "nowhere.jsonl" in found["reason"]


def test_a_failed_cell_is_marked_the_others_go_on_and_only_it_is_run_again(
    config: Config, tmp_path: Path
) -> None:
    base = tmp_path / "base.toml"
    base.write_text(config.replace(**SHORT).to_toml())
    good, bad = {"label": "good"}, {"label": "bad", "set": {"data.train_split": "nowhere"}}
    grid = Grid.model_validate(
        {
            "table": "small",
            "title": "Small",
            "base": base,
            "seeds": [0],
            "threads": 1,
            "axis": [[bad, good]],
        }
    )
    told: list[str] = []
    assert run_grid(
        grid,
        tmp_path,
        lambda cell, what: told.append(f"{cell} {what}"),
        "saywhere experiment g.toml",
    ) == ["bad-seed0"]
    found = json.loads((tmp_path / "small/bad-seed0.json").read_text())
    assert (found["status"], found["label"], found["seed"]) == ("failed", "bad", 0)
    assert "no rows of split 'nowhere'" in found["reason"]
    assert finished(tmp_path / "small/good-seed0.json")
    assert told[0].startswith("bad-seed0 failed: no rows of split 'nowhere'")
    told.clear()
    run_grid(grid, tmp_path, lambda cell, what: told.append(cell), "")
    assert told == ["bad-seed0"]


@pytest.mark.skipif(sys.platform == "win32", reason="needs flock")
def test_a_grid_that_starts_removes_what_nobody_goes_on_with(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(executors, "run", lambda *_, **__: iter(()))
    left = tmp_path / "saywhere-cell-0"
    left.mkdir(0o700)
    os.utime(left, (0, 0))
    (tmp_path / "base.toml").write_text(config.to_toml())
    run_grid(
        Grid.model_validate(
            {"table": "t", "title": "T", "base": tmp_path / "base.toml", "axis": [[{"label": "a"}]]}
        ),
        tmp_path,
        lambda *_: None,
        "",
    )
    assert not left.exists()


def test_a_machines_own_number_of_jobs_takes_the_place_of_the_grids(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(
        executors, "run", lambda *_, side_by_side, **__: iter(asked.append(side_by_side) or ())
    )
    (tmp_path / "base.toml").write_text(config.to_toml())
    grid = Grid.model_validate(
        {
            "table": "t",
            "title": "T",
            "base": tmp_path / "base.toml",
            "jobs": 3,
            "axis": [[{"label": "a"}]],
        }
    )
    for jobs in (None, 1):
        run_grid(grid, tmp_path, lambda *_: None, "", jobs=jobs)
    assert asked == [3, 1]
    assert json.loads((tmp_path / "t/table.json").read_text())["jobs"] == 3


WRONG = """
from torch import nn
from saywhere.networks.adapter import Adapter
from saywhere.networks.registry import NETWORKS

NETWORKS["two-channels"] = lambda in_channels, width, depth: Adapter(
    nn.Conv2d(in_channels, 2, 3, padding=1), in_channels
)
"""


def test_bad_cells_are_marked_with_their_reasons_and_the_others_go_on(
    config: Config,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Prompts that no row has, and a user's own network whose output has two channels; exit 3."""
    monkeypatch.setitem(registry.NETWORKS, "two-channels", UNet)  # so that it is taken out again
    monkeypatch.setattr(
        executors, "run", lambda jobs, work, **_: ((job, work(job)) for job in jobs)
    )  # in this process, which has imported the network
    (tmp_path / "wrong_network.py").write_text(WRONG)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("wrong_network")
    (tmp_path / "base.toml").write_text(config.replace(**SHORT).to_toml())
    bad = [
        ("words", '"text.unseen_prompts" = "unsean"'),
        ("shape", '"network.name" = "two-channels"'),
        ("name", '"network.name" = "one-channel"'),
        ("good", ""),
    ]
    axis = ", ".join(f'{{ label = "{label}", set = {{ {change} }} }}' for label, change in bad)
    (tmp_path / "grid.toml").write_text(
        f'table = "t"\ntitle = "T"\nbase = "{tmp_path / "base.toml"}"\n'
        f"seeds = [0]\nthreads = 1\naxis = [[{axis}]]\n"
    )
    with pytest.raises(typer.Exit) as ended:
        experiment(tmp_path / "grid.toml", tmp_path, quiet=True)
    assert ended.value.exit_code == 3
    assert "3 cells failed, see their files: words-seed0, shape-seed0, name-seed0" in " ".join(
        capsys.readouterr().err.split()
    )
    reasons = {
        label: json.loads((tmp_path / f"t/{label}-seed0.json").read_text()).get("reason")
        for label, _ in bad
    }
    assert "which text.unseen_prompts asks for: did you mean 'unseen'?" in reasons["words"]
    assert (
        "an output of shape (8, 2, 32, 32) in Conv2d; it must be one logit a pixel, (8, 1, 32, 32)"
        in reasons["shape"]
    )
    assert "no network is called 'one-channel'" in reasons["name"]
    assert reasons["good"] is None
    assert finished(tmp_path / "t/good-seed0.json")


@pytest.mark.parametrize(
    "content",
    ["", '{"status": "fin', "[]", '{"status": "failed"}', "null", '{"status": "finished"}'],
)
def test_half_a_result_is_run_again(tmp_path: Path, content: str) -> None:
    place = tmp_path / "cell.json"
    place.write_text(content)
    assert not finished(place)
    assert not finished(tmp_path / "absent.json")


@pytest.mark.slow
def test_ray_and_processes_write_the_same_files(config: Config, tmp_path: Path) -> None:
    """But for the clock, and for which BLAS kernels a load chose: with one thread, none."""
    pytest.importorskip("ray", reason="the extra `cluster` is not installed")
    base = tmp_path / "base.toml"
    base.write_text(config.replace(**SHORT).to_toml())
    grid = Grid.model_validate(
        {
            "table": "small",
            "title": "Small",
            "base": base,
            "seeds": [0, 1],
            "threads": 1,
            "jobs": 2,
            "axis": [[{"label": "a"}]],
        }
    )
    for on in ("local", "ray"):
        assert (
            run_grid(
                grid, tmp_path / on, lambda cell, what: None, "saywhere experiment g.toml", on=on
            )
            == []
        )
    for name in ("a-seed0.json", "a-seed1.json"):
        local, on_ray = (
            json.loads((tmp_path / on / "small" / name).read_text()) for on in ("local", "ray")
        )
        assert {key: value for key, value in local.items() if key != "seconds"} == {
            key: value for key, value in on_ray.items() if key != "seconds"
        }
