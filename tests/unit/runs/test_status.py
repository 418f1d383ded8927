"""What is said of a run: a killed training is not taken for one that goes on, nor the reverse."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from saywhere.config import Config
from saywhere.errors import UsageError
from saywhere.runs import status
from saywhere.runs.process import this_process
from saywhere.runs.status import RunStatus, refuse_running, status_of


def write_run(folder: Path, **facts: Any) -> Path:
    last = folder / "checkpoints" / "last"
    last.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(facts))
    document = {
        "config": Config().replace(**{"train.epochs": 12}).model_dump(mode="json"),
        "state": {"history": [{}, {}, {}], "step": 1340},
    }
    (last / "state.json").write_text(json.dumps(document))
    return folder


def seen(monkeypatch: pytest.MonkeyPatch, answer: bool | None) -> None:
    monkeypatch.setattr(status, "is_alive", lambda record: answer)


@pytest.mark.parametrize(
    ("lives", "state", "words"),
    [
        (True, "running", "still going on"),
        (False, "killed", "killed: its process is gone"),
        (None, "unclear", "cannot be seen from here"),
    ],
)
def test_running_is_believed_only_of_a_process_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lives: bool | None, state: str, words: str
) -> None:
    seen(monkeypatch, lives)
    run = write_run(tmp_path / "run", status="running", process=this_process())
    standing = status_of(run)
    assert standing == RunStatus(state, 3, 1340, 12, os.getpid() if lives else None)
    assert words in standing.in_words()
    assert "step 1,340, 3 of 12 epochs done" in standing.in_words()
    # Whoever looks at a checkpoint's own folder learns the same.
    assert status_of(run / "checkpoints" / "best") == standing


def test_a_run_of_an_earlier_version_names_no_process(tmp_path: Path) -> None:
    standing = status_of(write_run(tmp_path / "run", status="running"))
    assert standing is not None
    assert standing.state == "unclear"
    assert "with an earlier version" in standing.in_words()


@pytest.mark.parametrize("state", ["interrupted", "failed"])
def test_what_a_run_says_itself_is_believed(tmp_path: Path, state: str) -> None:
    standing = status_of(write_run(tmp_path / "run", status=state, process=this_process()))
    assert standing is not None
    assert standing.state == state
    assert standing.advice("runs/a") == "`saywhere train --resume runs/a` goes on"


@pytest.mark.parametrize("facts", [{}, {"status": "finished"}, {"status": ["running"]}])
def test_of_a_finished_run_nothing_is_said(tmp_path: Path, facts: dict[str, Any]) -> None:
    assert status_of(write_run(tmp_path / "run", **facts)) is None
    assert status_of(tmp_path) is None


def test_without_a_checkpoint_no_place_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", status="failed")
    (run / "checkpoints/last/state.json").write_text("{")
    standing = status_of(run)
    assert standing is not None
    assert standing.in_words() == "the training failed"


def test_two_processes_do_not_write_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = write_run(tmp_path / "run", status="running", process={**this_process(), "pid": 77})
    seen(monkeypatch, True)
    with pytest.raises(UsageError, match="process 77 is busy with this training"):
        refuse_running(run)
    for answer in (False, None):
        seen(monkeypatch, answer)
        refuse_running(run)


def test_what_began_in_this_process_may_be_resumed_in_it(tmp_path: Path) -> None:
    refuse_running(write_run(tmp_path / "run", status="running", process=this_process()))
