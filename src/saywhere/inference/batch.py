"""A folder of predictions: every pair of image and prompt becomes files.

What is done already is skipped; an image that cannot be read is set aside.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from saywhere.errors import (
    MissingFile,
    UnknownSide,
    UnreadableFile,
    UsageError,
)
from saywhere.inference import writers
from saywhere.inference.answer import Answer
from saywhere.inference.ledger import Ledger
from saywhere.inference.no_identifiers import Names, refuse_named
from saywhere.inference.predictions_file import Failure, Prediction, Terms
from saywhere.inference.record_parts import to_line
from saywhere.inference.requests import TABLE, Job
from saywhere.inference.segmenter import Segmenter
from saywhere.inference.writers.writer import Options, Scope
from saywhere.io import files
from saywhere.io.clinic import Picture
from saywhere.io.pseudonyms import Pseudonyms
from saywhere.io.sources import Reader
from saywhere.text.frames import NOT_STATED, check_orientation, frame_named
from saywhere.text.prompts import clean


@dataclass(frozen=True)
class Outcome:
    """Of one batch.

    Attributes:
        predictions: In the order of the jobs, with those that were done before.
        failures: The jobs that were set aside.
        n_skipped: Predictions that were done before.
        n_others: Earlier predictions in the folder, of other images or prompts. They stay.
        notes: What a user should know of files that were written or left out, one sentence each.
    """

    predictions: list[Prediction]
    failures: list[Failure]
    n_skipped: int
    n_others: int
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, object]:
        """Returns what `saywhere predict --json` prints: predictions, failures, skipped, notes."""
        return {
            "predictions": [prediction.to_json() for prediction in self.predictions],
            "failures": [failure.to_json() for failure in self.failures],
            "skipped": self.n_skipped,
            "notes": self.notes,
        }


def run_jobs(
    segmenter: Segmenter,
    jobs: Sequence[Job],
    out: Path,
    *,
    threshold: float | None = None,
    formats: str | Sequence[str] = writers.DEFAULT,
    save: str | Sequence[str] = writers.SAVED,
    options: Options = writers.PLAIN,
    orientation: str | None = None,
    again: bool = False,
    refused: Sequence[Failure] = (),
    notes: Sequence[str] = (),
    pseudonyms: Pseudonyms | None = None,
    advance: Callable[[int], None] = lambda done: None,
) -> Outcome:
    """Segment and write; a job that is done already is skipped.

    A job is done where its files were made from the same content of the image, prompt, threshold
    and model. Jobs whose answers go to one file, such as a label map, are done together.
    out/predictions.jsonl grows by a line with each prediction, and out/failures.jsonl holds what
    was set aside.

    Args:
        segmenter: The model.
        jobs: Images with prompts. Their stems differ.
        out: The folder. It is made if need be.
        threshold: On the probability, (0, 1); default: the configuration's.
        formats: Names of `writers.WRITERS`, as a list or separated by commas. What an earlier
            call wrote of a job in another format is written anew with it.
        save: Names of `writers.KINDS`, as a list or separated by commas.
        options: How formats are written that leave a choice.
        orientation: How all the pictures lie in the patient, as `Segmenter.segment` takes it; None:
            as their files say.
        again: Skip nothing.
        refused: Jobs that could not be read; they are listed among the failures.
        notes: What is known of the jobs already; it comes first among the outcome's.
        pseudonyms: Where given, names of files, paths and prompts are hashed in all that is
            written and returned; DICOM formats are refused.
        advance: Called with the number of jobs that were just finished.

    Returns:
        What was predicted, and what was set aside.

    Raises:
        UsageError: Where a file of the result would replace one of the images, for a format
            that does not exist, or one that cannot be written for one of the images.
        MissingExtra: Where a format's package is not installed.
        NotWritable: Where the folder takes no file.
    """
    wanted = writers.choose_parts(formats, save)
    writers.refuse_inputs(writers.formats_of(wanted), [job.image for job in jobs if not job.member])
    names = Names(pseudonyms)
    jobs = names.jobs(jobs)
    if pseudonyms is not None:
        refuse_named(formats, out)
    _refuse_overwriting(jobs, out)
    if orientation is not None:
        check_orientation(orientation)
    data = segmenter.config.data
    reader = Reader(data.channels, data.grey)
    batch = _Batch(segmenter, out, threshold, options, reader, orientation, names)
    ledger = Ledger(out)
    units = _units(jobs, wanted, ledger)
    done: dict[str, Prediction] = {}
    for unit in [] if again else units:
        done |= batch.done(ledger, unit)
    n_skipped = len(done)
    left = [unit.less(done) for unit in units]
    todo = [unit for unit in left if unit.jobs]
    # All prompts before the first image: the encoder runs once.
    segmenter.embed(_plain_prompts(todo))
    ledger.begin(job.stem for unit in todo for job in unit.jobs)
    # Predictions of other images stay in the list, as their files stay.
    others = [line for stem, line in ledger.lines.items() if stem not in done]
    failures = [names.failure(failure) for failure in refused]
    written: list[str] = []
    advance(n_skipped)
    for unit in todo:
        outcome = batch.predict(unit, advance)
        for prediction in outcome.predictions:
            ledger.add(prediction)
            done[prediction.stem] = prediction
        failures += outcome.failures
        written += outcome.notes
    predictions = [done[job.stem] for job in jobs if job.stem in done]
    # Lines were added as they came; here they get the order of the jobs.
    lines = [*others, *(prediction.to_json() for prediction in predictions)]
    ledger.write(lines)
    writers.write_tables(lines, out, TABLE)
    _write_failures(out / "failures.jsonl", failures)
    every = names.sentences([*notes, *_in_sentences(batch.remarks)], "note") + written
    return Outcome(predictions, failures, n_skipped, len(others), every)


@dataclass(frozen=True)
class _Unit:
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

    def less(self, done: Collection[str]) -> _Unit:
        """Without the jobs of these stems."""
        return replace(self, jobs=[job for job in self.jobs if job.stem not in done])


def _plain_prompts(units: Sequence[_Unit]) -> list[str]:
    """Those that are read as they are: what others are read as depends on the picture."""
    prompts = dict.fromkeys(clean(job.prompt) for unit in units for job in unit.jobs)
    return [prompt for prompt in prompts if frame_named(prompt) == NOT_STATED]


SHARED = (Scope.VOLUME, Scope.INPUT)


def _units(jobs: Sequence[Job], wanted: Sequence[str], ledger: Ledger) -> list[_Unit]:
    """Each job with the parts that are wanted, then those that an earlier call wrote as well.

    Without the latter, a call for one format would remove the files of another.
    """
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.stem_for(Scope.INPUT), []).append(job)
    units = []
    for group in groups.values():
        earlier = [part for job in group for part in ledger.parts_of(job.stem)]
        together = _Unit(group, list(dict.fromkeys([*wanted, *earlier])))
        if together.shared:
            units.append(together)
            continue
        for job in group:
            parts = dict.fromkeys([*wanted, *ledger.parts_of(job.stem)])
            units.append(_Unit([job], list(parts)))
    return units


@dataclass(frozen=True)
class _Batch:
    """What all jobs of a call share."""

    segmenter: Segmenter
    out: Path
    threshold: float | None
    options: Options
    reader: Reader
    orientation: str | None = None
    names: Names = field(default_factory=Names)
    remarks: dict[str, dict[Path, None]] = field(default_factory=dict)

    def done(self, ledger: Ledger, unit: _Unit) -> dict[str, Prediction]:
        """By stem: the predictions of an earlier call that still count."""
        known = [job.stem in ledger.lines for job in unit.jobs]
        # Nothing is read of images that are new.
        if not any(known) or (unit.shared and not all(known)):
            return {}
        try:
            terms = [self._terms(self.reader.sha256(job.source), job) for job in unit.jobs]
        except (UnreadableFile, MissingFile):
            # It is tried again like a new job, and set aside there with a reason.
            return {}
        made_with = self._made_with(unit, terms)
        counted = {}
        for job, of_job in zip(unit.jobs, terms):
            prediction = ledger.counted(job.stem, of_job, unit.parts, made_with)
            if prediction is not None:
                # An equal image may have another name today.
                counted[job.stem] = self.names.prediction(prediction, job)
        return counted if not unit.shared or len(counted) == len(unit.jobs) else {}

    def predict(self, unit: _Unit, advance: Callable[[int], None]) -> Outcome:
        """Segment the images of a unit and write the results."""
        answered: list[_Answered] = []
        outcome = Outcome([], [], 0, 0)
        for job in unit.jobs:
            try:
                answered.append(self._segment(job))
            except (UnreadableFile, MissingFile, UnknownSide) as error:
                # One bad image does not end the batch. A full disk does: it would fail on each.
                outcome.failures.append(self.names.failed(job, error))
            advance(1)
        try:
            files = self._write(unit, answered, outcome.notes)
        except UsageError as error:
            # Such as a series with a gap, which NIfTI cannot hold.
            outcome.failures.extend(self.names.failed(one.job, error) for one in answered)
            return outcome
        made_with = self._made_with(unit, [one.terms for one in answered])
        for one in answered:
            written = {part: path.name for part, path in files[one.job.stem].items()}
            prediction = _prediction(one, unit.parts, written, made_with)
            outcome.predictions.append(self.names.prediction(prediction, one.job))
        return outcome

    def _segment(self, job: Job) -> _Answered:
        """Raises UnreadableFile, MissingFile."""
        # Read once: what is recorded is what was segmented.
        read = self.reader.read(job.source)
        picture = Picture(read.pixels, read.geometry)
        answer = self.segmenter.segment(
            picture, job.prompt, threshold=self.threshold, orientation=self.orientation
        )
        for note in read.notes:
            self.remarks.setdefault(note, {})[job.source.file] = None
        named = self.names.answer(answer, job.prompt)
        return _Answered(job, self._terms(read.sha256, job), named)

    def _write(
        self, unit: _Unit, answered: Sequence[_Answered], notes: list[str]
    ) -> dict[str, dict[str, Path]]:
        """Stem → part → file."""
        written: dict[str, dict[str, Path]] = {one.job.stem: {} for one in answered}
        for scope in (Scope.ANSWER, *SHARED):
            parts = [part for part in unit.parts if writers.scope_of(part) is scope]
            for stem, members in _by_stem(answered, scope).items() if parts else ():
                files, more = writers.write(
                    [one.answer for one in members], self.out, stem, parts, self.options
                )
                notes += more
                for one in members:
                    written[one.job.stem] |= files
        tables = [part for part in unit.parts if writers.scope_of(part) is Scope.FOLDER]
        for one in answered:
            paths = writers.paths(self.out, TABLE, tables)
            written[one.job.stem] |= paths
            self._remove_others(one.job, written[one.job.stem])
        return written

    def _remove_others(self, job: Job, written: Mapping[str, Path]) -> None:
        """An image-only model has no pseudo-image: that of another model does not stay."""
        for part, ending in writers.endings().items():
            if part not in written and writers.scope_of(part) is Scope.ANSWER:
                (self.out / f"{job.stem}{ending}").unlink(missing_ok=True)

    def _terms(self, sha256: str, job: Job) -> Terms:
        terms = Terms(
            prompt=job.prompt,
            image_sha256=sha256,
            threshold=self.threshold or self.segmenter.config.evaluate.threshold,
            model=self.segmenter.digest,
            sides=self._sides(job.prompt),
        )
        return self.names.terms(terms)

    def _sides(self, prompt: str) -> str | None:
        if not self.segmenter.hears_words or frame_named(prompt) == NOT_STATED:
            return None
        return f"{self.segmenter.prompt_facts.frame} {self.orientation or ''}".strip()

    def _made_with(self, unit: _Unit, terms: Sequence[Terms]) -> dict[str, str]:
        """Format → fingerprint, of the formats that need one."""
        members = [one.to_json() for one in terms]
        return writers.fingerprints(unit.parts, members, self.options)


@dataclass(frozen=True)
class _Answered:
    """A job with its answer."""

    job: Job
    terms: Terms
    answer: Answer


def _by_stem(answered: Sequence[_Answered], scope: Scope) -> dict[str, list[_Answered]]:
    """Those whose answers go to one file of this scope, by the stem of its name."""
    members: dict[str, list[_Answered]] = {}
    for one in answered:
        members.setdefault(one.job.stem_for(scope), []).append(one)
    return members


def _prediction(
    one: _Answered, wanted: Sequence[str], written: dict[str, str], made_with: dict[str, str]
) -> Prediction:
    about = one.answer.to_json()
    height, width = about.pop("size")
    # As it was given, and not as the model read it: the terms have it.
    del about["prompt"]
    return Prediction(
        image=str(one.job.image),
        terms=one.terms,
        files=written,
        size=(height, width),
        stem=one.job.stem,
        without=tuple(part for part in wanted if part not in written),
        made_with=made_with,
        record=writers.record(one.answer, wanted),
        **about,
    )


def _in_sentences(remarks: dict[str, dict[Path, None]]) -> list[str]:
    """What readers remarked of pictures: each remark once, with the first file and how many."""
    sentences = []
    for remark, paths in remarks.items():
        first = next(iter(paths)).name
        sentences.append(f"{first}{f' and {len(paths) - 1:,} more' * (len(paths) > 1)}: {remark}")
    return sentences


def _refuse_overwriting(jobs: Sequence[Job], out: Path) -> None:
    """Raise UsageError where a result would replace an image that was given.

    The mask of a.png is a-mask.png, which may be an image of its own. Files of all formats count,
    not of the chosen ones alone, since those of earlier calls are removed.
    """
    given = {job.image.resolve() for job in jobs}
    for job in jobs:
        for part, ending in writers.endings().items():
            path = out / f"{job.stem_for(writers.scope_of(part))}{ending}"
            if path.resolve() in given:
                raise UsageError(
                    f"{path} would be overwritten, and it is one of the pictures",
                    remedy="choose another folder with --out",
                )


def _write_failures(path: Path, failures: Sequence[Failure]) -> None:
    """An older list does not stay: what is in it was tried again."""
    if failures:
        files.write_bytes(path, b"".join(to_line(failure.to_json()) for failure in failures))
    else:
        path.unlink(missing_ok=True)
