"""PyTorch's runtime: what reaches the device, half precision, and devices that are not here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import saywhere
from saywhere.errors import UsageError
from saywhere.evaluation.calibrate import calibrate
from saywhere.evaluation.evaluate import evaluate
from saywhere.evaluation.probes.halves import probe_halves
from saywhere.evaluation.probes.invariance import probe_invariance
from saywhere.evaluation.probes.mosaic import probe_mosaic
from saywhere.inference.runtimes.pytorch import TorchRuntime
from saywhere.inference.segmenter import Segmenter
from saywhere.serve.models import open_models

PROMPT = "the lesion in the upper left"


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def picture(pictures: Path) -> Path:
    return pictures / "one/a.png"


@pytest.mark.usefixtures("no_gpu")
def test_everything_that_loads_a_model_refuses_a_device_that_is_not_here(
    trained: Path, tmp_path: Path
) -> None:
    loads: list[Any] = [
        lambda: saywhere.load(trained, device="cuda"),
        lambda: evaluate(trained, device="cuda", out=tmp_path),
        lambda: calibrate(trained, device="cuda"),
        lambda: probe_invariance(trained, tmp_path, device="cuda"),
        lambda: probe_mosaic(trained, tmp_path, device="cuda"),
        lambda: probe_halves(trained, tmp_path, device="cuda"),
        lambda: open_models([trained], "cuda"),
    ]
    for load in loads:
        with pytest.raises(UsageError, match="torch finds no NVIDIA GPU here"):
            load()


def test_half_precision_stays_near_and_is_another_model(trained: Path, picture: Path) -> None:
    whole = saywhere.load(trained)
    half = saywhere.load(trained, runtime="torch-bfloat16")
    one = whole.segment(picture, PROMPT)
    other = half.segment(picture, PROMPT)
    assert other.probability.dtype == np.float32
    change = np.abs(one.probability - other.probability).max()
    assert 0 < change < 0.03, "bfloat16 keeps eight bits"
    # A folder that was predicted in one is not taken for done in the other.
    assert whole.digest != half.digest
    assert whole.digest == saywhere.load(trained, device="cpu").digest


def test_a_callers_autocast_does_not_change_the_answer(trained: Path, picture: Path) -> None:
    segmenter = saywhere.load(trained)
    alone = segmenter.segment(picture, PROMPT).probability
    with torch.autocast("cpu", torch.bfloat16):
        within = segmenter.segment(picture, PROMPT).probability
    assert np.array_equal(alone, within)


def test_a_gpu_gets_bytes_from_pinned_memory_and_the_rest_is_done_there(
    trained: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The GPU's path, with copies that stay on the CPU."""
    segmenter = Segmenter(trained, device="cpu")
    expected = segmenter.segment(picture, PROMPT).probability
    runtime = segmenter.runtime
    assert isinstance(runtime, TorchRuntime)
    placed: list[tuple[torch.dtype, bool, object]] = []
    original = torch.Tensor.to

    def to(tensor: torch.Tensor, *to: Any, **how: Any) -> torch.Tensor:
        if to == (torch.device("cuda:0"),):
            placed.append((tensor.dtype, tensor in pinned, how.get("non_blocking")))
            return tensor
        return original(tensor, *to, **how)

    class Pinned(list[torch.Tensor]):
        def __contains__(self, tensor: object) -> bool:
            return any(one is tensor for one in self)

    pinned = Pinned()
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda one: pinned.append(one) or one)
    monkeypatch.setattr(torch.Tensor, "to", to)
    monkeypatch.setattr(torch, "autocast", lambda kind, *rest, **how: torch.no_grad())
    monkeypatch.setattr(runtime, "device", torch.device("cuda:0"))
    answer = segmenter.segment(picture, PROMPT).probability
    assert placed == [(torch.uint8, True, True), (torch.float32, True, True)]
    assert np.array_equal(answer, expected)


def test_a_prepared_picture_is_decoded_and_resized_once(
    trained: Path, picture: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segmenter = Segmenter(trained)
    prompts = ["upper left", "lower right"]
    fresh = [segmenter.segment(picture, prompt) for prompt in prompts]
    prepared = segmenter.prepare(picture)
    assert np.array_equal(prepared.pixels, np.asarray(Image.open(picture)).reshape(32, 32, -1))

    def never(*_: object) -> None:
        raise AssertionError("it was decoded before")

    monkeypatch.setattr("saywhere.inference.prepared.as_located", never)
    for prompt, result in zip(prompts, fresh):
        again = segmenter.segment(prepared, prompt)
        assert np.array_equal(again.probability, result.probability)
        assert np.array_equal(again.image, result.image)
