"""One worker, one bounded queue.

Requests that wait together are segmented together; one too many is refused with Retry-After.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from saywhere.errors import Busy
from saywhere.inference.result import Result
from saywhere.inference.segmenter import Segmenter
from saywhere.io.clinic import Picture
from saywhere.serve.pixel_budget import PixelBudget

BATCH_SIZE = 8
# So that a stop takes 10 seconds at most, all told.
STOP_S = 8.0


def as_it_is(result: Result) -> Any:
    """Keep a result.

    Args:
        result: of the model, with all its arrays.

    Returns:
        The same.
    """
    return result


@dataclass
class Job:
    """One image with one prompt, for one model."""

    segmenter: Segmenter
    image: np.ndarray | Picture
    """uint8 (height, width, channel), original frame"""
    prompt: str
    threshold: float | None
    """(0, 1); None: the model's own"""
    orientation: str | None = None
    r"""how the picture lies in the patient, as in `L\F`; None: as its file says"""
    shows: bool = False
    """is the pseudo-image wanted?"""
    pack: Callable[[Result], Any] = as_it_is
    """what becomes of the result at once: packed, it waits in a hundredth of the memory"""
    answer: Future[tuple[Any, float]] = field(default_factory=Future)
    """the packed result, and how long the model took, in ms (of the whole batch)"""


class SegmentQueue:
    """Take a `place`, reserve `pixels`, `submit` jobs, give both back.

    A place is one request, however many prompts it holds.
    """

    def __init__(self, places: int = 32, pixels: PixelBudget | None = None) -> None:
        """Start the worker.

        Args:
            places: requests in work or waiting at once.
            pixels: of all pictures in work at once; None: as many as by default.
        """
        self.pixels = pixels or PixelBudget()
        self._places = threading.BoundedSemaphore(places)
        self.n_places = places
        self.n_taken = 0
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._is_open = True
        # A daemon: a batch that outlasts `close` does not keep the process alive.
        self._worker = threading.Thread(target=self._work, name="segmenting", daemon=True)
        self._worker.start()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place until the context ends.

        Yields:
            Nothing.

        Raises:
            Busy: all places are taken, or the service is about to stop.
        """
        self.take()
        try:
            yield
        finally:
            self.give()

    def take(self) -> None:
        """Take a place.

        Raises:
            Busy: all places are taken, or the service is about to stop.
        """
        if not self._is_open or not self._places.acquire(blocking=False):
            allowed = (
                f"it takes {self.n_places} requests at once"
                if self._is_open
                else "it is about to stop"
            )
            raise Busy(
                "the service is busy",
                allowed=allowed,
                remedy="try again after the seconds of Retry-After",
            )
        # Without a lock: places are taken and given on the event loop alone.
        self.n_taken += 1

    def give(self) -> None:
        """Give a place back, once for each `take`."""
        self.n_taken -= 1
        self._places.release()

    def submit(self, job: Job) -> Future[tuple[Any, float]]:
        """Let a job wait for the worker.

        Args:
            job: what to segment.

        Returns:
            The answer to come.
        """
        self._waiting.put(job)
        return job.answer

    def refuse(self, patience_s: float = STOP_S) -> None:
        """Take no more requests; those that were begun go on.

        Args:
            patience_s: how long `close` waits for them, from now on.
        """
        if self._is_open:
            self._is_open = False
            self._stops_at = time.monotonic() + patience_s

    def close(self, patience_s: float = STOP_S) -> bool:
        """Take no more requests, and finish those that were begun.

        Args:
            patience_s: how long to wait, where `refuse` has not begun to.

        Returns:
            False where the work is not finished in time.
        """
        self.refuse(patience_s)
        # The worker ends at this mark: what waits before it is finished.
        self._waiting.put(None)
        self._worker.join(max(0.0, self._stops_at - time.monotonic()))
        return not self._worker.is_alive()

    @property
    def is_open(self) -> bool:
        """Are requests taken?"""
        return self._is_open and self._worker.is_alive()

    def _work(self) -> None:
        while (job := self._waiting.get()) is not None:
            jobs = [job]
            while len(jobs) < BATCH_SIZE and (more := self._at_once()) is not None:
                jobs.append(more)
            for batch in _alike(jobs):
                _segment(batch)

    def _at_once(self) -> Job | None:
        """A job that waits already. The mark of the end is put back for `_work`."""
        try:
            job = self._waiting.get_nowait()
        except queue.Empty:
            return None
        if job is None:
            self._waiting.put(None)
        return job


def _alike(jobs: list[Job]) -> list[list[Job]]:
    """By model and threshold: only these can share a batch."""
    groups: dict[Any, list[Job]] = {}
    for job in jobs:
        groups.setdefault((id(job.segmenter), job.threshold), []).append(job)
    return list(groups.values())


def _segment(jobs: list[Job]) -> None:
    """All at once; where that fails, each alone, so that a bad one spoils only itself."""
    # Those whose caller went away were cancelled while they waited.
    jobs = [job for job in jobs if job.answer.set_running_or_notify_cancel()]
    if not jobs:
        return
    try:
        _answer(jobs)
    except Exception as error:
        # It was alone already: a second try would fail alike.
        if len(jobs) == 1:
            jobs[0].answer.set_exception(error)
            return
        for job in jobs:
            try:
                _answer([job])
            except Exception as own:
                job.answer.set_exception(own)


def _answer(jobs: list[Job]) -> None:
    """One call of the model for jobs of one model and threshold."""
    started = time.perf_counter()
    results = jobs[0].segmenter.segment_many(
        [job.image for job in jobs],
        [job.prompt for job in jobs],
        threshold=jobs[0].threshold,
        orientations=[job.orientation for job in jobs],
        pseudo_images=any(job.shows for job in jobs),
    )
    took_ms = 1000 * (time.perf_counter() - started)
    results.reverse()
    for job in jobs:
        # Popped: no result is held longer than until it is packed.
        _pack(job, results.pop(), took_ms)


def _pack(job: Job, result: Result, took_ms: float) -> None:
    try:
        packed = job.pack(result)
    except Exception as error:
        job.answer.set_exception(error)
    else:
        job.answer.set_result((packed, took_ms))
