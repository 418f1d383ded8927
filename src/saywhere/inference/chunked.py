"""Predictions in chunks: on Ray's workers, or here where pictures or files lie at an address.

What a worker writes stands at its place before it is reported, so whoever is killed, worker or
caller, is run again and does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saywhere.errors import SaywhereError
from saywhere.inference import ray_pool, writers
from saywhere.inference.chunk_worker import ChunkWorker, Done, Recipe, run_recipe
from saywhere.inference.chunks import Chunk, cut, gathered
from saywhere.inference.ledger import NAME, Ledger, shared_files
from saywhere.inference.no_identifiers import Names
from saywhere.inference.outcome import Outcome
from saywhere.inference.outlet import FolderOutlet, Outlet, open_outlet
from saywhere.inference.overwriting import refuse_overwriting
from saywhere.inference.predictions_file import Failure, Prediction, write_failures
from saywhere.inference.ray_session import session
from saywhere.inference.requests import TABLE, Job
from saywhere.inference.segmenter import Segmenter
from saywhere.inference.writers.writer import Scope
from saywhere.io import addresses
from saywhere.io.machine import n_cores

LOCAL = "local"
"""Not on Ray: one worker, this process."""
DIED = "its worker died each time, with no word of why: out of memory?"
FAILURES = "failures.jsonl"


@dataclass
class Tally:
    """What came of a call's chunks so far.

    Attributes:
        done: By number.
        alone: Of a chunk that no worker survived, by its number: chunks of single jobs.
    """

    done: dict[int, Done] = field(default_factory=dict)
    alone: dict[int, list[Chunk]] = field(default_factory=dict)

    def left(self, chunks: Iterable[Chunk]) -> list[Chunk]:
        """Those that no worker reported."""
        return [chunk for chunk in chunks if chunk.number not in self.done]


def run_anywhere(
    segmenter: Segmenter,
    jobs: Sequence[Job],
    recipe: Recipe,
    *,
    on: str,
    workers: int = 0,
    refused: Sequence[Failure] = (),
    notes: Sequence[str] = (),
    advance: Callable[[int], None] = lambda done: None,
) -> Outcome:
    """Segment and write by the plainest way that does it.

    Args:
        segmenter: The model, loaded here.
        jobs: Images with prompts; an image may be an address.
        recipe: What is wanted, with the same model.
        on: As `run_chunked` takes it.
        workers: The same.
        refused: Jobs that could not be read; they are listed among the failures.
        notes: What is known of the jobs already.
        advance: Called with the number of jobs that were just finished.

    Returns:
        What was predicted, and what was set aside.

    Raises:
        SaywhereError: As `run_jobs` and as `run_chunked`.
    """
    pictures = (addresses.of(job.image) for job in jobs)
    if on != LOCAL or addresses.of(recipe.out) or any(pictures):
        return run_chunked(
            jobs, recipe, on=on, workers=workers, refused=refused, notes=notes, advance=advance
        )
    out = Path(recipe.out)
    return run_recipe(segmenter, jobs, out, recipe, refused=refused, notes=notes, advance=advance)


def run_chunked(
    jobs: Sequence[Job],
    recipe: Recipe,
    *,
    on: str,
    workers: int = 0,
    refused: Sequence[Failure] = (),
    notes: Sequence[str] = (),
    advance: Callable[[int], None] = lambda done: None,
) -> Outcome:
    """Segment and write on one or more machines what `batch.run_jobs` would write here.

    A job that is done already is skipped. Every worker needs Saywhere, and sees the model and the
    pictures under the same paths or addresses.

    Args:
        jobs: Images with prompts; an image may be an address. Their stems differ.
        recipe: What is wanted.
        on: `local`, `ray`, or the address of a Ray cluster.
        workers: At most so many; 0: one for each GPU of the cluster, or for each core.
        refused: Jobs that could not be read; they are listed among the failures.
        notes: What is known of the jobs already.
        advance: Called with the number of jobs that were just finished.

    Returns:
        What was predicted, and what was set aside.

    Raises:
        MissingExtra: Ray, or the library of an address, is not installed.
        UsageError: No cluster answers, or as `batch.run_jobs`.
        NotWritable: The place takes no file.
    """
    names = Names(recipe.pseudonyms)
    outlet = open_outlet(recipe.out)
    _refuse(jobs, recipe, outlet)
    outlet.pull()
    ledger = Ledger(outlet.mirror)
    # What an interrupted call recorded comes into the list before anything new is recorded.
    ledger.write(list(ledger.lines.values()))
    outlet.push([NAME])
    chunks = list(_chunks(jobs, recipe, ledger, names))
    tally = Tally()
    if chunks:
        with nullcontext() if on == LOCAL else session(on, workers or n_cores()) as ray:
            _work(ray, chunks, recipe, on, workers, tally, advance)
    failures = [names.failure(failure) for failure in refused]
    failures += _failures(tally, chunks, names)
    return _finish(outlet, jobs, names, tally, failures, notes)


def _refuse(jobs: Sequence[Job], recipe: Recipe, outlet: Outlet) -> None:
    """What no worker could do is refused before one is started. Raises UsageError."""
    parts = writers.choose_parts(recipe.formats, recipe.save)
    local = [job.image for job in jobs if not job.member and addresses.of(job.image) is None]
    writers.refuse_inputs(writers.formats_of(parts), local)
    if isinstance(outlet, FolderOutlet):
        refuse_overwriting(Names(recipe.pseudonyms).jobs(jobs), outlet.mirror)


def _chunks(jobs: Sequence[Job], recipe: Recipe, ledger: Ledger, names: Names) -> Iterator[Chunk]:
    parts = writers.choose_parts(recipe.formats, recipe.save)
    shared = (Scope.VOLUME, Scope.INPUT)
    is_shared = any(writers.scope_of(part) in shared for part in parts)
    if is_shared or any(map(shared_files, ledger.lines.values())):
        # One worker writes a file of several answers: its jobs must stand together to be cut
        # together.
        jobs = gathered(jobs)
    for number, some in enumerate(cut(jobs, recipe.chunk)):
        stems = [names.of(job.stem) for job in some]
        earlier = [ledger.lines[stem] for stem in stems if stem in ledger.lines]
        yield Chunk(number, some, earlier)


def _work(
    ray: Any,
    chunks: Sequence[Chunk],
    recipe: Recipe,
    on: str,
    workers: int,
    tally: Tally,
    advance: Callable[[int], None],
) -> None:
    """All chunks; then, of those whose worker died again and again, job by job."""
    # Cut into single jobs, the chunks need numbers of their own.
    number = len(chunks)
    waiting = list(chunks)
    while waiting:
        n_jobs = {chunk.number: len(chunk.jobs) for chunk in waiting}
        for done in _reports(waiting, recipe, on, workers, ray):
            tally.done[done.number] = done
            advance(n_jobs[done.number])
        waiting = []
        for chunk in tally.left(chunks):
            if chunk.number not in tally.alone:
                tally.alone[chunk.number] = chunk.alone(number, Names(recipe.pseudonyms).of)
                number += len(chunk.jobs)
                waiting += tally.alone[chunk.number]


def _reports(
    chunks: Sequence[Chunk], recipe: Recipe, on: str, workers: int, ray: Any
) -> Iterator[Done]:
    if ray is not None:
        return ray_pool.reports(ray, chunks, recipe, on, workers)
    worker = ChunkWorker(recipe)
    return map(worker.do, chunks)


def _failures(tally: Tally, chunks: Sequence[Chunk], names: Names) -> list[Failure]:
    """In the order of the jobs; jobs that no worker survived are among them."""
    failures = []
    for number in sorted(tally.done):
        failures += tally.done[number].failures
    dead = SaywhereError(DIED)
    for chunk in tally.left(chunks):
        for one in tally.left(tally.alone.get(chunk.number, ())):
            failures += [names.failed(job, dead) for job in one.jobs]
    return failures


def _finish(
    outlet: Outlet,
    jobs: Sequence[Job],
    names: Names,
    tally: Tally,
    failures: list[Failure],
    notes: Sequence[str],
) -> Outcome:
    outlet.pull()
    ledger = Ledger(outlet.mirror)
    # Of this call, also those that were done before it: the others are counted apart.
    stems = [names.of(job.stem) for job in jobs]
    mine = {stem: ledger.lines[stem] for stem in stems if stem in ledger.lines}
    others = [line for stem, line in ledger.lines.items() if stem not in mine]
    lines = [*others, *mine.values()]
    ledger.write(lines)
    writers.write_tables(lines, outlet.mirror, TABLE)
    write_failures(outlet.mirror / FAILURES, failures)
    outlet.push([NAME, FAILURES, *(path.name for path in outlet.mirror.glob(f"{TABLE}.parquet"))])
    predictions = [Prediction.from_json(line) for line in mine.values()]
    remarks = [note for done in tally.done.values() for note in done.notes]
    return Outcome(
        [prediction for prediction in predictions if prediction is not None],
        failures,
        sum(done.n_skipped for done in tally.done.values()),
        len(others),
        [*names.sentences(list(notes), "note"), *dict.fromkeys(remarks)],
    )
