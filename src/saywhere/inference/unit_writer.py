"""Files of what units answer: written in threads, one unit each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from saywhere.errors import MissingFile, UnreadableFile, UsageError
from saywhere.inference import writers
from saywhere.inference.answer import Answer
from saywhere.inference.flow import Done, Scored
from saywhere.inference.ledger import Ledger
from saywhere.inference.no_identifiers import Names
from saywhere.inference.outcome import UnitOutcome
from saywhere.inference.predictions_file import Prediction, Terms
from saywhere.inference.requests import TABLE, Job
from saywhere.inference.segmenter import Segmenter
from saywhere.inference.units import SHARED, Unit
from saywhere.inference.writers.writer import Options, Scope
from saywhere.io import files
from saywhere.io.source_reader import Reader
from saywhere.text.frames import NOT_STATED, frame_named

PSEUDO = "pseudo"


@dataclass(frozen=True)
class UnitWriter:
    """Writes what the units of a call answer. Threads may call it at once.

    Attributes:
        segmenter: The model.
        out: The folder.
        threshold: On the probability, (0, 1); None: the configuration's.
        options: How formats are written that leave a choice.
        orientation: How all the pictures lie in the patient; None: as their files say.
        names: What each name becomes on its way into a file.
    """

    segmenter: Segmenter
    out: Path
    threshold: float | None
    options: Options
    orientation: str | None = None
    names: Names = field(default_factory=Names)

    def done(self, ledger: Ledger, unit: Unit, reader: Reader) -> dict[str, Prediction]:
        """Find the predictions of an earlier call that still count.

        Args:
            ledger: Of the folder.
            unit: Of this call.
            reader: Of the pictures.

        Returns:
            Stem → prediction.
        """
        known = [job.stem in ledger.lines for job in unit.jobs]
        # Nothing is read of images that are new.
        if not any(known) or (unit.shared and not all(known)):
            return {}
        try:
            terms = [self._terms(reader.sha256(job.source), job) for job in unit.jobs]
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

    def write_together(self, units: Sequence[Done], ledger: Ledger) -> list[UnitOutcome]:
        """Write what some units answer, then their lines: the disk is waited for once.

        Args:
            units: The units, scored.
            ledger: Of the folder.

        Returns:
            Of each unit its predictions and failures.

        Raises:
            NotWritable: Where the folder takes no file. What was written before has its lines.
        """
        outcomes: list[UnitOutcome] = []
        try:
            with files.flushing_once():
                for done in units:
                    outcomes.append(self.write(done))
        finally:
            # By the thread that wrote the files: who stops the call loses none of them.
            ledger.add([one for outcome in outcomes for one in outcome.predictions])
        return outcomes

    def write(self, done: Done) -> UnitOutcome:
        """Bring the answers of a unit to the pictures' own size, and write them.

        Args:
            done: The unit, scored.

        Returns:
            Its predictions and failures.

        Raises:
            NotWritable: Where the folder takes no file.
        """
        unit = done.unit
        outcome = UnitOutcome()
        outcome.failures.extend(self.names.failed(job, error) for job, error in done.failed)
        answered = [self._answered(one, unit) for one in done.scored]
        try:
            written_of = self._write(unit, answered, outcome.notes)
        except UsageError as error:
            # Such as a series with a gap, which NIfTI cannot hold.
            outcome.failures.extend(self.names.failed(one.job, error) for one in answered)
            return outcome
        made_with = self._made_with(unit, [one.terms for one in answered])
        numbers = {job.stem: number for job, number in zip(unit.jobs, unit.numbers)}
        for one in answered:
            written = {part: path.name for part, path in written_of[one.job.stem].items()}
            prediction = _prediction(one, unit.parts, written, made_with)
            outcome.predictions.append(self.names.prediction(prediction, one.job))
            outcome.numbers.append(numbers[one.job.stem])
        return outcome

    def _answered(self, one: Scored, unit: Unit) -> _Answered:
        # A pseudo-image that nobody keeps is not brought to the picture's size.
        shows = PSEUDO in unit.parts
        answer = self.segmenter.result(
            one.picture, one.reading, one.scores, 0, self.threshold, pseudo_images=shows
        )
        named = self.names.answer(answer, one.job.prompt)
        return _Answered(one.job, self._terms(one.sha256, one.job), named)

    def _write(
        self, unit: Unit, answered: Sequence[_Answered], notes: list[str]
    ) -> dict[str, dict[str, Path]]:
        """Stem → part → file."""
        written: dict[str, dict[str, Path]] = {one.job.stem: {} for one in answered}
        for scope in (Scope.ANSWER, *SHARED):
            parts = [part for part in unit.parts if writers.scope_of(part) is scope]
            for stem, members in _by_stem(answered, scope).items() if parts else ():
                paths, more = writers.write(
                    [one.answer for one in members], self.out, stem, parts, self.options
                )
                notes += more
                for one in members:
                    written[one.job.stem] |= paths
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

    def _made_with(self, unit: Unit, terms: Sequence[Terms]) -> dict[str, str]:
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
