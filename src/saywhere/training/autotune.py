"""`train.precision = "auto"`, `train.threads = 0`: measure a few steps of this very training, and take what is fastest on this machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import torch

from saywhere.config import Config
from saywhere.training.device import limit_threads

TimeStep = Callable[[int], float]
"""Runs one training step of this number; returns its seconds."""
Prepare = Callable[[Config], TimeStep]
"""Makes ready to run steps under a configuration."""
_ROUNDS = 3  # the first warms up
_FAR_BEHIND = 3.0  # times the fastest of a round
_SLOW = 2.0  # times a convolution in float32


def choose(config: Config, prepare: Prepare) -> Config:
    """The configuration with what was left open settled, so that a resumed run takes the same.

    Args:
        config: as it was asked for; what it fixes is not tried.
        prepare: makes ready to time steps of a training under a configuration.
    Raises:
        RuntimeError: where no choice can be run here.
    """
    n_threads = limit_threads(config.train)
    if config.train.precision == "auto":
        precisions = ("32-true", "bf16-mixed") if knows_bfloat16(config) else ("32-true",)
        choices: list[dict[str, Any]] = [
            {"train.precision": precision, "train.channels_last": channels_last}
            for precision in precisions
            for channels_last in (True, False)
        ]
        config = config.replace(**_fastest(choices, config, prepare))
    if not config.train.threads:
        numbers = sorted({n_threads, max(1, n_threads // 2)}, reverse=True)
        choices = [{"train.threads": number} for number in numbers]
        chosen = _fastest(choices, config, prepare) if len(choices) > 1 else choices[0]
        config = config.replace(**chosen)
        torch.set_num_threads(config.train.threads)
    return config


def what_is_tried(config: Config) -> str:
    """For people who wait."""
    tried = [
        key
        for key, is_open in (
            ("precision", config.train.precision == "auto"),
            ("threads", not config.train.threads),
        )
        if is_open
    ]
    return f", and trying a few steps for the fastest {' and '.join(tried)}" if tried else ""


def knows_bfloat16(config: Config) -> bool:
    """Is a convolution, there and back, about as fast in bfloat16 as in float32? Asked first, in a second or so.

    On a processor without instructions for it a training step takes ten times as long, and the trial of all settings took minutes.
    """
    if config.train.device != "cpu" and (
        torch.cuda.is_available() or torch.backends.mps.is_available()
    ):
        return True
    convolution, image = torch.nn.Conv2d(64, 64, 3, padding=1), torch.zeros(2, 64, 64, 64)
    best = {False: math.inf, True: math.inf}
    for _ in range(_ROUNDS):
        for is_half in best:
            started = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=is_half):
                convolution(image).float().sum().backward()
            best[is_half] = min(best[is_half], time.perf_counter() - started)
    return best[True] <= _SLOW * best[False]


def _fastest(choices: list[dict[str, Any]], config: Config, prepare: Prepare) -> dict[str, Any]:
    """Steps of all choices in turn, so that a busy moment strikes them alike; each choice's best time counts.

    A choice that this machine has no kernel or no memory for is left out; where none is left, what
    it raised passes. One that is far behind in a round is not tried again (bfloat16 is 10 times
    slower than float32 on a processor that does not know it).
    """
    timers: dict[int, TimeStep] = {}
    best = dict.fromkeys(range(len(choices)), math.inf)
    for step in range(_ROUNDS):
        took: dict[int, float] = {}
        for number in best:
            try:
                if number not in timers:
                    timers[number] = prepare(config.replace(**choices[number]))
                took[number] = timers[number](step)
            except RuntimeError:
                if not took and number == max(best):
                    raise
        limit = _FAR_BEHIND * min(took.values())
        near = {number: seconds for number, seconds in took.items() if seconds <= limit}
        best = {
            number: min(best[number], seconds if step else math.inf)
            for number, seconds in near.items()
        }
        timers = {number: timers[number] for number in near}
    return choices[min(best, key=best.__getitem__)]
