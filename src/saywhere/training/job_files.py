"""What the launcher and its processes write for each other: job.json, and RANK.json of each."""

from __future__ import annotations

from typing import TypedDict


class JobRecord(TypedDict):
    """job.json: what `trainer.train` was called with."""

    config: dict[str, dict[str, object]]
    """tables of the configuration, with the keys that were named alone"""
    out: str | None
    """the run directory"""
    name: str
    """of the default directory"""
    resume: bool
    """go on where the run stands"""
    start: str | None
    """whose weights are the first ones"""
    other_threads: bool
    """may a resumed run have other threads?"""
    pause_after: int | None
    """the epoch after which it pauses"""


class OutcomeRecord(TypedDict, total=False):
    """RANK.json, what became of a process: `run`, `interrupted`, or the parts of an error."""

    run: str
    """the run directory, of a training that is finished"""
    interrupted: bool
    """it ended after Ctrl-C, and what was learned is saved"""
    error: str
    """the class of the error"""
    problem: str
    """what is wrong"""
    where: str | None
    """the place of the fault"""
    allowed: str | None
    """what would be right"""
    remedy: str | None
    """what to do next"""
