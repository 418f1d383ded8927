"""`train.precision = "auto"`, `train.threads = 0`: measure a few steps of this very training, and take what is fastest on this machine."""

from __future__ import annotations

import logging
import math
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from lightning_fabric import Fabric

from saywhere.config import Config
from saywhere.data.dataset import Batch
from saywhere.engine.material import Material
from saywhere.errors import ConfigError

if TYPE_CHECKING:
    from saywhere.engine.train import Loop

_ROUNDS = 3  # the first warms up
_FAR_BEHIND = 3.0  # times the fastest of a round
_SLOW = 2.0  # times a convolution in float32


def choose(config: Config, material: Material) -> tuple[Config, Fabric]:
    """The configuration with what was left open settled (so that a resumed run takes the same), and its Fabric, launched."""
    n_threads = limit_threads(config)
    if config.train.precision == "auto":
        precisions = ("32-true", "bf16-mixed") if knows_bfloat16(config) else ("32-true",)
        config = config.replace(**_fastest([{"train.precision": p, "train.channels_last": c} for p in precisions for c in (True, False)], config, material))
    if not config.train.threads:
        choices = [{"train.threads": n} for n in sorted({n_threads, max(1, n_threads // 2)}, reverse=True)]
        config = config.replace(**(_fastest(choices, config, material) if len(choices) > 1 else choices[0]))
        torch.set_num_threads(config.train.threads)
    return config, launch(config)


def what_is_tried(config: Config) -> str:
    """For people who wait."""
    tried = [key for key, is_open in (("precision", config.train.precision == "auto"), ("threads", not config.train.threads)) if is_open]
    return f", and trying a few steps for the fastest {' and '.join(tried)}" if tried else ""


def limit_threads(config: Config) -> int:
    """Set torch's threads to `train.threads` (0: all cores), and say how many. The last bits of a sum depend on it: call before the first tensor."""
    n_threads = config.train.threads or n_cores()
    torch.set_num_threads(n_threads)
    return n_threads


def n_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def launch(config: Config) -> Fabric:
    """One device; precision as configured. Raises ConfigError for a device or precision that this machine does not have."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it tells of each mixed precision, in trials too; run.json says which is used
    try:
        fabric = Fabric(accelerator=config.train.device, devices=1, precision=config.train.precision)  # type: ignore[arg-type]
        fabric.launch()
        if config.train.precision != fabric.strategy.precision.precision:  # it takes another, with a warning that nobody sees
            raise ValueError(f"{config.train.precision} needs a GPU")
    except (RuntimeError, ValueError) as error:
        found = f"train.device {config.train.device} with train.precision {config.train.precision} cannot be used here"
        raise ConfigError(
            f"{found} ({str(error).splitlines()[0][:120]})", remedy="set train.device to 'auto' or 'cpu', and train.precision to 'auto'"
        ) from None
    return fabric


def knows_bfloat16(config: Config) -> bool:
    """Is a convolution, there and back, about as fast in bfloat16 as in float32? Asked first, in a second or so.

    On a processor without instructions for it a training step takes ten times as long, and the trial of all settings took minutes.
    """
    if config.train.device != "cpu" and (torch.cuda.is_available() or torch.backends.mps.is_available()):
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


def _fastest(choices: list[dict[str, Any]], config: Config, material: Material) -> dict[str, Any]:
    """Steps of all choices in turn, so that a busy moment strikes them alike; each choice's best time counts.

    A choice that this machine has no kernel or no memory for is left out; where none is left, what it raised passes.
    One that is far behind in a round is not tried again (bfloat16 is 10 times slower than float32 on a CPU that does not know it).
    """
    batch = material.training.batch(0)
    loops: dict[int, Loop] = {}
    best = dict.fromkeys(range(len(choices)), math.inf)
    for step in range(_ROUNDS):
        took: dict[int, float] = {}
        for number in best:
            try:
                loops[number] = loops.get(number) or _loop(config.replace(**choices[number]), material)
                took[number] = _seconds(loops[number], batch, step)
            except RuntimeError:
                if not took and number == max(best):
                    raise
        near = {number: seconds for number, seconds in took.items() if seconds <= _FAR_BEHIND * min(took.values())}
        best = {number: min(best[number], seconds if step else math.inf) for number, seconds in near.items()}
        loops = {number: loops[number] for number in near}
    return choices[min(best, key=best.__getitem__)]


def _loop(config: Config, material: Material) -> Loop:
    from saywhere.engine.run import Run
    from saywhere.engine.train import Loop

    plain = config.replace(**{"fusion.start": "default"})  # the other start takes seconds to compute, and a step takes as long after either
    return Loop(plain, material, Run(Path()), launch(config), lambda event: None)


def _seconds(loop: Loop, batch: Batch, step: int) -> float:
    limit_threads(loop.config)
    started = time.perf_counter()
    losses, _ = loop.step(step, loop.to_device(batch))
    losses.tolist()  # wait for the device
    return time.perf_counter() - started
