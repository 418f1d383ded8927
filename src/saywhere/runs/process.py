"""Which process writes a run, and whether it is still there: a killed one says no last word."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict


class ProcessRecord(TypedDict):
    """A process, as run.json names it.

    Nobody is named by it: of the machine's name a digest is kept.
    """

    machine: str
    """digest of the machine's name and of its set of process numbers, which a container has of its
    own"""
    pid: int
    began: str
    """when it started, as the system counts; empty where the system does not tell"""


def this_process() -> ProcessRecord:
    """Name the process that runs this.

    Returns:
        Its record.
    """
    return {"machine": _machine(), "pid": os.getpid(), "began": _began(os.getpid()) or ""}


def is_alive(record: Mapping[str, object]) -> bool | None:
    """Look whether a process is still there.

    Args:
        record: As `this_process` gave it; it may come from a stranger's file.

    Returns:
        None where it cannot be seen from here: it ran on another machine or in another container,
        or this system does not tell.
    """
    pid = record.get("pid")
    if record.get("machine") != _machine() or type(pid) is not int or pid <= 0:
        return None
    began = record.get("began")
    if began:
        # A number is given again: only with its start it is the same process.
        return _began(pid) == began
    # Not on Windows, where signal 0 is Ctrl-C and would reach the process.
    return _answers(pid) if os.name == "posix" else None


def _answers(pid: int) -> bool:
    try:
        # Signal 0 is never delivered: the system only looks for the process.
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _machine() -> str:
    try:
        numbers = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        numbers = ""
    return hashlib.sha256(f"{platform.node()} {numbers}".encode()).hexdigest()[:16]


def _began(pid: int) -> str | None:
    """Clock ticks from the machine's start to the process's; None where Linux knows none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # After the program's name, which may hold blanks and brackets.
    fields = text.rpartition(")")[2].split()
    # A zombie has ended; its parent has not asked yet.
    return None if fields[0] in "ZX" else fields[19]
