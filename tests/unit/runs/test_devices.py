"""Devices: one place finds them, and says in words which there are."""

from __future__ import annotations

import pytest
import torch

from saywhere.errors import ConfigError, UsageError
from saywhere.runs import devices


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "CPU", "", "cuda:1 ", "cuda:٣"])
def test_what_is_no_device_is_refused_in_words(name: str) -> None:
    with pytest.raises(UsageError) as refused:
        devices.find(name, "--device")
    assert str(refused.value).startswith(f"--device is {name!r}, which is no device; auto, cpu,")


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize(
    ("name", "kind"), [("cuda", "NVIDIA"), ("cuda:1", "NVIDIA"), ("mps", "Apple")]
)
def test_a_device_that_is_not_here_is_refused_with_those_that_are(name: str, kind: str) -> None:
    with pytest.raises(UsageError) as refused:
        devices.find(name)
    assert str(refused.value).startswith(f"device is {name!r}, but torch finds no {kind} GPU here")
    assert refused.value.allowed == "here it may be auto, cpu"
    assert "saywhere doctor" in str(refused.value.remedy)


@pytest.mark.usefixtures("no_gpu")
def test_auto_is_the_processor_where_there_is_nothing_faster() -> None:
    assert devices.find("auto") == devices.find("cpu") == torch.device("cpu")


@pytest.mark.usefixtures("two_gpus")
def test_gpus_are_numbered_and_auto_takes_the_first() -> None:
    assert devices.available()[:3] == ["cpu", "cuda:0", "cuda:1"]
    assert devices.find("auto") == devices.find("cuda:0") == torch.device("cuda:0")
    assert devices.find("cuda") == torch.device("cuda")
    assert devices.find("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ConfigError) as refused:
        devices.find("cuda:2", "train.device", ConfigError)
    assert "torch finds 2 NVIDIA GPUs here, numbered from 0" in str(refused.value)
    assert str(refused.value.allowed).startswith("here it may be auto, cpu, cuda, cuda:1")


def test_auto_is_apples_gpu_where_that_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert devices.find("auto") == torch.device("mps")
