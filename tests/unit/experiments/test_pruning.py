"""Cells that fall behind are trained no further, and are never read as results."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saywhere.cli.compare import _terminal_table
from saywhere.config import Config
from saywhere.errors import ConfigError
from saywhere.experiments import executors, runner
from saywhere.experiments.compare import compare, table
from saywhere.experiments.frozen import freeze
from saywhere.experiments.grid import Grid
from saywhere.experiments.measured import Task, outcome
from saywhere.experiments.pruning import Prune
from saywhere.experiments.results import read_cell
from saywhere.experiments.runner import cell_document, finished, run_grid, waiting_ids
from saywhere.report.comparison import comparison_page
from saywhere.report.progress import write_progress
from table_files import cell as finished_cell

LABELS = ["a", "b", "c", "d", "e", "f"]
DICE = {"a": 0.2, "b": 0.6, "c": 0.5, "d": 0.1, "e": 0.4, "f": 0.3}


def test_rungs_grow_by_the_factor_up_to_the_end() -> None:
    assert Prune(first=1, factor=3).rungs(27) == [1, 3, 9]
    assert Prune(first=2, factor=2).rungs(5) == [2, 4]


def test_one_in_factor_passes_and_of_equal_ones_the_first() -> None:
    prune = Prune(first=1, factor=3)
    assert prune.going_on(DICE) == {"b", "c"}
    assert prune.going_on(dict.fromkeys(LABELS, 0.5)) == {"a", "b"}
    # Of fewer than `factor`, the best one.
    assert prune.going_on({"x": 0.1, "y": 0.2}) == {"y"}


def grid_of(folder: Path, config: Config, **more: Any) -> Grid:
    (folder / "base.toml").write_text(config.replace(**{"train.epochs": 4}).to_toml())
    axis = [[{"label": label, "set": {"text.blank": 0.1 * i}} for i, label in enumerate(LABELS)]]
    document = {
        "table": "t",
        "title": "T",
        "base": folder / "base.toml",
        "seeds": [0, 1],
        "axis": axis,
        "prune": {"first": 1, "factor": 2},
    }
    return Grid.model_validate(document | more)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int | None]]:
    """(cell, where it was to pause) of each training; none is made, and each gives its DICE."""
    trained: list[tuple[str, int | None]] = []

    def work(task: Task) -> dict[str, Any]:
        trained.append((task.cell.id, task.pause_after))
        config = task.cell.config.model_dump(mode="json")
        if task.pause_after is None:
            whole = finished_cell(task.cell.label, task.cell.seed, np.linspace(0.1, 0.9, 25))
            whole["summary"]["words"]["right"] |= {"dice_mean": {"mean": 0.5}}
            return whole | {"config": config, "seconds": 1}
        dice = DICE[task.cell.label] + 0.01 * task.cell.seed
        reached = {"epoch": task.pause_after, "dice": dice}
        return {"status": "paused", "config": config, "seconds": 1} | reached

    def run(jobs: Sequence[Task], _: object, **__: object) -> Iterator[tuple[Task, Any]]:
        return ((job, work(job)) for job in jobs)

    monkeypatch.setattr(executors, "run", run)
    return trained


def stages(asked: list[tuple[str, int | None]]) -> dict[int | None, str]:
    """Where to pause → the labels that were trained up to there, each seed once."""
    found: dict[int | None, list[str]] = {}
    for name, pause in asked:
        found.setdefault(pause, []).append(name[0] + name[-1])
    return {pause: " ".join(sorted(names)) for pause, names in found.items()}


def test_the_best_half_goes_on_at_each_rung_and_the_others_are_marked(
    config: Config, tmp_path: Path, asked: list[tuple[str, int | None]]
) -> None:
    told: list[str] = []
    grid = grid_of(tmp_path, config)
    assert run_grid(grid, tmp_path, lambda cell, what: told.append(f"{cell}: {what}"), "") == []
    assert stages(asked) == {
        1: "a0 a1 b0 b1 c0 c1 d0 d1 e0 e1 f0 f1",
        2: "b0 b1 c0 c1 e0 e1",
        None: "b0 b1",
    }
    assert "d-seed0: pruned after epoch 1, with the others ahead" in told
    stopped = cell_document(tmp_path / "t/c-seed1.json")
    assert (stopped["status"], stopped["epoch"], stopped["dice"]) == ("pruned", 2, 0.51)
    assert finished(tmp_path / "t/c-seed1.json") is None
    # The same line again: what is over stays over.
    asked.clear()
    assert waiting_ids(grid, tmp_path) == []
    run_grid(grid, tmp_path, lambda *_: None, "")
    assert asked == []


def test_a_killed_grid_goes_on_where_it_stood_and_ends_the_same(
    config: Config, tmp_path: Path, asked: list[tuple[str, int | None]]
) -> None:
    grid = grid_of(tmp_path, config)

    class Killed(Exception):
        pass

    def whole_then_killed(at: int) -> Callable[[str, str], None]:
        count = iter(range(at))

        def report(*_: str) -> None:
            if next(count, None) is None:
                raise Killed

        return report

    whole = tmp_path / "whole"
    run_grid(grid, whole, lambda *_: None, "")
    wanted = {
        path.name: cell_document(path)["status"] for path in (whole / "t").glob("*-seed*.json")
    }
    n_whole = len(asked)
    for at in (0, 7, 12, 13, 20, 24):
        asked.clear()
        place = tmp_path / f"killed-{at}"
        with pytest.raises(Killed):
            run_grid(grid, place, whole_then_killed(at), "")
        run_grid(grid, place, lambda *_: None, "")
        found = {
            path.name: cell_document(path)["status"] for path in (place / "t").glob("*-seed*.json")
        }
        assert found == wanted
        # What a file holds is not trained a second time.
        assert len(asked) == n_whole


def test_a_failed_seed_keeps_its_label_out_of_the_rung_and_comes_late(
    config: Config,
    tmp_path: Path,
    asked: list[tuple[str, int | None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    working = executors.run

    def failing(jobs: Sequence[Task], *_: object, **more: Any) -> Iterator[tuple[Task, Any]]:
        for job, result in working(jobs, outcome, **more):
            is_bad = job.cell.id == "b-seed1"
            yield job, {"status": "failed", "reason": "no power"} if is_bad else result

    grid = grid_of(tmp_path, config)
    monkeypatch.setattr(executors, "run", failing)
    assert run_grid(grid, tmp_path, lambda *_: None, "") == ["b-seed1"]
    # 5 labels: 2 pass the first rung, one the second.
    assert stages(asked)[2] == "c0 c1 e0 e1"
    assert cell_document(tmp_path / "t/b-seed0.json")["status"] == "paused"
    assert (
        read_cell(tmp_path / "t/b-seed0.json") == "the cell is paused after epoch 1, not finished"
    )
    monkeypatch.setattr(executors, "run", working)
    asked.clear()
    assert run_grid(grid, tmp_path, lambda *_: None, "") == []
    # It is the best one; what was decided before stays.
    assert stages(asked) == {1: "b1", 2: "b0 b1", None: "b0 b1"}
    assert {cell for cell in LABELS if finished(tmp_path / f"t/{cell}-seed0.json")} == {"b", "c"}


def test_draws_compete_among_themselves_and_never_against_another_choice(
    config: Config,
    tmp_path: Path,
    asked: list[tuple[str, int | None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grid = grid_of(
        tmp_path,
        config,
        axis=[[{"label": "good"}, {"label": "poor", "set": {"fusion.name": "none"}}]],
        search={"n": 4, "draw": {"text.blank": {"uniform": [0, 0.5]}}},
    )
    for label in [cell["label"] for cell in grid.record()["axis"][0]]:
        for number, choice in enumerate(("poor", "good")):
            monkeypatch.setitem(DICE, f"{label} · {choice}", number + 0.01 * int(label[5]))
    run_grid(grid, tmp_path, lambda *_: None, "")
    over = [name for name, pause in asked if pause is None]
    assert len(over) == 4
    assert sum("good" in name for name in over) == sum("poor" in name for name in over) == 2
    assert all(name.startswith("draw-4") for name in over)


def test_pruned_cells_are_named_in_every_table_and_are_no_results(
    config: Config, tmp_path: Path, asked: list[tuple[str, int | None]]
) -> None:
    grid = grid_of(tmp_path, config, reference="b")
    run_grid(grid, tmp_path, lambda *_: None, "")
    comparison = compare(tmp_path / "t")
    assert [line.label for line in comparison.lines] == ["b"]
    assert comparison.left_out == {}
    epochs = {one.label: one.epoch for one in comparison.pruned}
    assert epochs == {"a": 1, "c": 2, "d": 1, "e": 2, "f": 1}
    sentence = "Pruned: c (stopped after epoch 2, validation Dice 0.505: not a result)."
    assert sentence in table(comparison)
    assert sentence in comparison_page(comparison)
    assert _terminal_table(comparison).row_count == 1
    page = write_progress(grid, tmp_path).read_text(encoding="utf-8")
    assert "<strong>10</strong> pruned" in page
    assert "pruned after epoch 1 (validation Dice 0.100)" in page
    assert "<strong>0</strong> left" in page
    # Frozen, they are pruned all the same, and are not run again.
    freeze(tmp_path / "t")
    shutil.rmtree(tmp_path / "t")
    assert compare(tmp_path / "t").pruned == comparison.pruned
    assert waiting_ids(grid, tmp_path) == []


def test_another_rule_or_setting_is_refused_beside_what_was_pruned(
    config: Config, tmp_path: Path, asked: list[tuple[str, int | None]]
) -> None:
    run_grid(grid_of(tmp_path, config), tmp_path, lambda *_: None, "")
    with pytest.raises(ConfigError, match="prune"):
        waiting_ids(grid_of(tmp_path, config, prune={"first": 1, "factor": 3}), tmp_path)
    with pytest.raises(ConfigError, match=r"optimizer\.learning_rate"):
        waiting_ids(grid_of(tmp_path, config, set={"optimizer.learning_rate": 0.5}), tmp_path)


@pytest.mark.parametrize(
    ("more", "seeds", "said"),
    [
        ({"prune": {"first": 4}}, [], "trains 4 epochs"),
        ({"set": {"train.validate_every": 2}}, [], "set prune.first = 2"),
        ({}, [0], "all seeds"),
    ],
)
def test_a_pruning_that_cannot_be_is_refused_before_the_first_cell(
    config: Config, tmp_path: Path, more: dict[str, Any], seeds: list[int], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        run_grid(grid_of(tmp_path, config, **more), tmp_path, lambda *_: None, "", seeds)
    assert not (tmp_path / "t").exists()


def test_a_cell_that_paused_at_rungs_ends_as_one_that_did_not(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained for good: two cells, one rung; what is over leaves no folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()

    def here(jobs: Sequence[Task], work: Callable[[Task], Any], **_: Any) -> Iterator[Any]:
        return ((job, work(job)) for job in jobs)

    monkeypatch.setattr(executors, "run", here)
    short = config.replace(**{"train.steps_per_epoch": 2})
    choices = [{"label": "slow", "set": {"optimizer.learning_rate": 1e-9}}, {"label": "fast"}]
    few = {"seeds": [0], "axis": [choices], "threads": 1}
    grid = grid_of(tmp_path, short, **few, prune={"first": 2, "factor": 2})
    assert run_grid(grid, tmp_path / "pruned", lambda *_: None, "") == []
    assert list((tmp_path / "scratch").iterdir()) == []
    states = {
        path.stem: cell_document(path) for path in (tmp_path / "pruned/t").glob("*-seed0.json")
    }
    (over,) = [name for name, one in states.items() if one["status"] == "finished"]
    (stopped,) = states.keys() - {over}
    assert states[stopped]["epoch"] == 2
    assert states[over]["rungs"]["2"] >= states[stopped]["rungs"]["2"]
    run_grid(grid_of(tmp_path, short, **few, prune=None), tmp_path / "whole", lambda *_: None, "")
    whole = cell_document(tmp_path / f"whole/t/{over}.json")
    for key in ("cases", "summary", "spread", "config"):
        assert whole[key] == states[over][key]
    assert runner.finished(tmp_path / f"pruned/t/{over}.json") is not None
