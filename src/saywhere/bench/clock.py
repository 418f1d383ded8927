"""Seconds of each phase: marked functions, and what torch itself can be asked to report."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.nn.modules import module as hooks
from torch.optim import optimizer as optimizers

from saywhere import phases
from saywhere.fusion.generator import Generator
from saywhere.fusion.projection import Projection
from saywhere.losses import ReferringLoss

TEXT = (Projection, Generator)


class Clock:
    """Adds up the seconds of each phase; a phase inside of another one is not counted twice.

    Attributes:
        seconds: phase → seconds, over all threads.
    """

    def __init__(self, wait: Callable[[], None] = lambda: None) -> None:
        """Start with nothing.

        Args:
            wait: returns once the device has done what it was given; a GPU works on after a call.
        """
        self.seconds: dict[str, float] = defaultdict(float)
        self.wait = wait
        self._own = threading.local()
        self._lock = threading.Lock()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a block.

        Args:
            name: of the phase.

        Yields:
            Nothing.
        """
        self.begin(name)
        try:
            yield
        finally:
            self.end(name)

    def begin(self, name: str) -> None:
        """Open a phase in this thread.

        Args:
            name: of the phase.
        """
        self._charge()
        self._stack.append(name)

    def end(self, name: str) -> None:
        """Close a phase of this thread, with those that were opened in it; one not open: nothing.

        Args:
            name: of the phase.
        """
        if name in self._stack:
            self._charge()
            while self._stack.pop() != name:
                pass

    @property
    def is_open(self) -> bool:
        """Is a phase of this thread open?"""
        return bool(self._stack)

    @property
    def _stack(self) -> list[str]:
        if not hasattr(self._own, "stack"):
            self._own.stack = []
            self._own.since = 0.0
        return self._own.stack

    def _charge(self) -> None:
        """Give the time since the last change to the innermost open phase."""
        self.wait()
        now = time.perf_counter()
        if self._stack:
            with self._lock:
                self.seconds[self._stack[-1]] += now - self._own.since
        self._own.since = now


@contextmanager
def watching(clock: Clock) -> Iterator[None]:
    """Time the phases of training steps and predictions inside.

    forward, text (projection and generator, in the forward pass), loss, backward and optimizer are
    read off torch's own hooks; the others are marked in the code, see `saywhere.phases`.

    Args:
        clock: is given the seconds.

    Yields:
        Nothing.
    """
    watch = _Watch(clock)
    with ExitStack() as stack:
        stack.enter_context(phases.timed_by(clock.phase))
        handles = [
            hooks.register_module_forward_pre_hook(watch.enter),
            hooks.register_module_forward_hook(watch.leave, always_call=True),
            optimizers.register_optimizer_step_pre_hook(watch.step_begins),
            optimizers.register_optimizer_step_post_hook(watch.step_ends),
        ]
        for handle in handles:
            stack.callback(handle.remove)
        yield


class _Watch:
    """Which call of a module is a phase: the outermost one, and the text branch inside of it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._own = threading.local()

    def enter(self, module: Any, given: Any) -> None:
        depth = getattr(self._own, "depth", 0)
        self._own.depth = depth + 1
        if isinstance(module, TEXT):
            self.clock.begin("text")
        elif depth == 0 and not self.clock.is_open:
            # The encoder and Kornia's augmentation are modules, too: they are other phases.
            self.clock.begin(_outermost(module))

    def leave(self, module: Any, given: Any, answer: Any) -> None:
        self._own.depth -= 1
        if isinstance(module, TEXT):
            self.clock.end("text")
        elif self._own.depth == 0:
            self.clock.end(_outermost(module))
            # What follows the loss is its gradient, until the optimizer takes over.
            if isinstance(module, ReferringLoss) and torch.is_grad_enabled():
                self.clock.begin("backward")

    def step_begins(self, *_: Any) -> None:
        self.clock.end("backward")
        self.clock.begin("optimizer")

    def step_ends(self, *_: Any) -> None:
        self.clock.end("optimizer")


def _outermost(module: Any) -> str:
    return "loss" if isinstance(module, ReferringLoss) else "forward"
