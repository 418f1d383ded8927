"""A cell of a grid that is killed goes on from its last checkpoint, and gives what it would have
given.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from saywhere.config import Config
from saywhere.experiments.grid import Cell
from saywhere.experiments.measured import Task, outcome
from saywhere.runs.checkpoint import load
from saywhere.training.trainer import Loop
from small_run import once, wait_for

SHORT = {
    "train.epochs": 9,
    "train.steps_per_epoch": 2,
    "train.validate_every": 3,
    "evaluate.words": ["right"],
}
VALIDATED = 6  # steps: three epochs, after which there is a best checkpoint


@pytest.fixture
def task(config: Config) -> Task:
    return Task(Cell("text", 0, config.replace(**SHORT)), "")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The steps that this process takes."""
    taken: list[int] = []
    step = Loop.step
    monkeypatch.setattr(
        Loop, "step", lambda loop, number, batch: taken.append(number) or step(loop, number, batch)
    )
    return taken


@pytest.fixture
def straight(task: Task, steps: list[int]) -> tuple[dict[str, Any], list[int]]:
    """What an uninterrupted cell gives, and its steps."""

    def make() -> tuple[dict[str, Any], list[int]]:
        found = outcome(task)
        return found, list(steps)

    made: tuple[dict[str, Any], list[int]] = once("straight cell", make)
    steps.clear()
    return made


@pytest.fixture
def leftover(task: Task, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a cell whose process was killed in the middle of its training."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    killed: Path = once("killed cell", lambda: _kill(task, shared / "killed", monkeypatch))
    return shutil.copytree(killed, tmp_path / killed.name)


def _kill(task: Task, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    child = multiprocessing.get_context("spawn").Process(target=outcome, args=(task,))
    child.start()
    wait_for(
        lambda: any(
            json.loads(path.read_text())["state"]["step"] >= VALIDATED
            for path in temporary.glob("saywhere-cell-*/run/checkpoints/last/state.json")
        )
    )
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert child.exitcode == -signal.SIGKILL
    (folder,) = temporary.glob("saywhere-cell-*")
    return folder


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_it_takes_the_steps_that_are_left_and_no_others(
    task: Task, straight: tuple[dict[str, Any], list[int]], leftover: Path, steps: list[int]
) -> None:
    whole, every = straight
    assert leftover.stat().st_mode & 0o777 == 0o700
    begun = load(leftover / "run/checkpoints/last").state["step"]
    (leftover / "seconds").write_text(str(float((leftover / "seconds").read_text()) + 5000))
    found = outcome(task)
    assert found["seconds"] > 5000
    assert every == list(range(len(every)))
    assert 0 < begun < len(every)
    assert steps == every[begun:]
    assert {key: value for key, value in found.items() if key != "seconds"} == {
        key: value for key, value in whole.items() if key != "seconds"
    }
    assert not list(leftover.parent.glob("saywhere-cell-*"))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


@pytest.mark.parametrize(
    "damage",
    [
        lambda run: _cut(run / "checkpoints/last/checkpoint.safetensors"),
        lambda run: (run / "checkpoints/best/checkpoint.safetensors").unlink(),
        lambda run: (run / "run.json").write_text('{"data": 3}'),
        lambda run: (run / "run.json").write_text('{"data": {"digest": "of other data"}}'),
    ],
    ids=["last cut in half", "best swept away", "facts of another kind", "other data"],
)
def test_a_leftover_that_cannot_be_gone_on_from_is_left_out(
    task: Task,
    straight: tuple[dict[str, Any], list[int]],
    leftover: Path,
    steps: list[int],
    damage: Callable[[Path], object],
) -> None:
    damage(leftover / "run")
    (leftover / "seconds").write_text("5000")
    found = outcome(task)
    assert found["seconds"] < 5000
    assert found["cases"] == straight[0]["cases"]
    assert steps == straight[1]
