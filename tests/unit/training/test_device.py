"""The device of a training: refused in plain words where this machine does not have it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from saywhere.config import Config, TrainConfig
from saywhere.errors import ConfigError
from saywhere.training import device
from saywhere.training.trainer import train


@pytest.mark.parametrize(("name", "kind"), [("cuda", "NVIDIA"), ("mps", "Apple")])
def test_a_device_that_is_missing_is_refused_by_name(
    name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    config = TrainConfig.model_validate({"device": name})
    with pytest.raises(ConfigError) as refused:
        device.check_device(config)
    assert str(refused.value).startswith(
        f"train.device is {name!r}, but torch finds no {kind} GPU here"
    )
    assert refused.value.allowed == "here it may be auto, cpu"
    assert refused.value.remedy == "set train.device to 'auto' or 'cpu', or see `saywhere doctor`"


def test_a_device_that_is_here_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for name in ("auto", "cpu", "cuda"):
        device.check_device(TrainConfig.model_validate({"device": name}))


def test_a_missing_device_ends_a_training_before_anything_is_read(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    nowhere = {"train.device": "cuda", "data.manifest": str(tmp_path / "none.jsonl")}
    with pytest.raises(ConfigError, match=r"train\.device is 'cuda'"):
        train(config.replace(**nowhere), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_half_precision_is_not_taken_for_another_on_a_processor(config: Config) -> None:
    half = config.replace(**{"train.device": "cpu", "train.precision": "16-mixed"})
    with pytest.raises(ConfigError) as refused:
        device.launch(half.train)
    assert str(refused.value) == (
        "train.device cpu with train.precision 16-mixed cannot be used here "
        "(16-mixed needs a GPU): set train.device to 'auto' or 'cpu', "
        "and train.precision to 'auto'"
    )
