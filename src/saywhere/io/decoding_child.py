"""The child process that decodes: it reads jobs from stdin and answers on stdout until stdin ends.

What goes over the pipes is JSON and raw bytes, never a pickle: a child that a hostile file has
taken over can hand its parent wrong pixels, and no code.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import signal
import struct
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from saywhere.errors import SaywhereError

Header = dict[str, Any]
"""JSON from the other side of a pipe: each kind of message has other keys."""
Decoding = tuple[Header, list[np.ndarray]]
"""What a job gives: facts as JSON holds them, and arrays."""
MOST_REMARKS = 20
"""Of one job: a file of ten thousand faulty tags would else fill a log."""
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
    answers = _own_answers()
    remarks = Remarks()
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
            header["remarks"] = remarks.taken()
            send(answers, header, *[array.reshape(-1).view(np.uint8).data for array in arrays])


def _own_answers() -> BinaryIO:
    """The pipe of the answers. What a library prints goes nowhere.

    On stdout it would stand between the answers. On stderr, which is the parent's, it would be a
    line of the service's log that is no JSON, and may hold what a file says of a patient.
    """
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
    return answers


class Remarks(logging.Handler):
    """Warnings of libraries, for the parent's log: without values, which may be a patient's."""

    def __init__(self) -> None:
        """Take all warnings and logged messages of this process from now on."""
        super().__init__(logging.WARNING)
        self._lines: list[Header] = []
        logging.getLogger().addHandler(self)
        warnings.showwarning = self._warned

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record.

        Args:
            record: Of any logger; of its message only what stands in the library's code.
        """
        self._add(record.name, record.levelno, str(record.msg))

    def taken(self) -> list[Header]:
        """Give what came since the last call, and forget it.

        Returns:
            `logger`, `level` and `message` of each; MOST_REMARKS at most.
        """
        lines = self._lines
        self._lines = []
        return lines

    def _warned(
        self, message: Any, category: type[Warning], filename: str, lineno: int, *_: Any, **__: Any
    ) -> None:
        place = f"{category.__name__} at {Path(filename).name}:{lineno}"
        self._add("py.warnings", logging.WARNING, place)

    def _add(self, logger: str, level: int, message: str) -> None:
        if len(self._lines) < MOST_REMARKS:
            self._lines.append({"logger": logger, "level": level, "message": message[:200]})


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
