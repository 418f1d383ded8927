"""Chunks of jobs, as they travel to other machines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from saywhere.inference.record_parts import Line
from saywhere.inference.requests import Job
from saywhere.inference.writers.writer import Scope

N_JOBS = 32
"""Of one chunk. It is what a killed worker loses, and some seconds of work."""


@dataclass(frozen=True)
class Chunk:
    """Jobs that one worker does together.

    Attributes:
        number: Unlike any other of the call.
        jobs: In their order.
        earlier: Lines of predictions.jsonl with stems of these jobs.
    """

    number: int
    jobs: Sequence[Job]
    earlier: Sequence[Line] = ()

    def to_text(self) -> str:
        """Returns the chunk as JSON."""
        jobs = [asdict(job) | {"image": str(job.image)} for job in self.jobs]
        return json.dumps({"number": self.number, "jobs": jobs, "earlier": list(self.earlier)})

    @classmethod
    def from_text(cls, text: str) -> Chunk:
        """Read what `to_text` gave.

        Args:
            text: JSON.

        Returns:
            The chunk.
        """
        document = json.loads(text)
        jobs = [Job(**fields | {"image": Path(fields["image"])}) for fields in document["jobs"]]
        # JSON has no tuples.
        jobs = [job if job.place is None else replace(job, place=_pair(job)) for job in jobs]
        return cls(document["number"], jobs, document["earlier"])

    def alone(self, first: int, name: Callable[[str], str]) -> list[Chunk]:
        """Split it, so that a job that kills its worker takes no other along.

        Args:
            first: Number of the first of the new chunks.
            name: What stems become in records.

        Returns:
            One chunk for each group of jobs whose answers go to one file.
        """
        groups: dict[str, list[Job]] = {}
        for job in self.jobs:
            groups.setdefault(job.stem_for(Scope.INPUT), []).append(job)
        lines = {str(line.get("stem")): line for line in self.earlier}
        chunks = []
        for number, jobs in enumerate(groups.values(), start=first):
            earlier = [lines[name(job.stem)] for job in jobs if name(job.stem) in lines]
            chunks.append(Chunk(number, jobs, earlier))
        return chunks


def cut(jobs: Iterable[Job], n_jobs: int = N_JOBS) -> Iterator[list[Job]]:
    """Cut jobs into chunks.

    Args:
        jobs: Those whose answers go to one file stand one after the other.
        n_jobs: Of a chunk. One is longer where more of them go to one file, such as the slices of
            a volume.

    Yields:
        Jobs in their order.
    """
    chunk: list[Job] = []
    for job in jobs:
        is_other = not chunk or job.stem_for(Scope.INPUT) != chunk[-1].stem_for(Scope.INPUT)
        if len(chunk) >= n_jobs and is_other:
            yield chunk
            chunk = []
        chunk.append(job)
    if chunk:
        yield chunk


def gathered(jobs: Sequence[Job]) -> list[Job]:
    """Put jobs whose answers go to one file one after the other.

    Args:
        jobs: In any order.

    Returns:
        The same jobs, a group where its first job stood.
    """
    places: dict[str, int] = {}
    for job in jobs:
        places.setdefault(job.stem_for(Scope.INPUT), len(places))
    return sorted(jobs, key=lambda job: places[job.stem_for(Scope.INPUT)])


def _pair(job: Job) -> tuple[int, int]:
    number, n_slices = job.place or (1, 1)
    return number, n_slices
