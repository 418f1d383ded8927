"""A bar on a terminal, plain lines in a log, nothing when quiet."""

from __future__ import annotations

from pathlib import Path

import pytest

from saywhere.cli.progress import (
    SPREAD,
    CaseProgress,
    TrainingProgress,
    next_step,
    warn,
    warn_of_unfinished,
)

EVENTS = [
    {"event": "stage", "message": "decoding [all]"},
    {
        "event": "start",
        "run": "runs/a",
        "n_steps": 4,
        "step": 0,
        "n_epochs": 2,
        "rows": {"train": 8, "validation": 2},
    },
    {"event": "step", "step": 1, "n_steps": 4},
    {"event": "warning", "message": "the [bold]words[/bold] are not heard"},
    {
        "event": "epoch",
        "epoch": 1,
        "loss": 1.5,
        "val_dice_mean": 0.25,
        "spread": None,
        "learning_rate": 1e-3,
        "phases": {"data": 1.0, "forward": 3.0, "backward": 6.0, "saving": 0.0},
        "seconds_left": 300.0,
    },
    {"event": "end", "run": "runs/a", "seconds": 3.4, "best": 0.25},
]


def tell(progress: TrainingProgress) -> None:
    with progress:
        for event in EVENTS:
            progress(event)


def test_a_log_gets_plain_lines_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    tell(TrainingProgress())
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "decoding [all]",
        "runs/a: 8 training rows, 2 for validation, 4 steps",
        "warning: the [bold]words[/bold] are not heard",
        "epoch 1: loss 1.5000 · val_dice_mean 0.2500 · 5 min left",
        "finished in 3 s, best on validation 0.2500",
        "where the time went: backward 60% · forward 30% · data 10%",
    ]


def test_a_finished_run_that_is_resumed_says_that_nothing_is_done(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = TrainingProgress()
    with progress:
        for event in EVENTS:
            if event["event"] == "start":
                progress({**event, "step": event["n_steps"]})
            elif event["event"] == "end":
                progress(event)
    assert capsys.readouterr().err.splitlines() == [
        "runs/a is finished: nothing is done; start another run from it with `--from runs/a`"
    ]
    assert progress.best == 0.25


def test_a_terminal_gets_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    tell(TrainingProgress())
    err = capsys.readouterr().err
    assert "getting ready" in err
    assert "epoch 1/2 · step 1/2" in err
    assert "\x1b[" in err


@pytest.mark.parametrize(
    ("step", "where"),
    [
        (0, "epoch 1/2 · step 0/50"),
        (1, "epoch 1/2 · step 1/50"),
        (50, "epoch 1/2 · step 50/50"),
        (51, "epoch 2/2 · step 1/50"),
        (100, "epoch 2/2 · step 50/50"),
    ],
)
def test_the_bar_says_which_step_of_which_epoch_it_is(
    step: int, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with TrainingProgress() as progress:
        progress({**EVENTS[1], "n_steps": 100})
        progress({"event": "step", "step": step, "n_steps": 100})
        (task,) = progress.bar.tasks
        assert (task.description, task.completed, task.total) == (where, step, 100)


def test_the_steps_of_the_text_branch_are_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with TrainingProgress() as progress:
        progress({"event": "stage", "message": "first 300 steps of the text branch alone"})
        (stage,) = progress.bar.tasks
        assert (stage.description, stage.total) == ("getting ready", None)
        progress({"event": "text_step", "step": 7, "n_steps": 300})
        (task,) = progress.bar.tasks
        assert (task.description, task.completed, task.total) == ("text branch", 7, 300)


def test_before_the_first_step_the_run_is_known_once_it_is_made() -> None:
    with TrainingProgress(quiet=True) as progress:
        progress({"event": "stage", "message": "decoding", "run": ""})
        assert progress.run is None
        progress({"event": "stage", "message": "building the model", "run": "runs/a"})
        progress({"event": "stage", "message": "first 300 steps", "run": ""})
        assert progress.run == "runs/a"


def test_spread_is_explained_once_where_it_is_first_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with TrainingProgress() as progress:
        progress(EVENTS[1])
        for epoch in (1, 2):
            progress({**EVENTS[4], "epoch": epoch, "spread": 0.05})
    lines = capsys.readouterr().err.splitlines()
    assert lines[2:] == [
        SPREAD,
        "epoch 2: loss 1.5000 · val_dice_mean 0.2500 · spread 0.0500 · 5 min left",
    ]


def test_the_next_step_is_a_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    next_step("saywhere evaluate runs/a")
    assert capsys.readouterr() == ("", "next: saywhere evaluate runs/a\n")


def test_who_uses_the_weights_of_an_unfinished_training_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "run/checkpoints/best/checkpoint.safetensors"
    weights.parent.mkdir(parents=True)
    weights.touch()
    (tmp_path / "run/run.json").write_text('{"status": "finished"}')
    warn_of_unfinished(tmp_path / "run")
    assert capsys.readouterr().err == ""
    (tmp_path / "run/run.json").write_text('{"status": "interrupted"}')
    warn_of_unfinished(tmp_path / "run")
    assert capsys.readouterr().err == (
        f"saywhere: {tmp_path / 'run'}: the training was interrupted; "
        f"`saywhere train --resume {tmp_path / 'run'}` goes on\n"
    )


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    tell(TrainingProgress(quiet=True))
    with CaseProgress("cases", total=3, quiet=True) as advance:
        advance(1)
    assert capsys.readouterr() == ("", "")


def test_it_knows_the_run_that_may_be_resumed() -> None:
    progress = TrainingProgress(quiet=True)
    assert progress.run is None
    tell(progress)
    assert progress.run == "runs/a"


def test_a_count_of_cases_leaves_a_log_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with CaseProgress("cases", total=3) as advance:
        advance(3)
    assert capsys.readouterr().out == ""


def test_a_warning_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    warn("look here")
    assert capsys.readouterr() == ("", "saywhere: look here\n")


def test_a_fine_tuning_shows_its_start_and_its_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    with TrainingProgress() as progress:
        progress({"event": "before", "val_dice_mean": 0.81, "val_loss": 0.4})
        tuned = {"fine_tuning": {"verdict": "Dice before 0.810, after 0.840 on 8 images: few"}}
        progress(EVENTS[-1] | tuned)
    assert capsys.readouterr().err.splitlines() == [
        "before the first step: val_dice_mean 0.8100",
        "finished in 3 s, best on validation 0.2500",
        "Dice before 0.810, after 0.840 on 8 images: few",
    ]


def test_training_rows_that_stand_in_for_validation_are_called_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    start = {**EVENTS[1], "rows": {"train": 8, "validation": 8}, "are_held_out": False}
    with TrainingProgress() as progress:
        progress(start)
    assert "8 training rows, 8 of them for validation, 4 steps" in capsys.readouterr().err
