"""A training that is killed at any moment resumes to the straight run, to the bit (R6, R7)."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from saywhere.config import Config
from saywhere.runs.checkpoint import load
from saywhere.training import autotune
from saywhere.training.trainer import train
from small_run import once, wait_for

KEPT = (
    "metrics.jsonl",
    "metrics.csv",
    "config.toml",
    "checkpoints/last/checkpoint.safetensors",
    "checkpoints/last/state.json",
    "checkpoints/best/checkpoint.safetensors",
    "checkpoints/best/state.json",
)
EPOCHS = 20
LONGEST_S = 0.15
"""From the end of an epoch to a kill: up to an epoch and a half, so that some of the run is always
left."""


def contents(run: Path) -> dict[str, bytes]:
    return {name: (run / name).read_bytes() for name in KEPT}


@pytest.fixture(scope="session")
def longer(config: Config, shared: Path) -> Path:
    path = shared / "longer.toml"
    path.write_text(config.replace(**{"train.epochs": EPOCHS}).to_toml())
    return path


@pytest.fixture(scope="session")
def straight(longer: Path, shared: Path, children: Any) -> Path:
    """A run that nobody disturbed, in a process of its own."""

    def make() -> Path:
        ended = children.run("train", longer, "--out", shared / "straight")
        assert ended.code == 0, ended.err
        return shared / "straight"

    return once("straight", make)


def killed_after(seconds: float) -> Callable[[int, Path], None]:
    def disturb(pid: int, err: Path) -> None:
        wait_for(
            lambda: err.is_file() and "\nepoch " in err.read_text()
        )  # there is something to resume
        time.sleep(seconds)
        _kill(pid)

    return disturb


def killed_at(marker: Path) -> Callable[[int, Path], None]:
    def disturb(pid: int, err: Path) -> None:
        wait_for(marker.exists)
        _kill(pid)

    return disturb


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):  # it had ended: the exit code tells
        os.kill(pid, signal.SIGKILL)


def finished(children: Any, longer: Path, run: Path) -> Path:
    ended = children.run("train", longer, "--out", run, *(["--resume"] if run.exists() else []))
    assert ended.code == 0, ended.err
    assert ended.out.strip() == str(run)
    assert json.loads((run / "run.json").read_text())["status"] == "finished"
    assert not list(run.rglob("*.tmp"))
    return run


def check_kills(
    children: Any, longer: Path, run: Path, straight: Path, moments: list[float], writes: list[int]
) -> None:
    """Kill one run again and again, these seconds after an epoch and inside of these checkpoint
    writes; then let it end.
    """
    for moment in moments:
        resume = ["--resume"] if run.exists() else []
        ended = children.run("train", longer, "--out", run, *resume, disturb=killed_after(moment))
        assert ended.code == -signal.SIGKILL, (moments, ended)
    for i, number in enumerate(writes):
        resume = ["--resume"] if run.exists() else []
        marker = run.with_name(f"{run.name}-{i}.marker")
        ended = children.run(
            "train",
            longer,
            "--out",
            run,
            *resume,
            disturb=killed_at(marker),
            stall=str(marker),
            stall_at=number,
        )
        assert ended.code == -signal.SIGKILL, (moments, ended)
        assert list(run.rglob(".checkpoint*.tmp")), "it was not killed inside of the write"
        for checkpoint in run.rglob("checkpoint.safetensors"):
            load(checkpoint.parent)  # whole
    assert contents(finished(children, longer, run)) == contents(straight), moments


def test_killed_at_random_moments_and_inside_of_two_writes(
    children: Any, longer: Path, straight: Path, tmp_path: Path
) -> None:
    check_kills(
        children,
        longer,
        tmp_path / "run",
        straight,
        np.random.default_rng().uniform(0, LONGEST_S, 3).tolist(),
        writes=[3, 4],
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_killed_twenty_five_times(
    children: Any, longer: Path, straight: Path, tmp_path: Path, seed: int
) -> None:
    random = np.random.default_rng(seed)
    check_kills(
        children,
        longer,
        tmp_path / "run",
        straight,
        random.uniform(0, LONGEST_S, 4).tolist(),
        writes=[int(random.integers(1, 5))],
    )


def test_killed_before_its_first_step(
    children: Any, longer: Path, straight: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"

    def disturb(pid: int, err: Path) -> None:
        wait_for((run / "checkpoints").is_dir)
        _kill(pid)

    assert children.run("train", longer, "--out", run, disturb=disturb).code == -signal.SIGKILL
    assert contents(finished(children, longer, run)) == contents(straight)


def test_two_processes_give_one_result(config: Config, straight: Path, tmp_path: Path) -> None:
    here = train(config.replace(**{"train.epochs": EPOCHS}), tmp_path / "run")
    assert contents(here) == contents(straight)


def test_ctrl_c_saves_and_exits_cleanly(
    children: Any, longer: Path, straight: Path, tmp_path: Path
) -> None:
    def interrupt(pid: int, err: Path) -> None:
        wait_for(lambda: err.is_file() and "epoch 2" in err.read_text())
        os.kill(pid, signal.SIGINT)

    ended = children.run("train", longer, "--out", tmp_path / "run", disturb=interrupt)
    assert ended.code == 130
    assert (
        ended.err.splitlines()[-1]
        == f"saywhere: interrupted: go on with `saywhere train --resume {tmp_path / 'run'}`"
    )
    assert "Traceback" not in ended.err
    assert json.loads((tmp_path / "run/run.json").read_text())["status"] == "interrupted"
    assert contents(finished(children, longer, tmp_path / "run")) == contents(straight)


def test_ctrl_c_before_the_first_step_ends_it_as_well(
    children: Any, longer: Path, tmp_path: Path
) -> None:
    def interrupt(pid: int, err: Path) -> None:
        wait_for((tmp_path / "run").is_dir)
        os.kill(pid, signal.SIGINT)

    ended = children.run("train", longer, "--out", tmp_path / "run", disturb=interrupt)
    assert (ended.code, "Traceback" in ended.err) == (130, False), ended.err


def test_ctrl_c_that_a_library_swallows_ends_it_after_the_first_step(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = autotune.choose

    def swallowing(*given: Any) -> Any:
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        return choose(*given)

    monkeypatch.setattr(autotune, "choose", swallowing)
    with pytest.raises(KeyboardInterrupt):
        train(config, tmp_path / "run")
    assert json.loads((tmp_path / "run/run.json").read_text())["status"] == "interrupted"
    assert load(tmp_path / "run/checkpoints/last").state["step"] == 1


def test_resumed_as_something_else_is_refused_by_the_key(
    children: Any, longer: Path, straight: Path
) -> None:
    before = contents(straight)
    ended = children.run(
        "train", longer, "--out", straight, "--resume", "--set", "optimizer.learning_rate=0.5"
    )
    assert ended.code == 2
    assert (
        ended.err.strip()
        .splitlines()[-1]
        .startswith("saywhere: optimizer.learning_rate was 0.003 and is now 0.5")
    )
    assert contents(straight) == before
