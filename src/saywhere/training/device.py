"""The device, precision and threads that a training runs with."""

from __future__ import annotations

import logging

import torch
from lightning_fabric import Fabric

from saywhere.config import TrainConfig
from saywhere.errors import ConfigError
from saywhere.io.machine import n_cores
from saywhere.runs import devices


def limit_threads(config: TrainConfig) -> int:
    """Set torch's threads to `train.threads`, or to all cores where that is 0.

    The last bits of a sum depend on their number: call it before the first tensor is made.

    Args:
        config: its `threads` is used.

    Returns:
        The number of threads.
    """
    n_threads = config.threads or n_cores()
    torch.set_num_threads(n_threads)
    return n_threads


def check_device(config: TrainConfig) -> None:
    """Refuse a device that this machine does not have.

    Args:
        config: its `device` is looked at.

    Raises:
        ConfigError: saying what is here instead.
    """
    devices.find(config.device, "train.device", ConfigError)


def launch(config: TrainConfig) -> Fabric:
    """Open one device at the configured precision.

    Args:
        config: its `device` and `precision` are used.

    Returns:
        The launched device.

    Raises:
        ConfigError: for a device or precision that cannot be used here.
    """
    check_device(config)
    # Fabric logs each mixed precision, in trials too; run.json says which is used.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    try:
        fabric = Fabric(
            accelerator=config.device,
            devices=1,
            precision=config.precision,  # type: ignore[arg-type]
        )
        fabric.launch()
    except (RuntimeError, ValueError) as error:
        # Our errors are one line; Fabric's may have several.
        raise _unusable(config, " ".join(str(error).split())) from None
    # Without a GPU, Fabric takes another precision, with a warning that nobody sees.
    if config.precision != fabric.strategy.precision.precision:
        raise _unusable(config, f"{config.precision} needs a GPU")
    return fabric


def _unusable(config: TrainConfig, reason: str) -> ConfigError:
    return ConfigError(
        f"train.device {config.device} with train.precision {config.precision} "
        f"cannot be used here ({reason})",
        remedy="set train.device to 'auto' or 'cpu', and train.precision to 'auto'",
    )
