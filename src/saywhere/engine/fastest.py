"""`train.precision = "auto"`: measure a few steps of this very training, and take what is fastest on this machine."""

from __future__ import annotations

import os
import time
from typing import Iterable

import torch
from lightning_fabric import Fabric

from saywhere.config import Config
from saywhere.engine.material import Material

_ROUNDS = 3


def choose(config: Config, material: Material) -> tuple[Config, Fabric]:
    """The configuration with `auto` settled (so that a resumed run takes the same), and its Fabric, launched."""
    torch.set_num_threads(config.train.threads or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    if config.train.precision == "auto":
        config = config.replace(**_measured(config, material))
    return config, launch(config)


def launch(config: Config) -> Fabric:
    """One device; precision as configured."""
    precision = "32-true" if config.train.precision == "auto" else config.train.precision
    fabric = Fabric(accelerator=config.train.device, devices=1, precision=precision)
    fabric.launch()
    return fabric


def _measured(config: Config, material: Material) -> dict[str, object]:
    candidates = [{"train.precision": p, "train.channels_last": c} for p, c in _settings()]
    loops = [_loop(config.replace(**candidate), material) for candidate in candidates]
    batch = material.training.batch(0)
    times = [min(_seconds(loop, batch, step) for step in range(_ROUNDS)) for loop in loops]
    return candidates[times.index(min(times))]


def _settings() -> Iterable[tuple[str, bool]]:
    return [("32-true", True), ("32-true", False), ("bf16-mixed", True), ("bf16-mixed", False)]


def _loop(config: Config, material: Material):  # type: ignore[no-untyped-def]
    from pathlib import Path

    from saywhere.engine.run import Run
    from saywhere.engine.train import Loop

    return Loop(config, material, Run(Path()), launch(config), lambda event: None)


def _seconds(loop, batch, step: int) -> float:  # type: ignore[no-untyped-def]
    started = time.perf_counter()
    losses, _ = loop.step(step, loop._to_device(batch))
    losses.tolist()  # wait for the device
    return time.perf_counter() - started
