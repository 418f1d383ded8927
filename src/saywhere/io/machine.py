"""Which machine this is: what a measured speed is good for."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from pathlib import Path


def n_cores() -> int:
    """Count the cores that this process may use.

    Returns:
        At least 1.
    """
    # A container or a job queue often grants fewer cores than the machine has.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """Name the processor.

    Returns:
        Its model, as "AMD EPYC 9V74"; else what the system calls it.
    """
    # Python knows no more than "x86_64" on Linux.
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
