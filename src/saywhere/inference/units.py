"""Jobs that are done together: one, or all whose answers go to one file."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from saywhere.inference import writers
from saywhere.inference.ledger import Ledger
from saywhere.inference.requests import Job
from saywhere.inference.writers.writer import Scope

SHARED = (Scope.VOLUME, Scope.INPUT)
"""Scopes of files that hold the answers of several jobs."""


@dataclass(frozen=True)
class Unit:
    """Jobs that are done together: one, or all whose answers go to one file.

    Attributes:
        jobs: In their order.
        parts: That are written of them.
        numbers: Of the jobs among all of the call, from 0.
    """

    jobs: Sequence[Job]
    parts: Sequence[str]
    numbers: Sequence[int] = ()

    @property
    def shared(self) -> list[str]:
        """The parts that hold answers of several jobs."""
        return [part for part in self.parts if writers.scope_of(part) in SHARED]

    def less(self, done: Collection[str]) -> Unit:
        """Without the jobs of these stems."""
        if not done:
            return self
        left = [pair for pair in zip(self.jobs, self.numbers) if pair[0].stem not in done]
        return Unit([job for job, _ in left], self.parts, [number for _, number in left])


class Units:
    """The units of a call, made as they are asked for, as often as that is."""

    def __init__(self, jobs: Sequence[Job], wanted: Sequence[str], ledger: Ledger) -> None:
        """Group jobs with the parts that are wanted, then those that an earlier call wrote as well.

        Without the latter, a call for one format would remove the files of another.

        Args:
            jobs: Of a call.
            wanted: Names of parts.
            ledger: Of the folder. It is looked at here alone: what is made anew is struck out
                of it.
        """
        self._jobs = jobs
        self._wanted = list(wanted)
        # Most lines have equal parts: one list of them serves all.
        known: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._earlier: dict[str, tuple[str, ...]] = {}
        for stem in ledger.lines:
            parts = tuple(ledger.parts_of(stem))
            self._earlier[stem] = known.setdefault(parts, parts)
        # A place and not the name for each job: there may be millions.
        groups: dict[str, int] = {}
        self._groups = array("q")
        for job in jobs:
            self._groups.append(groups.setdefault(job.stem_for(Scope.INPUT), len(groups)))
        self._order = array("q", np.argsort(self._groups, kind="stable").tobytes())

    def __iter__(self) -> Iterator[Unit]:
        """Gives the units in the order of their first jobs."""
        for _, places in groupby(self._order, key=self._groups.__getitem__):
            yield from self._of_group(list(places))

    def _of_group(self, numbers: list[int]) -> Iterator[Unit]:
        jobs = [self._jobs[number] for number in numbers]
        together = Unit(jobs, self._parts(jobs), numbers)
        # A file of a whole volume cannot be written slice by slice: its jobs wait for each other.
        if together.shared:
            yield together
            return
        for job, number in zip(jobs, numbers):
            yield Unit([job], self._parts([job]), [number])

    def _parts(self, jobs: Sequence[Job]) -> list[str]:
        earlier = [part for job in jobs for part in self._earlier.get(job.stem, ())]
        return list(dict.fromkeys([*self._wanted, *earlier]))
