"""Decoders that misbehave on purpose; a child process finds them by their names."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from saywhere.errors import UnreadableFile

Decoding = tuple[dict[str, Any], list[np.ndarray]]


def echo(content: bytes, **options: Any) -> Decoding:
    """Give everything back, in arrays of several kinds."""
    counted = np.frombuffer(content, np.uint8)
    kinds = [counted, counted.astype(np.float32), counted > 1, np.empty((0, 3), np.int16)]
    return {"process": os.getpid(), "options": options}, kinds


def sleep(content: bytes, seconds: float) -> Decoding:
    """Hang without using a processor."""
    time.sleep(seconds)
    return {}, []


def wait(content: bytes, sign: str) -> Decoding:
    """Hang until a file is there, then give a black picture."""
    while not Path(sign).exists():
        time.sleep(0.01)
    return {}, [np.zeros((8, 8, 3), np.uint8)]


def spin(content: bytes) -> Decoding:
    """Hang and use a processor."""
    while True:
        pass


def swallow(content: bytes, n_bytes: int) -> Decoding:
    """Take memory."""
    return {}, [np.ones(n_bytes, np.uint8)]


def crash(content: bytes) -> Decoding:
    """End as a broken library ends a process."""
    os.kill(os.getpid(), signal.SIGSEGV)
    return {}, []


def refuse(content: bytes) -> Decoding:
    """Refuse in words."""
    raise UnreadableFile("7 heads", where="image", allowed="one", remedy="cut 6 off")


def fail(content: bytes) -> Decoding:
    """Fail as a fault of ours does."""
    raise ArithmeticError("secret")


def chatter(content: bytes) -> Decoding:
    """Print, as libraries do."""
    print("a warning of a library", flush=True)
    os.write(1, b"of its C code, too")
    os.write(2, b"TIFFReadDirectory: Doe^Jane")
    print("Doe^Jane", file=sys.stderr, flush=True)
    logging.getLogger("pydicom").warning("the value %r is wrong", "Doe^Jane")
    warnings.warn("Doe^Jane is no name", UserWarning, stacklevel=1)
    return {"said": True}, []
