"""Ctrl-C and SIGTERM: remembered, so that a training ends after a whole step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def until_interrupted(stop: threading.Event, *, at_once: bool = False) -> Iterator[None]:
    """Remember Ctrl-C and SIGTERM: they end a training after the step under way, not inside of it.

    Args:
        stop: set by either signal.
        at_once: raise KeyboardInterrupt too; for what comes before the first step.

    Yields:
        Nothing; the handlers are as before once the block ends.
    """
    # Only the main thread may set handlers; a training in another one is stopped from outside.
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def remember(*_: object) -> None:
        stop.set()
        if at_once:
            raise KeyboardInterrupt

    before = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
