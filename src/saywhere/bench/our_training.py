"""Our training, by the public call: `saywhere.train`, stopped after the steps that are timed."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

from saywhere.bench.clock import Clock, watching
from saywhere.config import Config
from saywhere.runs.older_values import read_stored
from saywhere.training.events import EventRecord
from saywhere.training.trainer import train


class Enough(BaseException):
    """The steps that were wanted are done; no failure, so that nobody records one."""


@dataclass(frozen=True)
class Stretch:
    """Some steps of a training.

    Attributes:
        first_step_s: seconds from the call to the end of the first step.
        step_s: seconds of each step after those that warm up.
        config: as the training settled it: precision, memory format, threads.
    """

    first_step_s: float
    step_s: list[float]
    config: Config


def run(config: Config, n_steps: int, n_warm: int = 1, clock: Clock | None = None) -> Stretch:
    """Train for some steps in a folder that is removed.

    Args:
        config: of a training that is longer.
        n_steps: that are timed.
        n_warm: steps before them, which are not.
        clock: is given the seconds of each phase of the timed steps; None: nothing is timed apart.

    Returns:
        How long it took. Nothing is validated and no weights are saved.
    """
    ends: list[float] = []
    watch = nullcontext() if clock is None else watching(clock)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"

        def listen(event: EventRecord) -> None:
            if event["event"] != "step":
                return
            ends.append(time.perf_counter())
            if len(ends) == n_warm and clock is not None:
                clock.seconds.clear()
            if len(ends) == n_warm + n_steps:
                raise Enough

        started = time.perf_counter()
        with watch, stopped_early():
            train(config, out, listen=listen)
        settled = read_stored(out / "config.toml")
    steps = [after - before for before, after in zip(ends[n_warm - 1 :], ends[n_warm:])]
    return Stretch(ends[0] - started, steps, settled)


@contextmanager
def stopped_early() -> Iterator[None]:
    """Let `Enough` end a training; the number of torch's threads is what it was before."""
    n_threads = torch.get_num_threads()
    try:
        yield
    except Enough:
        pass
    finally:
        torch.set_num_threads(n_threads)
