"""NaN or infinity stops a training within a step, with a diagnostic, and never becomes `best`
(R10).
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from saywhere.config import Config
from saywhere.data.training_set import Batch, TrainingSet
from saywhere.errors import TrainingDiverged
from saywhere.runs.checkpoint import load
from saywhere.training.trainer import train


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`poison(step, part)`: this step's batch has one NaN in its image, mask or embedding."""
    batch = TrainingSet.batch

    def at(wanted: int, part: str) -> None:
        def poisoned(training: TrainingSet, step: int, number: int = 0) -> Batch:
            found = batch(training, step, number)
            if step != wanted:
                return found
            values = getattr(found, part).clone()
            values.view(-1)[0] = float("nan")
            return dataclasses.replace(found, **{part: values})

        monkeypatch.setattr(TrainingSet, "batch", poisoned)

    return at


@pytest.mark.parametrize(
    ("step", "part"), [(7, "image"), (8, "embedding"), (9, "mask"), (6, "image")]
)
def test_a_poisoned_batch_stops_it_and_best_stays(
    poison: Any, config: Config, tmp_path: Path, step: int, part: str
) -> None:
    poison(step, part)
    told: list[dict[str, Any]] = []
    with pytest.raises(
        TrainingDiverged,
        match=rf"loss nan, gradient norm .* at step {step + 1}; "
        r"loss and gradient must be finite: see .*diagnostic\.json",
    ):
        train(config, tmp_path / "run", listen=told.append)
    assert max(event["step"] for event in told if event["event"] == "step") <= step + 2
    diagnostic = json.loads((tmp_path / "run/diagnostic.json").read_text())
    assert diagnostic["step"] == step
    assert len(diagnostic["rows"]) == config.train.batch_size
    assert (diagnostic["image_is_finite"], diagnostic["embedding_is_finite"]) == (
        part != "image",
        part != "embedding",
    )
    assert json.loads((tmp_path / "run/run.json").read_text())["status"] == "failed"
    for name in ("best", "last"):
        saved = load(tmp_path / "run/checkpoints" / name)
        assert saved.state["epoch"] == 1
        assert all(torch.isfinite(value).all() for value in saved.model.values())


def test_the_last_step_of_all_is_watched_too(
    poison: Any, config: Config, tmp_path: Path, events: list[dict[str, Any]]
) -> None:
    n_steps = next(event["n_steps"] for event in events if event["event"] == "start")
    poison(n_steps - 1, "image")
    with pytest.raises(TrainingDiverged, match=f"at step {n_steps};"):
        train(config, tmp_path / "run")
    assert load(tmp_path / "run/checkpoints/last").state["epoch"] == 1


def test_ctrl_c_in_a_broken_step_does_not_save_it(
    poison: Any, config: Config, tmp_path: Path
) -> None:
    import os
    import signal

    poison(7, "image")

    def interrupt(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["step"] == 8:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(TrainingDiverged):
        train(config, tmp_path / "run", listen=interrupt)
    assert load(tmp_path / "run/checkpoints/last").state["step"] == 6


@pytest.mark.parametrize("steps_per_epoch", [1, 4])
@pytest.mark.parametrize("select", ["dice_mean", "loss"])
def test_a_learning_rate_beyond_reason_is_told_and_leaves_no_broken_best(
    config: Config, tmp_path: Path, steps_per_epoch: int, select: str
) -> None:
    changes = {
        "optimizer.learning_rate": 1e30,
        "optimizer.schedule": "constant",
        "train.steps_per_epoch": steps_per_epoch,
        "train.select": select,
    }
    with pytest.raises(TrainingDiverged, match=r"try a smaller optimizer\.learning_rate"):
        train(config.replace(**changes), tmp_path / "run")
    assert (tmp_path / "run/diagnostic.json").is_file()
    assert not (tmp_path / "run/checkpoints/best/checkpoint.safetensors").exists()


def test_on_the_command_line_it_is_one_sentence_and_exit_1(
    children: Any, toml: Path, tmp_path: Path
) -> None:
    ended = children.run(
        "train", toml, "--out", tmp_path / "run", "--set", "optimizer.learning_rate=1e30"
    )
    assert ended.code == 1
    assert ended.err.strip().splitlines()[-1].startswith("saywhere: ")
    assert "diagnostic.json" in ended.err
    assert "Traceback" not in ended.err
