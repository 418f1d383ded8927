"""A prediction beside the naive one: seconds a picture, and what they go to."""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from saywhere.bench.alternating import SecondsRecord, alternate, ratio
from saywhere.bench.clock import Clock, watching
from saywhere.bench.measured_machine import waiter
from saywhere.bench.naive_training import encoding, read_image
from saywhere.hub import onnx
from saywhere.inference import onnx_files
from saywhere.inference.batch import run_jobs
from saywhere.inference.requests import Job
from saywhere.inference.segmenter import Segmenter, load

Pair = tuple[Path, str]
"""A picture's file, and a prompt."""


class PredictionRecord(TypedDict):
    """Predictions, as the result file has them."""

    model: str
    network: str
    size: int
    runtime: str
    pictures: int
    picture_s: dict[str, SecondsRecord]
    """way → seconds of a picture"""
    ratio: dict[str, float]
    """naive by ours: of one picture, and of a folder"""
    pictures_per_s: float
    profile_s: dict[str, dict[str, float]]
    """ours and naive → phase → seconds of a picture"""


class NaivePrediction:
    """The naive way: each picture is opened, its prompt encoded, the network run in float32."""

    def __init__(self, segmenter: Segmenter, device: torch.device, clock: Clock) -> None:
        """Copy the model.

        Args:
            segmenter: the model; it stays as it is.
            device: where the naive way computes.
            clock: times the phases.
        """
        model = copy.deepcopy(segmenter.model).float().to(device)
        # As it is built, and as nobody changes it.
        plain = torch.contiguous_format
        self.model = model.to(memory_format=plain).eval()  # type: ignore[call-overload]
        self.encode = encoding(copy.deepcopy(segmenter.encoder), device)
        data = segmenter.config.data
        self.size = (data.size, data.size)
        self.channels = data.channels
        self.device, self.clock = device, clock

    @torch.no_grad()
    def mask(self, path: Path, prompt: str) -> Tensor:
        """Segment a picture: bool (height, width), original frame."""
        with self.clock.phase("decode"):
            width, height = Image.open(path).size
            image = read_image(path, self.size, self.channels)[None].to(self.device)
        with self.clock.phase("encode"):
            embedding = self.encode([prompt])
        logits = self.model(image, embedding).logits
        with self.clock.phase("resize"):
            probability = interpolate(logits.sigmoid(), (height, width), mode="bilinear")
            return (probability[0, 0] > 0.5).cpu()

    def write(self, mask: Tensor, path: Path) -> None:
        """Write a mask as a PNG."""
        with self.clock.phase("write"):
            Image.fromarray(mask.numpy().astype(np.uint8) * 255).save(path)


def measure(
    model: str, pairs: Sequence[Pair], rounds: int, device: torch.device
) -> PredictionRecord:
    """Time single pictures in a loaded model, and a folder, both ways in turn.

    Args:
        model: a run or a model's name; it reads words.
        pairs: pictures with prompts.
        rounds: of all ways in turn.
        device: where both compute.

    Returns:
        What was measured, as the result file has it.
    """
    # As `saywhere predict --runtime auto` does: whichever is fastest on this machine, and ONNX
    # Runtime among them where it can be had.
    if device.type == "cpu" and onnx_files.can_export():
        onnx.keep(Path(model))
    segmenter = load(model, device=str(device), runtime="auto")
    # The naive way gives no pseudo-image either.
    segment = partial(segmenter.segment, pseudo_images=False)
    clocks = {name: Clock(waiter(device)) for name in ("ours", "naive")}
    naive = NaivePrediction(load(model, device=str(device)), device, clocks["naive"])
    ways: dict[str, Callable[[], list[float]]] = {
        "naive, one": lambda: _each(pairs, naive.mask),
        "ours, one": lambda: _each(pairs, segment),
        "naive, folder": lambda: _folder(pairs, lambda out: _naive_folder(naive, pairs, out)),
        "ours, folder": lambda: _folder(pairs, lambda out: _our_folder(segmenter, pairs, out)),
    }
    for take in ways.values():
        take()  # the first round warms up
    seconds = alternate(ways, rounds)
    _profile(clocks["ours"], ways["ours, folder"])
    clocks["naive"].seconds.clear()
    _profile(clocks["naive"], ways["naive, folder"])
    return {
        "model": model,
        "network": segmenter.config.network.name,
        "size": segmenter.config.data.size,
        "runtime": segmenter.runtime.name,
        "pictures": len(pairs),
        "picture_s": {name: taken.to_json() for name, taken in seconds.items()},
        "ratio": {
            "one": ratio(seconds["naive, one"], seconds["ours, one"]),
            "folder": ratio(seconds["naive, folder"], seconds["ours, folder"]),
        },
        "pictures_per_s": round(1 / seconds["ours, folder"].median, 1),
        "profile_s": {name: _shares(clock, len(pairs)) for name, clock in clocks.items()},
    }


def _each(pairs: Sequence[Pair], segment: Callable[[Path, str], Any]) -> list[float]:
    seconds = []
    for path, prompt in pairs:
        started = time.perf_counter()
        segment(path, prompt)
        seconds.append(time.perf_counter() - started)
    return seconds


def _folder(pairs: Sequence[Pair], write: Callable[[Path], Any]) -> list[float]:
    """From call to end, by the number of pictures."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        write(Path(folder))
        return [(time.perf_counter() - started) / len(pairs)]


def _our_folder(segmenter: Segmenter, pairs: Sequence[Pair], out: Path) -> None:
    jobs = [Job(path, prompt, f"{number}") for number, (path, prompt) in enumerate(pairs)]
    outcome = run_jobs(segmenter, jobs, out, save="mask")
    assert len(outcome.predictions) == len(pairs)


def _naive_folder(naive: NaivePrediction, pairs: Sequence[Pair], out: Path) -> None:
    for number, (path, prompt) in enumerate(pairs):
        naive.write(naive.mask(path, prompt), out / f"{number}.png")


def _profile(clock: Clock, take: Callable[[], Any]) -> None:
    with watching(clock):
        take()


def _shares(clock: Clock, n_pictures: int) -> dict[str, float]:
    """Seconds of each phase a picture, over all threads; the longest first."""
    phases = sorted(clock.seconds.items(), key=lambda phase: -phase[1])
    return {name: float(f"{seconds / n_pictures:.3g}") for name, seconds in phases}
