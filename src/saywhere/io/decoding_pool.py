"""Decoding in a child process, under limits of time and memory that no library keeps by itself.

A decoder that hangs, crashes or takes all memory costs one file, and not the service or a
prediction of a thousand files. One child is warm from the start; another is started where all are
busy for longer than a usual picture takes, and stays warm where there is a core for it. Here are
decoded

- all uploads of the service, whatever they are;
- DICOM and NIfTI, of every reader (`saywhere.io.clinic`): their libraries promise no limits.

Pictures that are a user's own (PNG, JPEG, TIFF, BMP, GIF, WebP) are decoded in the user's process,
since there is a bound to what they cost: their number of pixels is refused by the header, and
`saywhere.io.bounds` refuses what would make a decoder do more than a fixed amount of work a pixel
and a byte: scans, chunks, strips, tiles, runs, blocks. Of a zip archive Python unpacks no more than
an entry claims, and `saywhere.io.archives` bounds that.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

import numpy as np

from saywhere import errors
from saywhere.errors import Busy, SaywhereError, UnreadableFile
from saywhere.io.decoding_child import Decoding, Header, find, receive, receive_bytes, send
from saywhere.io.machine import n_cores

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

log = logging.getLogger("saywhere")
CPU_S = 5
"""Of a processor, for one file. A picture of 40 megapixels takes about one."""
WALL_S = 20.0
"""Of the clock, for one file: a decoder that waits uses no processor."""
MEMORY_BYTES = 1_600_000_000
"""Beyond an idle child: 40 bytes for each of 40 million pixels."""
PIPE_BYTES = 2**20
"""What Linux lets every user have of a pipe."""
N_CHILDREN = 4
"""At work at once; further files wait."""
PATIENCE_S = 0.2
"""A file waits so long for a busy child: a usual picture takes it some milliseconds, and to start
another child takes half a second of a processor.
"""
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[1:]; from saywhere.io.decoding_child import main; main()"
)


class TooMuchWork(UnreadableFile):
    """A file takes more time or memory to decode than any honest one."""


class DecodingPool:
    """Children that decode; of those that are idle one for each core stays warm."""

    def __init__(
        self,
        *,
        cpu_s: int = CPU_S,
        wall_s: float = WALL_S,
        memory_bytes: int = MEMORY_BYTES,
        n_children: int = N_CHILDREN,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Start nothing yet: the first file does, or `warm`.

        Args:
            cpu_s: Of a processor, for one file.
            wall_s: Of the clock, for one file.
            memory_bytes: Of one file, beyond an idle child.
            n_children: At work at once.
            patience_s: How long a file waits for a busy child before another is started.
        """
        self.limits = {"cpu_s": cpu_s, "memory_bytes": memory_bytes}
        self.wall_s = wall_s
        self.patience_s = patience_s
        self.n_started = 0
        self.n_warm = min(n_children, n_cores())
        self._places = threading.BoundedSemaphore(n_children)
        self._changed = threading.Condition()
        """of the two below"""
        self._idle: list[subprocess.Popen[bytes]] = []
        self._at_work: set[subprocess.Popen[bytes]] = set()
        self._is_possible = True
        self._is_stopped = False

    def run(self, function: str, content: bytes, **options: Any) -> Decoding:
        """Call a function in a child.

        Args:
            function: As `module:name`. It takes the content and the options, and gives facts and
                arrays.
            content: A file's bytes.
            **options: As JSON holds them.

        Returns:
            The function's facts and arrays.

        Raises:
            TooMuchWork: It took more time or memory than is allowed.
            UnreadableFile: The decoder crashed.
            Busy: The pool was stopped.
            SaywhereError: As the function raised it.
        """
        with self._places:
            if self._is_stopped:
                raise _stopped()
            if self._is_possible:
                try:
                    child = self._take()
                except OSError as error:
                    self._is_possible = False
                    log.warning(
                        "no child process can be started (%s): files are decoded in this one, "
                        "without limits of time and memory",
                        error.strerror,
                    )
            if not self._is_possible:
                return find(function)(content, **options)
            return self._ask(child, function, content, options)

    def warm(self) -> None:
        """Start a child now, so that no first file waits for it."""
        self.run("saywhere.io.uploads:nothing", b"")

    def close(self) -> None:
        """End the idle children."""
        with self._changed:
            idle = self._idle
            self._idle = []
        for child in idle:
            _end(child)

    def stop(self) -> None:
        """End all children, also those at work, and take no more files: each is answered `Busy`."""
        self._is_stopped = True
        with self._changed:
            at_work = list(self._at_work)
            self._changed.notify_all()
        for child in at_work:
            # Its pipes end, and so does the waiting of who reads them.
            child.kill()
        self.close()

    def _take(self) -> subprocess.Popen[bytes]:
        """An idle child, also one that is idle soon; else a new one."""
        with self._changed:
            self._changed.wait_for(self._is_worth_no_waiting, self.patience_s)
            # Under the lock: whoever comes now sees that a child is on its way.
            child = self._idle_child() or self._start()
            self._at_work.add(child)
        # It may have been stopped meanwhile.
        if self._is_stopped:
            child.kill()
        return child

    def _idle_child(self) -> subprocess.Popen[bytes] | None:
        while self._idle:
            child = self._idle.pop()
            # It may have ended by itself, or been ended by the system.
            if child.poll() is None:
                return child
            _end(child)
        return None

    def _is_worth_no_waiting(self) -> bool:
        return bool(self._idle) or not self._at_work or self._is_stopped

    def _start(self) -> subprocess.Popen[bytes]:
        self.n_started += 1
        child = subprocess.Popen(
            # No `multiprocessing`: it runs the user's own program anew in each child.
            [sys.executable, "-c", _PROGRAM, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        for pipe in (child.stdin, child.stdout):
            _widen(pipe)
        return child

    def _give(self, child: subprocess.Popen[bytes]) -> None:
        """Let a child be idle, or end it where as many are."""
        with self._changed:
            self._at_work.discard(child)
            is_wanted = len(self._idle) < self.n_warm
            if is_wanted:
                self._idle.append(child)
            self._changed.notify()
        if not is_wanted:
            _end(child)

    def _lose(self, child: subprocess.Popen[bytes]) -> int:
        """End a child that can work no more; its exit status."""
        status = _end(child)
        with self._changed:
            self._at_work.discard(child)
            self._changed.notify()
        return status

    def _ask(
        self, child: subprocess.Popen[bytes], function: str, content: bytes, options: Any
    ) -> Decoding:
        assert child.stdin is not None
        assert child.stdout is not None
        job = {"function": function, "options": options, "n_bytes": len(content), **self.limits}
        try:
            with _killed_after(child, self.wall_s):
                send(child.stdin, job, content)  # type: ignore[arg-type]
                header = receive(child.stdout)  # type: ignore[arg-type]
                kinds = header.get("arrays", [])
                arrays = [_array(child.stdout, kind) for kind in kinds]
        except (EOFError, OSError):
            raise self._ended(self._lose(child)) from None
        except BaseException:
            # What is half read would be taken for the next file's answer.
            self._lose(child)
            raise
        if header.get("error") == "MemoryError":
            # It may hold pieces of what it could not finish.
            self._lose(child)
            raise self._too_much("memory")
        self._give(child)
        for remark in header["remarks"]:
            log.log(remark["level"], "%s: %s", remark["logger"], remark["message"])
        if "error" in header:
            raise _error(header)
        return header["facts"], arrays

    def _ended(self, status: int) -> SaywhereError:
        """Why a child ended before it answered: by our clock, by the system's, or by itself."""
        if self._is_stopped:
            return _stopped()
        # SIGKILL is our clock's, or the system's when memory is short; 24 is SIGXCPU.
        if status in (-9, -24) or (os.name == "nt" and status == 1):
            return self._too_much("time")
        return UnreadableFile(
            "a file that makes its decoder crash",
            allowed="an image can be decoded",
            remedy="open it in an image editor and save it anew",
        )

    def _too_much(self, what: str) -> TooMuchWork:
        seconds, n_bytes = self.limits["cpu_s"], self.limits["memory_bytes"]
        return TooMuchWork(
            f"a file that takes too much {what} to decode",
            allowed=f"one takes at most {seconds} s and {n_bytes / 1e6:,.0f} MB",
            remedy="open it in an image editor and save it anew",
        )


@lru_cache
def shared() -> DecodingPool:
    """The pool of this process.

    Returns:
        The same pool at each call.
    """
    return DecodingPool()


# A forked process shares the pipes of its parent's children: two would write to one.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=shared.cache_clear)


def _stopped() -> Busy:
    return Busy("files are decoded no more", allowed="it is about to stop", remedy="send it again")


def _widen(pipe: Any) -> None:
    """Let a pipe hold a picture.

    By itself it holds 64 kB, and for each such piece both processes wait for each other: on a busy
    machine that is most of what a child costs. Not through `Popen(pipesize=…)`, which would start
    no child at all where a user has used up the memory for pipes.
    """
    set_size = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux alone has it
    if set_size is not None:
        with suppress(OSError):
            fcntl.fcntl(pipe, set_size, PIPE_BYTES)


@contextmanager
def _killed_after(child: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
    """End a child that is not done in time: then its pipes end, and so does the waiting."""
    timer = threading.Timer(seconds, child.kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _array(stream: Any, kind: Header) -> np.ndarray:
    dtype = np.dtype(kind["dtype"])
    n_bytes = int(np.prod(kind["shape"], dtype=np.int64)) * dtype.itemsize
    # Of the bytes as they came: no second copy.
    return np.frombuffer(receive_bytes(stream, n_bytes), dtype).reshape(kind["shape"])


def _end(child: subprocess.Popen[bytes]) -> int:
    """Kill a child; its exit status, negative for a signal. It may have ended before."""
    child.kill()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            # What was not written yet goes to nobody.
            try:
                pipe.close()
            except OSError:
                continue
    return child.wait()


def _error(header: Header) -> Exception:
    """The error that the child names, as its own class."""
    if header["error"] == "failed":
        return RuntimeError(f"decoding failed ({header['type']})")
    classes = {kind.__name__: kind for kind in _kinds(SaywhereError)}
    kind = classes.get(header["error"], errors.UnreadableFile)
    parts = dict(header["parts"])
    return kind(parts.pop("problem"), **parts)


def _kinds(kind: type[SaywhereError]) -> Iterator[type[SaywhereError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)
