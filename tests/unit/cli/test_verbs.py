"""What holds for every verb: --json is one document on stdout and nothing else there, --quiet
leaves the last result only.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

from console import Ended
from saywhere.cli import demo_run
from saywhere.cli.main import app
from saywhere.experiments import runner
from table_files import cell, written

Say = Callable[..., Ended]
ALL: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
VERBS: dict[str, Any] = {name: verb for name, verb in ALL.items() if not hasattr(verb, "commands")}
OF_GROUPS: dict[str, Any] = {
    f"{group} {name}": verb
    for group in ("models", "cache")
    for name, verb in ALL[group].commands.items()
}
RUNS_ON = {"serve"}  # until it is stopped: see test_serve.py
LISTS = {"info", "doctor"}  # in many lines


@pytest.fixture
def call(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], tuple[object, ...]]:
    """`call(verb)`: options of a small job; only what the verb needs is made."""
    made = request.getfixturevalue
    short = (
        "--set",
        "train.epochs=1",
        "--set",
        "train.steps_per_epoch=1",
        "--set",
        "train.precision=bf16-mixed",
    )

    def pictured() -> tuple[object, ...]:
        return (
            made("run_copy"),
            made("manifest").parent / "images/test_0000.png",
            "--prompt",
            "the lesion, upper left",
            "--out",
            tmp_path / "out",
        )

    def drawn() -> tuple[object, ...]:
        run = made("evaluated")
        monkeypatch.setattr(
            demo_run, "demo", lambda folder, data, *, say, listen: say("1/4 making phantoms") or run
        )
        return "--out", tmp_path / "demo"

    def gridded() -> tuple[object, ...]:
        monkeypatch.setattr(
            runner,
            "run_grid",
            lambda grid, out, report, *more: report("a-seed0", "finished") or [],
        )
        grid = tmp_path / "grid.toml"
        grid.write_text(
            'table = "small"\ntitle = "Small"\nbase = "configs/phantoms.toml"\n'
            'seeds = [0]\nthreads = 1\naxis = [[{label = "a"}]]\n'
        )
        return grid, "--out", tmp_path / "results"

    jobs: dict[str, Callable[[], tuple[object, ...]]] = {
        "demo": drawn,
        "prepare": lambda: ("phantoms", "--to", tmp_path / "phantoms"),
        "describe": lambda: (made("manifest"), "--to", tmp_path / "described.jsonl"),
        "check": lambda: (made("manifest"), "--encoder", "none"),
        "train": lambda: (made("toml"), *short, "--out", tmp_path / "new"),
        "evaluate": lambda: (made("run_copy"), "--words", "right"),
        "calibrate": lambda: (made("run_copy"), "--split", "train"),
        "predict": pictured,
        "report": lambda: (made("evaluated"), "--out", tmp_path / "report.html"),
        "probe": lambda: ("invariance", made("run_copy"), "--cases", "2"),
        "experiment": gridded,
        "compare": lambda: (
            written(tmp_path, [cell("a", 0, np.full(9, 0.5))], reference=None),
            "--out",
            tmp_path / "table.md",
        ),
        "info": tuple,
        "doctor": tuple,
    }
    return lambda verb: jobs[verb]() if verb in jobs else pytest.skip(f"{verb} has its own test")


@pytest.fixture
def small_phantoms(monkeypatch: pytest.MonkeyPatch) -> None:
    """`prepare phantoms` draws a thousand."""
    from saywhere.datasets import phantoms
    from saywhere.datasets.synthetic import make_phantoms

    monkeypatch.setattr(
        phantoms,
        "make_phantoms",
        lambda folder, **options: make_phantoms(folder, n_train=2, n_val=1, n_test=1, size=32),
    )


@pytest.mark.parametrize("option", ["--json", "--quiet"])
def test_every_verb_has(option: str) -> None:
    for name, verb in (VERBS | OF_GROUPS).items():
        assert option in {opt for parameter in verb.params for opt in parameter.opts}, name


@pytest.mark.usefixtures("small_phantoms")
@pytest.mark.parametrize("verb", sorted(set(VERBS) - RUNS_ON))
def test_json_is_one_document_on_stdout(
    say: Say, call: Callable[[str], tuple[object, ...]], verb: str
) -> None:
    ended = say(verb, *call(verb), "--json")
    assert ended.code in (0, 1 if verb == "doctor" else 0)
    assert isinstance(json.loads(ended.out), (dict, list))


@pytest.mark.usefixtures("small_phantoms")
@pytest.mark.parametrize("verb", sorted(set(VERBS) - RUNS_ON - LISTS))
def test_quiet_prints_the_last_result_and_nothing_else(
    say: Say, call: Callable[[str], tuple[object, ...]], verb: str
) -> None:
    ended = say(verb, *call(verb), "--quiet")
    assert ended.code == 0
    assert len(ended.out.splitlines()) <= 1
    assert not [
        line for line in ended.err.splitlines() if not line.startswith("saywhere: ")
    ]  # warnings and errors are told
