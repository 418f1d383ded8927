"""How long a step of a training takes: what `autotune` compares."""

from __future__ import annotations

import time

from saywhere.training.autotune import TimeStep
from saywhere.training.device import limit_threads
from saywhere.training.loop import Loop


def time_steps(loop: Loop) -> TimeStep:
    """Make ready to time steps of a training on its first batch.

    Args:
        loop: of a model that is thrown away afterwards.

    Returns:
        Step number → seconds. Nothing is written.
    """
    batch = loop.material.training.batch(0)

    def seconds_of(step: int) -> float:
        # Each time: choices are timed in turn, and each may have its own number.
        limit_threads(loop.config.train)
        started = time.perf_counter()
        # The move counts: a memory format that must be converted to costs time.
        losses, _ = loop.step(step, loop.to_device(batch))
        # A GPU works on after the call: wait for it.
        losses.tolist()
        return time.perf_counter() - started

    return seconds_of
