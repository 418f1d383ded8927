"""The running average of the weights: its numbers, and that a training keeps and resumes it."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from saywhere.config import Config
from saywhere.errors import BadCheckpoint, UsageError
from saywhere.runs import checkpoint
from saywhere.training.running_average import RunningAverage
from saywhere.training.trainer import train
from small_run import once


class Stopped(Exception):
    """Thrown by a listener, as a crash would be."""


@pytest.fixture(scope="session")
def averaging(config: Config) -> Config:
    return config.replace(**{"train.average": 0.5})


@pytest.fixture(scope="session")
def averaged(averaging: Config, shared: Path) -> Path:
    return once("averaged", lambda: train(averaging, shared / "averaged"))


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(one[name], value) for name, value in other.items()
    )


@pytest.mark.parametrize("decay", [0.3, 0.999])
def test_it_is_the_average_by_its_formula_statistics_of_norms_too(decay: float) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3))
    first = copy.deepcopy(model.state_dict())
    average = RunningAverage(model, decay)
    assert equal(average.module.state_dict(), first)
    wanted: dict[str, torch.Tensor] = {}
    for n in range(5):
        with torch.no_grad():
            for value in model.parameters():
                value.add_(torch.randn_like(value))
        model(torch.randn(2, 2, 8, 8))
        average.follow(model)
        stays = min(decay, (1 + n) / (10 + n)) if n else 0.0
        now = model.state_dict()
        wanted = {
            name: stays * wanted.get(name, value).double() + (1 - stays) * value.double()
            for name, value in now.items()
        }
    counted = average.module.state_dict()
    assert int(counted["1.num_batches_tracked"]) == 5  # no average of counts
    for name in ("0.weight", "0.bias", "1.weight", "1.running_mean", "1.running_var"):
        torch.testing.assert_close(counted[name], wanted[name].float())
        assert not torch.equal(counted[name], model.state_dict()[name])


def test_the_average_is_kept_and_the_training_is_not_disturbed(
    trained: Path, averaged: Path
) -> None:
    plain = checkpoint.load(trained / "checkpoints/last")
    last = checkpoint.load(averaged / "checkpoints/last")
    assert equal(last.model, plain.model)
    assert equal(last.optimizer, plain.optimizer)
    assert plain.average == {}
    assert last.average.keys() == last.model.keys()
    assert not equal(last.average, last.model)
    best = checkpoint.load(averaged)
    assert best.average == {}
    assert best.optimizer == {}
    assert not equal(best.model, checkpoint.load(trained).model)


def test_the_average_of_the_best_epoch_is_the_model(averaging: Config, tmp_path: Path) -> None:
    run = train(averaging.replace(**{"train.epochs": 1}), tmp_path / "run")
    assert equal(checkpoint.load(run).model, checkpoint.load(run / "checkpoints/last").average)


@pytest.mark.parametrize("step", [1, 5])
def test_it_is_resumed_to_the_bit(
    averaged: Path, averaging: Config, tmp_path: Path, step: int
) -> None:
    def listen(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["step"] == step:
            raise Stopped

    with pytest.raises(Stopped):
        train(averaging, tmp_path / "run", listen=listen)
    train(averaging, tmp_path / "run", resume=True)
    for name in ("last", "best"):
        place = f"checkpoints/{name}/checkpoint.safetensors"
        assert (tmp_path / "run" / place).read_bytes() == (averaged / place).read_bytes()


def test_a_checkpoint_without_it_is_refused(
    averaged: Path, averaging: Config, tmp_path: Path
) -> None:
    import shutil

    shutil.copytree(averaged, tmp_path / "run")
    last = tmp_path / "run/checkpoints/last"
    saved = checkpoint.load(last)
    state: Any = {**saved.state, "step": saved.state["step"] - 1}
    checkpoint.write(last, replace(saved, state=state, average={}))
    with pytest.raises(BadCheckpoint, match=r"no running average of the weights, which train\.av"):
        train(averaging, tmp_path / "run", resume=True)


@pytest.mark.parametrize("decay", [1.0, -0.1])
def test_a_decay_that_is_none_is_refused(config: Config, decay: float) -> None:
    with pytest.raises(UsageError, match=r"train\.average"):
        config.replace(**{"train.average": decay})
