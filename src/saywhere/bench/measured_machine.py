"""The machine, and how fast it multiplies matrices: what every other figure is compared with."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypedDict

import torch

from saywhere.errors import UsageError
from saywhere.io.machine import n_cores, processor
from saywhere.runs.run_facts import versions

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
SIDE = {"cpu": 2048, "cuda": 8192}
"""Side of the matrices, per kind of device; larger ones are no faster."""
REPEATS = 5


class MachineRecord(TypedDict):
    """`Machine` as the result file has it."""

    device: str
    name: str
    cores: int
    threads: int
    memory_gib: int
    load: float
    packages: dict[str, str]
    matrix_gflops: dict[str, float]


@dataclass(frozen=True)
class Machine:
    """What a figure was measured on.

    Attributes:
        device: as torch names it.
        name: of the processor, or of the GPU.
        cores: that this process may use.
        threads: of torch.
        memory_gib: of the machine; 0 where the system does not say.
        load: of the machine before anything was measured; 0 is idle.
        packages: name → version.
        matrix_gflops: type → 10⁹ operations a second of a large matrix product, the best of some.
    """

    device: str
    name: str
    cores: int
    threads: int
    memory_gib: int
    load: float
    packages: dict[str, str]
    matrix_gflops: dict[str, float]

    def to_json(self) -> MachineRecord:
        """Make what the result file holds."""
        return {
            "device": self.device,
            "name": self.name,
            "cores": self.cores,
            "threads": self.threads,
            "memory_gib": self.memory_gib,
            "load": self.load,
            "packages": self.packages,
            "matrix_gflops": self.matrix_gflops,
        }


def describe(device: torch.device) -> Machine:
    """Say what this machine is, and measure its matrix rate.

    Args:
        device: that is measured.

    Returns:
        The machine; it takes some seconds.
    """
    code = versions()
    packages = {"python": platform.python_version(), "saywhere": code.saywhere, **code.packages}
    on_gpu = device.type == "cuda"
    return Machine(
        device=str(device),
        name=torch.cuda.get_device_name(device) if on_gpu else processor(),
        cores=n_cores(),
        threads=torch.get_num_threads(),
        memory_gib=_memory_gib(),
        load=_load(),
        packages=packages,
        matrix_gflops={name: _rate(device, kind) for name, kind in DTYPES.items()},
    )


def device_named(name: str) -> str:
    """Choose a device.

    Args:
        name: cpu, cuda, cuda:N, mps; auto: a GPU where there is one.

    Returns:
        Its name for torch.

    Raises:
        UsageError: this machine has no such device.
    """
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(
            f"the device {name!r} cannot be used here: {reason}",
            allowed="auto, cpu, cuda, cuda:N, mps",
            remedy="choose cpu, or see `saywhere doctor`",
        ) from None
    return name


def waiter(device: torch.device) -> Callable[[], None]:
    """What waits until a device has done what it was given; nothing to wait for on a CPU."""
    if device.type == "cuda":
        return lambda: torch.cuda.synchronize(device)
    if device.type == "mps":
        return torch.mps.synchronize
    return lambda: None


def _rate(device: torch.device, kind: torch.dtype) -> float:
    side = SIDE.get(device.type, 4096)
    left, right = (torch.randn(side, side, device=device).to(kind) for _ in range(2))
    wait = waiter(device)
    seconds = []
    for _ in range(REPEATS):
        wait()
        started = time.perf_counter()
        left @ right
        wait()
        seconds.append(time.perf_counter() - started)
    return float(f"{2 * side**3 / min(seconds) / 1e9:.4g}")


def _memory_gib() -> int:
    # Not every system says so.
    with suppress(OSError, ValueError, AttributeError):
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30)
    return 0


def _load() -> float:
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else 0.0
