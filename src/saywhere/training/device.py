"""The device, precision and threads that a training runs with."""

from __future__ import annotations

import inspect
import logging
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment
from lightning_fabric.strategies import DDPStrategy, Strategy
from torch.nn.parallel import DistributedDataParallel

from saywhere.config import TrainConfig
from saywhere.errors import ConfigError, counted
from saywhere.io.machine import n_cores
from saywhere.runs import devices


def limit_threads(config: TrainConfig) -> int:
    """Set torch's threads to `train.threads`, or to its share of the cores where that is 0.

    The last bits of a sum depend on their number: call it before the first tensor is made.

    Args:
        config: its `threads` and `devices` are used.

    Returns:
        The number of threads.
    """
    n_threads = config.threads or max(1, n_cores() // config.devices)
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
    n_gpus = torch.cuda.device_count()
    uses_gpu = config.device == "cuda" or (config.device == "auto" and n_gpus > 0)
    if uses_gpu and config.devices > max(1, n_gpus):
        raise ConfigError(
            f"train.devices is {config.devices}, and this machine has {counted(n_gpus, 'GPU')}",
            allowed="each process has a GPU of its own",
            remedy=f"set train.devices to {n_gpus}, or train.device to 'cpu'",
        )
    if config.sync_batch_norm and not (uses_gpu and config.parts > config.accumulate):
        raise ConfigError(
            "train.sync_batch_norm is true, and there are not several GPUs",
            allowed="torch's SyncBatchNorm works between GPUs",
            remedy="leave train.sync_batch_norm out",
        )


def launch(config: TrainConfig, *, alone: bool = False) -> Fabric:
    """Open this process's device at the configured precision.

    Args:
        config: its `device`, `precision`, `devices` and `nodes` are used.
        alone: one device, whatever the configuration says; for a trial.

    Returns:
        The launched device.

    Raises:
        ConfigError: for a device or precision that cannot be used here.
    """
    check_device(config)
    is_alone = alone or config.devices * config.nodes == 1
    # Fabric logs each mixed precision, in trials too; run.json says which is used.
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    try:
        fabric = Fabric(
            accelerator=config.device,
            devices=1 if is_alone else config.devices,
            num_nodes=1 if is_alone else config.nodes,
            strategy="auto" if is_alone else _in_step(),
            precision=config.precision,  # type: ignore[arg-type]
            # Else Fabric would look for a cluster itself, and take a batch script for one.
            plugins=[LightningEnvironment()],
        )
        fabric.launch()
    except (RuntimeError, ValueError) as error:
        # Our errors are one line; Fabric's may have several.
        raise _unusable(config, " ".join(str(error).split())) from None
    # Without a GPU, Fabric takes another precision, with a warning that nobody sees.
    if config.precision != fabric.strategy.precision.precision:
        raise _unusable(config, f"{config.precision} needs a GPU")
    return fabric


def _in_step() -> Strategy:
    """Gradients are averaged over the processes; each keeps the statistics of its own norms."""
    known = inspect.signature(DistributedDataParallel).parameters
    # torch 2.13 renames the key, and warns of the old name.
    key = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
    # Buffers: the loop gives the first process's to the others where they count, in validation.
    # Unused: some networks have parameters that a step does not reach.
    options: dict[str, Any] = {"find_unused_parameters": True, key: False}
    return DDPStrategy(**options)


def _unusable(config: TrainConfig, reason: str) -> ConfigError:
    return ConfigError(
        f"train.device {config.device} with train.precision {config.precision} "
        f"cannot be used here ({reason})",
        remedy="set train.device to 'auto' or 'cpu', and train.precision to 'auto'",
    )
