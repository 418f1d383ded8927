"""Name the phases of a training step and of a prediction. Where nobody listens, nothing is timed.

`saywhere bench` listens. A phase inside of another one counts for itself alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

Given = ParamSpec("Given")
Answer = TypeVar("Answer")
Clock = Callable[[str], AbstractContextManager[None]]
"""Phase → a context that times it."""

_clocks: list[Clock] = []


def phase(name: str) -> Callable[[Callable[Given, Answer]], Callable[Given, Answer]]:
    """Mark a function as a phase.

    Args:
        name: such as "read", "encode", "augment", "write".

    Returns:
        A decorator. The function does as before.
    """

    def mark(function: Callable[Given, Answer]) -> Callable[Given, Answer]:
        @wraps(function)
        def timed(*given: Given.args, **named: Given.kwargs) -> Answer:
            if not _clocks:
                return function(*given, **named)
            with _clocks[-1](name):
                return function(*given, **named)

        return timed

    return mark


@contextmanager
def timed_by(clock: Clock) -> Iterator[None]:
    """Time the phases of everything that runs inside, in any thread.

    Args:
        clock: makes the context of a phase.

    Yields:
        Nothing; what is to be timed goes into the block.
    """
    _clocks.append(clock)
    try:
        yield
    finally:
        _clocks.remove(clock)
