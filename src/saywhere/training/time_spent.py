"""Where the seconds of a training go."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

NAMES = ("data", "forward", "backward", "optimizer", "validation", "saving")


class TimeSpent:
    """Seconds of each phase, as the processor sees them.

    A GPU works on after a call: there, its seconds show up in whichever phase waits for it.

    Attributes:
        seconds: phase → seconds, of all steps of this sitting.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """Begin with nothing.

        Args:
            clock: seconds that only go forward.
        """
        self.clock = clock
        self.seconds = dict.fromkeys(NAMES, 0.0)

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Count what the block takes.

        Args:
            name: one of NAMES.

        Yields:
            Nothing.
        """
        started = self.clock()
        try:
            yield
        finally:
            self.seconds[name] += self.clock() - started

    def rounded(self) -> dict[str, float]:
        """The seconds, as run.json has them.

        Returns:
            Phase → seconds, to a tenth.
        """
        return {name: round(seconds, 1) for name, seconds in self.seconds.items()}
