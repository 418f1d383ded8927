"""The device, precision and threads that a training runs with."""

from __future__ import annotations

import logging
import os

import torch
from lightning_fabric import Fabric

from saywhere.config import Config
from saywhere.errors import ConfigError


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
    # It tells of each mixed precision, in trials too; run.json says which is used.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    try:
        fabric = Fabric(
            accelerator=config.train.device,
            devices=1,
            precision=config.train.precision,  # type: ignore[arg-type]
        )
        fabric.launch()
        # Without a GPU it takes another precision, with a warning that nobody sees.
        if config.train.precision != fabric.strategy.precision.precision:
            raise ValueError(f"{config.train.precision} needs a GPU")
    except (RuntimeError, ValueError) as error:
        found = f"train.device {config.train.device} with train.precision {config.train.precision} cannot be used here"
        raise ConfigError(
            f"{found} ({str(error).splitlines()[0][:120]})",
            remedy="set train.device to 'auto' or 'cpu', and train.precision to 'auto'",
        ) from None
    return fabric
