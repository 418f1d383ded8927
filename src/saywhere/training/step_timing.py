"""How long a step of a training takes: what `autotune` compares."""

from __future__ import annotations

import time
from dataclasses import replace

from saywhere.data.training_set import Batch
from saywhere.training.autotune import TimeStep
from saywhere.training.device import limit_threads
from saywhere.training.loop import Loop


def time_steps(loop: Loop, n_samples: int) -> TimeStep:
    """Make ready to time steps of a training on the first samples of its first batch.

    Args:
        loop: of a model that is thrown away afterwards.
        n_samples: of a step.

    Returns:
        Step number → seconds. Nothing is written.
    """
    batch = _first_samples(loop.material.training.batch(0), n_samples)

    def seconds_of(step: int) -> float:
        # Each time: choices are timed in turn, and each may have its own number.
        limit_threads(loop.config.train)
        started = time.perf_counter()
        # The move counts: a memory format that must be converted to costs time.
        losses, _ = loop.step(step, [loop.to_device(batch)])
        # A GPU works on after the call: wait for it.
        losses.tolist()
        return time.perf_counter() - started

    return seconds_of


def _first_samples(batch: Batch, n: int) -> Batch:
    return replace(
        batch,
        image=batch.image[:n],
        mask=batch.mask[:n],
        embedding=batch.embedding[:n],
        rows=batch.rows[:n],
        prompts=batch.prompts[:n],
    )
