"""A training step beside the naive one: seconds, profile, arithmetic."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypedDict

import torch

from saywhere.bench import our_training, words_cost
from saywhere.bench.alternating import Seconds, SecondsRecord, alternate, ratio
from saywhere.bench.clock import Clock, watching
from saywhere.bench.measured_machine import Machine, waiter
from saywhere.bench.naive_training import NaiveTraining
from saywhere.bench.words_cost import WordsRecord
from saywhere.config import Config
from saywhere.networks.cost import cost
from saywhere.training.setup import gather

BACKWARD = 3
"""A step's arithmetic in forward passes: the gradient costs two more."""


@dataclass(frozen=True)
class Effort:
    """How much of a training cell is timed.

    Attributes:
        steps: that are timed in each round, of either way.
        rounds: of both ways in turn.
        warm: steps before them, each time a training begins.
        pairs: of a step with words and one without; 0: what words cost is not measured.
    """

    steps: int
    rounds: int
    warm: int = 1
    pairs: int = 0


class ArithmeticRecord(TypedDict):
    """A step's arithmetic beside what the machine can do."""

    gflop_per_step: float
    gflops: float
    """10⁹ operations a second"""
    share_of_matrix_rate: float


class TrainingRecord(ArithmeticRecord):
    """Training steps of one cell, as the result file has them."""

    network: str
    width: int
    size: int
    batch: int
    precision: str
    channels_last: bool | str
    threads: int
    encoder: str
    start_s: dict[str, float]
    """first and second training → seconds to the end of the first step"""
    step_s: dict[str, SecondsRecord]
    """way → seconds of a step"""
    ratio: float
    """naive by ours"""
    images_per_s: float
    profile_s: dict[str, dict[str, float]]
    """ours and naive → phase → seconds of a step"""
    words: WordsRecord | None
    """what words and fusion cost; None where that was not measured"""


def measure(config: Config, effort: Effort, machine: Machine) -> TrainingRecord:
    """Time our step and the naive one in turn.

    Args:
        config: of the training; what it leaves open is settled as in any training.
        effort: how much is timed.
        machine: its matrix rate is compared with.

    Returns:
        What was measured, as the result file has it.
    """
    device = torch.device(machine.device)
    # A training that settles what is open, and one that finds it settled.
    starts = [our_training.run(config, 0) for _ in range(2)]
    settled = starts[1].config
    clocks = {name: Clock(waiter(device)) for name in ("ours", "naive")}
    naive = NaiveTraining(config, gather(config), device, clocks["naive"])
    ways: dict[str, Callable[[], list[float]]] = {
        "naive": lambda: naive_steps(naive, replace(effort, warm=0), waiter(device)),
        "ours": lambda: our_training.run(settled, effort.steps, effort.warm).step_s,
    }
    # Once: this model stays, while each of our rounds is a training of its own.
    naive_steps(naive, Effort(0, 1, effort.warm), waiter(device))
    seconds = alternate(ways, effort.rounds)
    clocks["naive"].seconds.clear()
    our_training.run(settled, effort.steps, effort.warm, clocks["ours"])
    with watching(clocks["naive"]):
        naive_steps(naive, Effort(effort.steps, 1, 0), waiter(device))
    return {
        "network": config.network.name,
        "width": config.network.width,
        "size": config.data.size,
        "batch": config.train.batch_size,
        "precision": settled.train.precision,
        "channels_last": settled.train.channels_last,
        "threads": settled.train.threads,
        "encoder": config.text.encoder,
        "start_s": {
            name: round(start.first_step_s, 2) for name, start in zip(("first", "second"), starts)
        },
        "step_s": {name: taken.to_json() for name, taken in seconds.items()},
        "ratio": ratio(seconds["naive"], seconds["ours"]),
        "images_per_s": round(config.train.batch_size / seconds["ours"].median, 1),
        "profile_s": {name: shares(clock, effort.steps) for name, clock in clocks.items()},
        "words": words_cost.measure(settled, effort.pairs) if effort.pairs else None,
        **arithmetic(settled, seconds["ours"], machine),
    }


def naive_steps(naive: NaiveTraining, effort: Effort, wait: Callable[[], None]) -> list[float]:
    """Take steps the naive way.

    Args:
        naive: the training.
        effort: how many, and how many of them warm up.
        wait: until the device is done.

    Returns:
        Seconds of each step that was no warm-up.
    """
    seconds = []
    # A user who knows nothing of bfloat16 knows nothing of its matrix products either.
    with all_threads():
        for number in range(effort.warm + effort.steps):
            started = time.perf_counter()
            naive.step()
            wait()
            if number >= effort.warm:
                seconds.append(time.perf_counter() - started)
    return seconds


@contextmanager
def all_threads() -> Iterator[None]:
    """Let torch use as many threads as when it started, whatever a training settled on."""
    before = torch.get_num_threads()
    torch.set_num_threads(_STARTED_WITH)
    try:
        yield
    finally:
        torch.set_num_threads(before)


_STARTED_WITH = torch.get_num_threads()


def shares(clock: Clock, n_steps: int) -> dict[str, float]:
    """Seconds of each phase, a step; the longest first."""
    phases = sorted(clock.seconds.items(), key=lambda phase: -phase[1])
    return {name: float(f"{seconds / n_steps:.3g}") for name, seconds in phases}


def arithmetic(config: Config, step: Seconds, machine: Machine) -> ArithmeticRecord:
    """Compare a step's arithmetic with what the machine can do.

    Args:
        config: as the training settled it.
        step: seconds.
        machine: its matrix rate, of the type that the network ran in.

    Returns:
        10⁹ operations of a step, 10⁹ a second, and the share of the matrix rate.
    """
    channels = config.data.channels * (2 if config.fusion.has_pseudo_image else 1)
    network = config.network
    forward = cost(network.name, channels, network.width, config.data.size, network.depth).gflop
    work = BACKWARD * forward * config.train.batch_size
    kind = "float32" if config.train.precision == "32-true" else "bfloat16"
    reached = work / step.median
    return {
        "gflop_per_step": round(work, 1),
        "gflops": round(reached, 1),
        "share_of_matrix_rate": round(reached / machine.matrix_gflops[kind], 3),
    }
