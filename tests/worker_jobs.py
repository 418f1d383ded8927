"""What workers do in tests; a module of its own, since a worker imports it by name."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any


def squared(number: int) -> dict[str, Any]:
    return {
        "status": "finished",
        "square": number**2,
        "process": os.getpid(),
        "folder": str(Path.cwd()),
    }


def dies_at_three(number: int) -> dict[str, Any]:
    if number == 3:
        os._exit(9)  # as the kernel kills what takes too much memory
    time.sleep(0.2)
    return squared(number)


def told_to_stop_at_three(number: int) -> dict[str, Any]:
    if number == 3:
        raise KeyboardInterrupt  # as a training does after SIGTERM
    return squared(number)


def slow(number: int) -> dict[str, Any]:
    time.sleep(120)
    return squared(number)
