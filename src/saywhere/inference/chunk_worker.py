"""One chunk of jobs on whichever machine: a local run in a folder of its own, then its files move.

So a cluster writes what one machine writes, byte for byte. What the folder of all predictions holds
already of these jobs is there as empty files, since their names alone are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from saywhere.errors import SaywhereError
from saywhere.inference import record_parts, writers
from saywhere.inference.batch import run_jobs
from saywhere.inference.chunks import N_JOBS, Chunk
from saywhere.inference.ledger import NAME, own_files, shared_files
from saywhere.inference.no_identifiers import Names
from saywhere.inference.outcome import Outcome
from saywhere.inference.outlet import Outlet, open_outlet
from saywhere.inference.predictions_file import Failure, Prediction
from saywhere.inference.record_parts import Line
from saywhere.inference.requests import LISTS, TABLE, Job
from saywhere.inference.segmenter import Segmenter, load
from saywhere.inference.writers.writer import Options
from saywhere.io import addresses, files
from saywhere.io.pseudonyms import Pseudonyms


@dataclass(frozen=True)
class Recipe:
    """What every worker is told; see `batch.run_jobs`.

    Attributes:
        run: The model, as `load` takes it.
        out: Where the predictions go: a folder, or an address.
        folder: Where the call was made: paths are relative to it.
        mirror: As `load` takes it.
        threads: Of one worker.
        threshold: On the probability, (0, 1); None: the configuration's.
        formats: Names of `writers.WRITERS`.
        save: Names of `writers.KINDS`.
        options: How formats are written that leave a choice.
        orientation: How all the pictures lie in the patient.
        again: Skip nothing.
        pseudonyms: Where given, names are hashed in all that is written.
        device: As `load` takes it.
        runtime: As `load` takes it.
        chunk: Jobs that a worker does at a time.
    """

    run: str
    out: str
    folder: str
    mirror: bool | None = None
    threads: int = 1
    threshold: float | None = None
    formats: str | Sequence[str] = writers.DEFAULT
    save: str | Sequence[str] = writers.SAVED
    options: Options = writers.PLAIN
    orientation: str | None = None
    again: bool = False
    pseudonyms: Pseudonyms | None = None
    device: str = "auto"
    runtime: str = "torch"
    chunk: int = N_JOBS


@dataclass(frozen=True)
class Done:
    """Of one chunk, what the one who asked needs to know; the rest stands at its place.

    Attributes:
        number: Of the chunk.
        n_predictions: With those that were done before.
        n_skipped: Done before.
        failures: The jobs that were set aside.
        notes: What a user should know.
        n_bytes: Of the pictures that were fetched, and of the files that were written.
    """

    number: int
    n_predictions: int
    n_skipped: int
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    n_bytes: int = 0


def run_recipe(
    segmenter: Segmenter,
    jobs: Sequence[Job],
    out: Path,
    recipe: Recipe,
    *,
    refused: Sequence[Failure] = (),
    notes: Sequence[str] = (),
    advance: Callable[[int], None] = lambda done: None,
) -> Outcome:
    """Do jobs of this machine in a folder of this machine, as `batch.run_jobs` does.

    Args:
        segmenter: The model.
        jobs: Images with prompts.
        out: The folder.
        recipe: What is wanted.
        refused: As `run_jobs` takes them.
        notes: The same.
        advance: The same.

    Returns:
        What was predicted, and what was set aside.

    Raises:
        SaywhereError: As `run_jobs`.
    """
    return run_jobs(
        segmenter,
        jobs,
        out,
        threshold=recipe.threshold,
        formats=recipe.formats,
        save=recipe.save,
        options=recipe.options,
        orientation=recipe.orientation,
        again=recipe.again,
        refused=refused,
        notes=notes,
        pseudonyms=recipe.pseudonyms,
        advance=advance,
    )


class ChunkWorker:
    """A model, loaded once, that does one chunk after the other."""

    def __init__(self, recipe: Recipe) -> None:
        """Load the model.

        Args:
            recipe: What is wanted.

        Raises:
            SaywhereError: As `load`.
        """
        self.recipe = recipe
        self.outlet: Outlet = open_outlet(recipe.out)
        self.segmenter: Segmenter = load(
            recipe.run, mirror=recipe.mirror, device=recipe.device, runtime=recipe.runtime
        )

    def do(self, chunk: Chunk) -> Done:
        """Segment, write and record a chunk. Doing it twice changes nothing.

        Args:
            chunk: Of jobs.

        Returns:
            What came of it.

        Raises:
            SaywhereError: What would fail on every picture, such as a full disk.
        """
        with self.outlet.scratch() as scratch:
            fetched = _Fetched(Names(self.recipe.pseudonyms), scratch / "inputs")
            jobs = fetched.jobs(chunk.jobs)
            out = scratch / "out"
            _lay_out(out, chunk.earlier, self.outlet.present(_named(chunk.earlier)))
            outcome = fetched.renamed(run_recipe(self.segmenter, jobs, out, self.recipe))
            return self._publish(chunk, out, outcome, fetched)

    def _publish(self, chunk: Chunk, out: Path, outcome: Outcome, fetched: _Fetched) -> Done:
        """First what strikes out, then the files, then the lines; see `record_parts`."""
        lines = [prediction.to_json() for prediction in outcome.predictions]
        known = {str(line.get("stem")): line for line in lines}
        struck = [line for line in chunk.earlier if known.get(str(line.get("stem"))) != line]
        if struck:
            stems = [(str(line.get("stem")), shared_files(line)) for line in struck]
            # Before a file is replaced: a worker that dies in between leaves no line that tells of
            # another.
            self.record(record_parts.begun(chunk.number, stems))
        made = _made(out)
        stale = {name for line in struck for name in (*own_files(line), *shared_files(line))}
        self.outlet.remove(sorted(stale - set(_named(lines))))
        n_bytes = fetched.n_bytes
        for file in made:
            # Before it is published, which may move it away.
            n_bytes += file.stat().st_size
            self.outlet.publish(file)
        self.record(record_parts.done(chunk.number, lines))
        failures = [*fetched.failures, *outcome.failures]
        n_known = len(lines)
        return Done(chunk.number, n_known, outcome.n_skipped, failures, outcome.notes, n_bytes)

    def record(self, part: tuple[str, bytes]) -> None:
        """Put a record at its place.

        Args:
            part: Of `record_parts`: a name and its content.

        Raises:
            NotWritable: The place takes no file.
        """
        name, content = part
        self.outlet.write(f"{record_parts.FOLDER}/{name}", content)


class _Fetched:
    """Pictures that lie at addresses, copied here for as long as they are read."""

    def __init__(self, names: Names, folder: Path) -> None:
        self.names = names
        self.folder = folder
        self.failures: list[Failure] = []
        self.n_bytes = 0
        self._copies: dict[str, Path | SaywhereError] = {}

    def jobs(self, jobs: Sequence[Job]) -> list[Job]:
        """Those whose pictures are on this machine now; the others are failures."""
        local = []
        for job in jobs:
            address = addresses.of(job.image)
            if address is None:
                local.append(job)
                continue
            copy = self._copy(address)
            if isinstance(copy, SaywhereError):
                failure = self.names.failed(job, copy)
                self.failures.append(replace(failure, image=self.names.of(address)))
            else:
                local.append(replace(job, image=copy))
        return local

    def renamed(self, outcome: Outcome) -> Outcome:
        """Name the pictures by their addresses, and not by their copies."""
        copies = {
            str(copy): address for address, copy in self._copies.items() if isinstance(copy, Path)
        }
        if not copies:
            return outcome
        hashed = {self.names.of(copy): self.names.of(name) for copy, name in copies.items()}
        return replace(
            outcome,
            predictions=[_named_by(prediction, hashed) for prediction in outcome.predictions],
            failures=[_reworded(failure, hashed, copies) for failure in outcome.failures],
        )

    def _copy(self, address: str) -> Path | SaywhereError:
        """One copy of a picture, however many prompts it has."""
        if address not in self._copies:
            name = address.rsplit("/", 1)[-1]
            # A folder for each: two addresses may end in the same name.
            copy = self.folder / str(len(self._copies)) / name
            try:
                addresses.fetch(address, copy)
                self.n_bytes += copy.stat().st_size
                self._copies[address] = copy
            except SaywhereError as error:
                # Kept like a copy: what ten prompts are about is asked for once, and fails all ten.
                self._copies[address] = error
        return self._copies[address]


def _lay_out(out: Path, earlier: Sequence[Line], present: Iterable[str]) -> None:
    """The lists and names that an earlier call left: a local run skips what they show as done."""
    out.mkdir()
    if earlier:
        files.write_bytes(out / NAME, b"".join(map(record_parts.to_line, earlier)))
    for name in present:
        # Empty: a local run looks only whether it is there, and its content need not travel.
        (out / name).touch()


def _named(lines: Iterable[Line]) -> list[str]:
    every = [name for line in lines for name in (*own_files(line), *shared_files(line))]
    return list(dict.fromkeys(every))


def _made(out: Path) -> list[Path]:
    """What the run wrote: names that were laid out are empty, and no output is."""
    # The call writes the lists, of all its chunks, at its end.
    others = {*LISTS, f"{TABLE}.parquet"}
    made = [file for file in sorted(out.iterdir()) if file.is_file() and file.name not in others]
    return [file for file in made if file.stat().st_size]


def _named_by(prediction: Prediction, names: Mapping[str, str]) -> Prediction:
    return replace(prediction, image=names.get(prediction.image, prediction.image))


def _reworded(failure: Failure, names: Mapping[str, str], copies: Mapping[str, str]) -> Failure:
    reason = failure.reason
    for copy, address in copies.items():
        reason = reason.replace(copy, address)
    image = None if failure.image is None else names.get(failure.image, failure.image)
    return replace(failure, image=image, reason=reason)
