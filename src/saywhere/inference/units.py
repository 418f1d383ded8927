"""Jobs that are done together: one, or all whose answers go to one file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

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
    """

    jobs: Sequence[Job]
    parts: Sequence[str]

    @property
    def shared(self) -> list[str]:
        """The parts that hold answers of several jobs."""
        return [part for part in self.parts if writers.scope_of(part) in SHARED]

    def less(self, done: Collection[str]) -> Unit:
        """Without the jobs of these stems."""
        return replace(self, jobs=[job for job in self.jobs if job.stem not in done])


def units_of(jobs: Sequence[Job], wanted: Sequence[str], ledger: Ledger) -> list[Unit]:
    """Group jobs with the parts that are wanted, then those that an earlier call wrote as well.

    Without the latter, a call for one format would remove the files of another.

    Args:
        jobs: Of a call.
        wanted: Names of parts.
        ledger: Of the folder.

    Returns:
        The units, in the order of their first jobs.
    """
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.stem_for(Scope.INPUT), []).append(job)
    units = []
    for group in groups.values():
        earlier = [part for job in group for part in ledger.parts_of(job.stem)]
        together = Unit(group, list(dict.fromkeys([*wanted, *earlier])))
        # A file of a whole volume cannot be written slice by slice: its jobs wait for each other.
        if together.shared:
            units.append(together)
            continue
        for job in group:
            parts = dict.fromkeys([*wanted, *ledger.parts_of(job.stem)])
            units.append(Unit([job], list(parts)))
    return units
