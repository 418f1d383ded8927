"""Pictures are read and resized ahead of the network, in threads, in order, and never many.

Pillow and zlib let other threads run while they work, so that reading costs the network little.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar

from saywhere.config import DataConfig
from saywhere.errors import MissingFile, UnreadableFile
from saywhere.inference.prepared import Prepared, prepare
from saywhere.inference.requests import Job
from saywhere.io.clinic import Picture
from saywhere.io.source_reader import Reader

MOST_BYTES = 128 * 2**20
"""Of decoded pictures that wait, as long as each is smaller than that."""
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Seen:
    """One picture with all that is asked of it in a row.

    Attributes:
        jobs: On this picture, one after the other; one or more.
        picture: Decoded and resized; None where that failed.
        sha256: Of its file.
        notes: What a reader would not expect of it.
        error: Why it could not be read; None where it could.
    """

    jobs: Sequence[Job]
    picture: Prepared | None = None
    sha256: str = ""
    notes: tuple[str, ...] = ()
    error: UnreadableFile | MissingFile | None = None


@dataclass
class ReadAhead:
    """Reads the pictures of jobs, some of them before they are asked for.

    Attributes:
        data: How the model takes pictures.
        n_threads: That read.
        most: Pictures that wait at once.
    """

    data: DataConfig
    n_threads: int = 2
    most: int = 32
    _largest: int = field(default=1, init=False)

    def pictures(self, jobs: Iterable[Job]) -> Iterator[Seen]:
        """Read what the jobs are about.

        A picture that several jobs in a row ask for is read once; a volume's file is decoded once
        for all its slices.

        Args:
            jobs: In any number.

        Yields:
            Each picture with its jobs, in their order.

        Raises:
            MissingExtra: A library is not installed.
        """
        with ThreadPoolExecutor(self.n_threads, thread_name_prefix="reading") as pool:
            ahead = in_order(pool, self._read, self._tasks(jobs), self._most_now)
            try:
                yield from ahead
            finally:
                # What nobody waits for any more is not begun.
                pool.shutdown(wait=False, cancel_futures=True)

    def _tasks(self, jobs: Iterable[Job]) -> Iterator[tuple[_File, list[Job]]]:
        for _, of_file in itertools.groupby(jobs, lambda job: (job.image, job.member)):
            file = _File(Reader(self.data.channels, self.data.grey))
            # `groupby` joins neighbours alone: one picture on two far lines is read twice, in
            # little memory.
            for _, of_picture in itertools.groupby(of_file, lambda job: job.frame):
                yield file, list(of_picture)

    def _most_now(self) -> int:
        """Fewer of large pictures."""
        return max(1, min(self.most, MOST_BYTES // self._largest))

    def _read(self, task: tuple[_File, list[Job]]) -> Seen:
        file, jobs = task
        try:
            # A reader holds one file: its slices take turns.
            with file.lock:
                read = file.reader.read(jobs[0].source)
        except (UnreadableFile, MissingFile) as error:
            return Seen(jobs, error=error)
        # Written by several threads without a lock: a lost update costs a little memory, no answer.
        self._largest = max(self._largest, read.pixels.nbytes)
        picture = prepare(Picture(read.pixels, read.geometry), self.data)
        return Seen(jobs, picture, read.sha256, read.notes)


@dataclass(frozen=True)
class _File:
    """One file, whose pictures share a reader."""

    reader: Reader
    lock: Lock = field(default_factory=Lock)


def in_order(
    pool: ThreadPoolExecutor,
    work: Callable[[Item], Result],
    items: Iterable[Item],
    most: Callable[[], int],
) -> Iterator[Result]:
    """Work in threads, and give the results in the items' order.

    Args:
        pool: Of threads.
        work: Done with each item.
        items: Taken one by one, as results are taken.
        most: How many may be in work or wait as results at once.

    Yields:
        The results.
    """
    waiting: deque[Future[Result]] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        while len(waiting) >= most():
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
