"""`16-mixed` scales the loss, so that small gradients do not vanish: clipping, a step passed over,
and resuming must know of it.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision

from saywhere.config import Config, TrainConfig
from saywhere.runs import checkpoint
from saywhere.training import trainer
from saywhere.training.trainer import Loop, train

SCALE = 2.0**10


@pytest.fixture
def half(config: Config, monkeypatch: pytest.MonkeyPatch) -> Config:
    """The small run in `16-mixed`, by a scaler that works without a GPU."""

    def launch(config: TrainConfig) -> Fabric:
        scaler = torch.amp.GradScaler("cpu", init_scale=SCALE)
        fabric = Fabric(
            accelerator="cpu", devices=1, plugins=[MixedPrecision("16-mixed", "cpu", scaler=scaler)]
        )
        fabric.launch()
        return fabric

    monkeypatch.setattr(trainer, "launch", launch)
    return config.replace(**{"train.precision": "16-mixed", "train.threads": 1})


def first_norms(config: Config, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    norms: list[float] = []
    step = Loop.step

    def noted(self: Loop, number: int, batch: Any) -> Any:
        parts, norm = step(self, number, batch)
        norms.append(float(norm))
        return parts, norm

    monkeypatch.setattr(Loop, "step", noted)
    train(config, folder)
    monkeypatch.setattr(Loop, "step", step)
    return norms


def test_the_gradient_is_clipped_at_its_own_norm_not_at_the_scaled_one(
    half: Config, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = first_norms(half, tmp_path / "half", monkeypatch)
    monkeypatch.undo()
    wanted = first_norms(config.replace(**{"train.threads": 1}), tmp_path / "full", monkeypatch)
    assert found[0] == pytest.approx(wanted[0], rel=0.02)


def test_a_step_whose_gradient_overflows_is_passed_over_and_the_scale_falls(
    half: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backward = Fabric.backward
    steps = iter(range(1000))

    def overflowing(self: Fabric, loss: torch.Tensor, *more: Any, **options: Any) -> None:
        backward(self, loss * float("inf") if next(steps) == 1 else loss, *more, **options)

    monkeypatch.setattr(Fabric, "backward", overflowing)
    train(half, tmp_path / "run")
    saved = checkpoint.load(tmp_path / "run/checkpoints/last")
    assert saved.state["loss_scale"]["scale"] == SCALE / 2
    assert json.loads((tmp_path / "run/run.json").read_text())["status"] == "finished"
    assert {float(value) for name, value in saved.optimizer.items() if name.endswith(".step")} == {
        saved.state["step"] - 1.0
    }


def test_a_resumed_run_goes_on_with_the_scale(half: Config, tmp_path: Path) -> None:
    def interrupt(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["step"] == 3:
            os.kill(os.getpid(), signal.SIGINT)

    straight = train(half, tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        train(half, tmp_path / "run", listen=interrupt)
    resumed = train(half, tmp_path / "run", resume=True)
    states = [checkpoint.load(run / "checkpoints/last").state for run in (straight, resumed)]
    assert states[0]["loss_scale"] == states[1]["loss_scale"]
    assert states[0]["loss_scale"]["_growth_tracker"] == states[0]["step"]
