"""How long a step of a training takes: what `autotune` compares."""

from __future__ import annotations

import time
from pathlib import Path

from saywhere.config import Config
from saywhere.runs.directory import Run
from saywhere.training.autotune import TimeStep
from saywhere.training.device import launch, limit_threads
from saywhere.training.loop import Loop
from saywhere.training.setup import Material


def time_steps(config: Config, material: Material) -> TimeStep:
    """Make ready to time steps of a training on its first batch.

    Args:
        config: what the training would run with.
        material: its rows, prompts and scale.

    Returns:
        Step number → seconds. The model is built, and nothing is written.
    """
    # The other start takes seconds to compute, and a step takes as long after either.
    plain = config.replace(**{"fusion.start": "default"})
    loop = Loop(plain, material, Run(Path()), launch(config.train), lambda event: None)
    batch = material.training.batch(0)

    def seconds_of(step: int) -> float:
        # Each time: choices are timed in turn, and each may have its own number.
        limit_threads(config.train)
        started = time.perf_counter()
        # The move counts: a memory format that must be converted to costs time.
        losses, _ = loop.step(step, loop.to_device(batch))
        # A GPU works on after the call: wait for it.
        losses.tolist()
        return time.perf_counter() - started

    return seconds_of
