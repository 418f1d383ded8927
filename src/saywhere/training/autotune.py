"""`train.precision = "auto"`, `train.threads = 0`: time a few steps of this very training, and take
what is fastest on this machine.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TypedDict

import torch

from saywhere.config import TrainConfig
from saywhere.training.device import limit_threads

TimeStep = Callable[[int], float]
"""Runs one training step of this number; returns its seconds."""
Prepare = Callable[[TrainConfig], TimeStep]
"""Makes ready to run steps under a configuration."""


class Choice(TypedDict, total=False):
    """Keys of `[train]` with the values that are tried."""

    precision: str
    channels_last: bool
    threads: int


_ROUNDS = 3
"""Steps that each choice is given at most; the first warms up."""
_FAR_BEHIND = 3.0
"""A choice that takes this many times the fastest one's seconds is not tried again."""
_SLOW = 2.0
"""bfloat16 is tried where a convolution takes at most this many times as long as in float32."""


def choose(config: TrainConfig, prepare: Prepare) -> TrainConfig:
    """Settle what was left open, so that a resumed run takes the same.

    Args:
        config: as it was given; what it fixes is not tried.
        prepare: makes ready to time steps of a training under a configuration.

    Returns:
        The configuration with precision, memory format and threads settled.

    Raises:
        RuntimeError: where no choice can be run on this machine.
    """
    n_threads = limit_threads(config)
    if config.precision == "auto":
        config = config.model_copy(update=_fastest(_precisions(config), config, prepare))
    if not config.threads:
        numbers = sorted({n_threads, max(1, n_threads // 2)}, reverse=True)
        choices: list[Choice] = [{"threads": number} for number in numbers]
        chosen = _fastest(choices, config, prepare) if len(choices) > 1 else choices[0]
        config = config.model_copy(update=chosen)
        # The last trial left its own number set.
        torch.set_num_threads(config.threads)
    return config


def _precisions(config: TrainConfig) -> list[Choice]:
    names = ("32-true", "bf16-mixed") if knows_bfloat16(config) else ("32-true",)
    return [
        {"precision": name, "channels_last": channels_last}
        for name in names
        for channels_last in (True, False)
    ]


def what_is_tried(config: TrainConfig) -> str:
    """Name what `choose` will time, for people who wait.

    Args:
        config: as it was given.

    Returns:
        A clause that begins with a comma; empty where nothing is open.
    """
    tried = []
    if config.precision == "auto":
        tried.append("precision")
    if not config.threads:
        tried.append("threads")
    return f", and trying a few steps for the fastest {' and '.join(tried)}" if tried else ""


def knows_bfloat16(config: TrainConfig) -> bool:
    """Measure whether a convolution, there and back, is about as fast in bfloat16 as in float32.

    It takes a second or so. On a processor without instructions for bfloat16 a training step takes
    ten times as long, and a trial of all settings would take minutes.

    Args:
        config: its `device` is looked at.

    Returns:
        True where bfloat16 is worth a trial; on a GPU always.
    """
    has_gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    if config.device != "cpu" and has_gpu:
        return True
    convolution = torch.nn.Conv2d(64, 64, 3, padding=1)
    image = torch.zeros(2, 64, 64, 64)
    best = {False: math.inf, True: math.inf}
    for _ in range(_ROUNDS):
        for is_half in best:
            started = time.perf_counter()
            with torch.autocast("cpu", torch.bfloat16, enabled=is_half):
                convolution(image).float().sum().backward()
            best[is_half] = min(best[is_half], time.perf_counter() - started)
    return best[True] <= _SLOW * best[False]


def _fastest(choices: list[Choice], config: TrainConfig, prepare: Prepare) -> Choice:
    """Time the choices in turn, so that a busy moment strikes them alike; each one's best counts.

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
                # Inside of the try: to build a model may already take too much memory.
                if number not in timers:
                    timers[number] = prepare(config.model_copy(update=choices[number]))
                took[number] = timers[number](step)
            except RuntimeError:
                # None of them ran, so there is nothing to fall back on.
                if not took and number == max(best):
                    raise
        limit = _FAR_BEHIND * min(took.values())
        near = {number: seconds for number, seconds in took.items() if seconds <= limit}
        # The first round warms up: it may drop a choice, but is no choice's best.
        best = {
            number: min(best[number], seconds if step else math.inf)
            for number, seconds in near.items()
        }
        # A choice that is out gives back the memory of its model.
        timers = {number: timers[number] for number in near}
    return choices[min(best, key=best.__getitem__)]
