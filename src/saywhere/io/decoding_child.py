"""The child process that decodes: it reads jobs from stdin and answers on stdout until stdin ends.

What goes over the pipes is JSON and raw bytes, never a pickle: a child that a hostile file has
taken over can hand its parent wrong pixels, and no code.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from saywhere.errors import SaywhereError

Header = dict[str, Any]
"""JSON from the other side of a pipe: each kind of message has other keys."""
Decoding = tuple[Header, list[np.ndarray]]
"""What a job gives: facts as JSON holds them, and arrays."""
_of_parent: list[int] = []
_LENGTH = struct.Struct("<Q")


def send(stream: BinaryIO, header: Header, *blocks: Any) -> None:
    """Write a message.

    Args:
        stream: A pipe.
        header: As JSON holds it.
        *blocks: Raw bytes that follow it; the header says how many.

    Raises:
        OSError: The other side is gone.
    """
    text = json.dumps(header).encode()
    stream.write(_LENGTH.pack(len(text)))
    stream.write(text)
    for block in blocks:
        stream.write(block)
    stream.flush()


def receive(stream: BinaryIO) -> Header:
    """Read a message's header.

    Args:
        stream: A pipe.

    Returns:
        The header; the blocks that follow are the caller's to read.

    Raises:
        EOFError: The other side is gone.
    """
    (length,) = _LENGTH.unpack(receive_bytes(stream, _LENGTH.size))
    header = json.loads(bytes(receive_bytes(stream, length)))
    assert isinstance(header, dict)
    return header


def receive_bytes(stream: BinaryIO, n_bytes: int) -> bytearray:
    """Read a block.

    Args:
        stream: A pipe.
        n_bytes: Its length.

    Returns:
        The block, in memory of its own that an array can use as it is.

    Raises:
        EOFError: The other side is gone before the end.
    """
    block = bytearray(n_bytes)
    view = memoryview(block)
    place = 0
    while place < n_bytes:
        count = stream.readinto(view[place:])  # type: ignore[attr-defined]
        if not count:
            raise EOFError("the pipe has ended")
        place += count
    return block


def find(function: str) -> Callable[..., Decoding]:
    """Import a job's function.

    Args:
        function: As `module:name`.

    Returns:
        The function.
    """
    module, _, name = function.partition(":")
    called: Callable[..., Decoding] = getattr(importlib.import_module(module), name)
    return called


def is_child() -> bool:
    """Does this process decode for another one?

    Returns:
        True from `main` on; then a file is decoded here, and no further child is asked.
    """
    return bool(_of_parent)


def main() -> None:
    """Work until stdin ends."""
    _of_parent.append(os.getppid())
    # Ctrl-C goes to the whole group; the parent decides when this ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever a library prints must not stand between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    jobs = sys.stdin.buffer
    is_bounded = False
    with contextlib.suppress(EOFError, OSError):
        while True:
            job = receive(jobs)
            content = bytes(receive_bytes(jobs, job["n_bytes"]))
            called = find(job["function"])
            # After the first import, whose code takes address space of its own.
            if not is_bounded:
                bound_memory(job["memory_bytes"])
                is_bounded = True
            bound_time(job["cpu_s"])
            header, arrays = _answer(called, content, job["options"])
            send(answers, header, *[array.reshape(-1).view(np.uint8).data for array in arrays])


def _answer(called: Callable[..., Decoding], content: bytes, options: Header) -> Decoding:
    try:
        facts, arrays = called(content, **options)
    except SaywhereError as error:
        parts = {"problem": error.found, "where": error.where}
        parts |= {"allowed": error.allowed, "remedy": error.remedy}
        return {"error": type(error).__name__, "parts": parts}, []
    except MemoryError:
        return {"error": "MemoryError"}, []
    except Exception as error:  # a fault of ours: the parent must know, and this child goes on
        return {"error": "failed", "type": type(error).__name__}, []
    arrays = [np.ascontiguousarray(array) for array in arrays]
    kinds = [{"dtype": array.dtype.str, "shape": array.shape} for array in arrays]
    # An empty array has no bytes that a view could show.
    return {"facts": facts, "arrays": kinds}, [array for array in arrays if array.size]


def bound_memory(n_bytes: int) -> None:
    """Take no more address space than now and so much more; nothing where a system has no limits.

    Args:
        n_bytes: Beyond what the process has by now.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        most = pages * resource.getpagesize() + n_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
        # A crash writes no picture of a patient to the disk.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def bound_time(cpu_s: int) -> None:
    """Let the system end this process once a job has used so much of a processor.

    Args:
        cpu_s: Beyond what the process has used by now.
    """
    try:
        import resource
    except ImportError:  # Windows: the parent's clock alone
        return
    usage = resource.getrusage(resource.RUSAGE_SELF)
    # Whole seconds, rounded up: the limit counts from the start of the process.
    most = int(usage.ru_utime + usage.ru_stime) + 1 + cpu_s
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))
