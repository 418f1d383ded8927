"""Reading, the network and writing at once: what a batch of jobs flows through.

Threads read ahead and write behind. The network runs in the caller's thread, on pictures of one
batch after the other. Queues are bounded, so that no folder is ever in memory.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

from saywhere.errors import SaywhereError, UnknownSide
from saywhere.inference.prepared import Prepared
from saywhere.inference.read_ahead import MOST_BYTES, ReadAhead, Seen
from saywhere.inference.reading import Reading
from saywhere.inference.requests import Job
from saywhere.inference.runtimes.runtime import Scores
from saywhere.inference.segmenter import Segmenter
from saywhere.inference.units import Unit
from saywhere.io.machine import n_cores

Written = TypeVar("Written")
MOST_THREADS = 8
"""That read, and that write. More would wait for the network."""


@dataclass(frozen=True)
class Scored:
    """A job with what the network answers, at the network's size.

    Attributes:
        job: The job.
        picture: Its picture.
        reading: Of its prompt.
        scores: Of this job alone.
        sha256: Of the picture's file.
    """

    job: Job
    picture: Prepared
    reading: Reading
    scores: Scores
    sha256: str


@dataclass
class Done:
    """A unit whose jobs are all scored or set aside.

    Attributes:
        unit: The unit.
        scored: Its jobs, without those that were set aside.
        failed: Jobs that were set aside, with the reason.
    """

    unit: Unit
    scored: list[Scored] = field(default_factory=list)
    failed: list[tuple[Job, SaywhereError]] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Is nothing of it outstanding?"""
        return len(self.scored) + len(self.failed) == len(self.unit.jobs)


@dataclass
class Remark:
    """Of which files readers remarked something.

    Attributes:
        first: The first one; None before it.
    """

    first: Path | None = None
    # Numbers in place of paths: of a large batch, each file may have the remark.
    _files: set[int] = field(default_factory=set)

    def add(self, file: Path) -> None:
        """Count a picture's file, once for all its pictures.

        Args:
            file: Of the picture.
        """
        self.first = self.first or file
        self._files.add(hash(file))

    @property
    def n_files(self) -> int:
        """How many files."""
        return len(self._files)


@dataclass
class Flow:
    """What units of one call flow through.

    Attributes:
        segmenter: The model.
        orientation: How all pictures lie in the patient; None: as their files say.
        n_threads: That read, and as many that write; None: one for each core.
        remarks: What readers remarked, and of how many files.
    """

    segmenter: Segmenter
    orientation: str | None = None
    n_threads: int | None = None
    remarks: dict[str, Remark] = field(default_factory=dict)

    def each(
        self,
        units: Iterable[Unit],
        write: Callable[[Sequence[Done]], Sequence[Written]],
        advance: Callable[[int], None],
    ) -> Iterator[Written]:
        """Read, segment and write all units.

        Args:
            units: In order.
            write: Called in a thread with units whose jobs are done. What it raises ends the flow.
            advance: Called with 1 as each job was scored or set aside.

        Yields:
            What `write` gave of each unit, in the order of the units.
        """
        threads = self.n_threads or min(MOST_THREADS, n_cores())
        with ThreadPoolExecutor(threads, thread_name_prefix="writing") as pool:
            waiting: deque[Future[Sequence[Written]]] = deque()
            try:
                for done in self._scored(units, threads, advance):
                    # A share for each thread: what is written together waits once for the disk.
                    waiting.extend(pool.submit(write, share) for share in _shares(done, threads))
                    # Bounded: where writing is slower than the network, the answers would fill the
                    # memory.
                    while waiting and (len(waiting) > threads or waiting[0].done()):
                        yield from waiting.popleft().result()
                while waiting:
                    yield from waiting.popleft().result()
            finally:
                # Also where the call is stopped: what the network answered is still written.
                pool.shutdown(wait=True)

    def _scored(
        self, units: Iterable[Unit], threads: int, advance: Callable[[int], None]
    ) -> Iterator[list[Done]]:
        """The units that each batch completes, in order."""
        size = self.segmenter.batch_size
        ahead = ReadAhead(self.segmenter.config.data, threads, most=2 * size)
        open_units: deque[Done] = deque()
        # Jobs come back in the order in which they went.
        read, scored = itertools.tee(units)
        position = _opened(scored, open_units)
        jobs = (job for unit in read for job in unit.jobs)
        for batch in _batches(ahead.pictures(jobs), size):
            self._score(batch, position, advance)
            complete = []
            while open_units and open_units[0].is_complete:
                complete.append(open_units.popleft())
            yield complete

    def _score(
        self,
        batch: Sequence[Seen],
        position: Iterator[tuple[Done, Job]],
        advance: Callable[[int], None],
    ) -> None:
        """Put each job of a batch into its unit."""
        pairs: list[_Pair] = []
        for seen in batch:
            for note in seen.notes:
                self.remarks.setdefault(note, Remark()).add(seen.jobs[0].source.file)
            for done, job in itertools.islice(position, len(seen.jobs)):
                pair = self._pair(done, job, seen)
                if pair is None:
                    advance(1)
                else:
                    pairs.append(pair)
        # One picture may have more prompts than a batch has room for.
        size = self.segmenter.batch_size
        for start in range(0, len(pairs), size):
            part = pairs[start : start + size]
            scores = self.segmenter.scores(
                [pair.picture for pair in part], [pair.reading for pair in part]
            )
            for number, (done, job, picture, reading, sha256) in enumerate(part):
                done.scored.append(Scored(job, picture, reading, scores.of(number), sha256))
                advance(1)

    def _pair(self, done: Done, job: Job, seen: Seen) -> _Pair | None:
        """The picture with its prompt; None of a job that was set aside."""
        # One bad picture does not end the batch.
        error: SaywhereError | None = seen.error
        if seen.picture is not None:
            try:
                geometry = seen.picture.geometry
                reading = self.segmenter.read(job.prompt, self.orientation, geometry)
                return _Pair(done, job, seen.picture, reading, seen.sha256)
            except UnknownSide as unknown:
                error = unknown
        assert error is not None
        done.failed.append((job, error))
        return None


class _Pair(NamedTuple):
    """What goes into a batch for one job."""

    done: Done
    job: Job
    picture: Prepared
    reading: Reading
    sha256: str


def _shares(units: Sequence[Done], most: int) -> Iterator[Sequence[Done]]:
    """As many parts as there are threads, or fewer; neighbours stay together."""
    size = -(-len(units) // most)
    for start in range(0, len(units), size or 1):
        yield units[start : start + size]


def _opened(units: Iterable[Unit], open_units: deque[Done]) -> Iterator[tuple[Done, Job]]:
    """Each job with its unit, which is opened with its first job.

    A list of them all would keep every answer in memory to the end.
    """
    for unit in units:
        open_units.append(Done(unit))
        for job in unit.jobs:
            yield open_units[-1], job


def _batches(pictures: Iterator[Seen], size: int) -> Iterator[list[Seen]]:
    """Pictures for one pass of the network: so many jobs, or fewer of large pictures.

    By the pictures alone, never by which was read first: a batch's last digits depend on its size.
    """
    batch: list[Seen] = []
    n_jobs = n_bytes = 0
    for seen in pictures:
        batch.append(seen)
        n_jobs += len(seen.jobs)
        n_bytes += 0 if seen.picture is None else seen.picture.n_bytes
        if n_jobs >= size or n_bytes >= MOST_BYTES // 2:
            yield batch
            batch = []
            n_jobs = n_bytes = 0
    if batch:
        yield batch
