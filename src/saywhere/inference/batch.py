"""A folder of predictions: every pair of image and prompt becomes files.

What is done already is skipped; an image that cannot be read is set aside.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from saywhere.errors import MissingFile, SaywhereError, UnreadableFile, UsageError
from saywhere.inference import writers
from saywhere.inference.predictions_file import (
    Failure,
    Ledger,
    Prediction,
    Terms,
    to_line,
)
from saywhere.inference.requests import Job
from saywhere.inference.result import Result
from saywhere.inference.segmenter import Segmenter
from saywhere.io import files, images
from saywhere.io.decode import decode_bytes, read_bytes
from saywhere.text.prompts import clean


@dataclass(frozen=True)
class Outcome:
    """Of one batch.

    Attributes:
        predictions: In the order of the jobs, with those that were done before.
        failures: The jobs that were set aside.
        n_skipped: Predictions that were done before.
        n_others: Earlier predictions in the folder, of other images or prompts. They stay.
    """

    predictions: list[Prediction]
    failures: list[Failure]
    n_skipped: int
    n_others: int

    def to_json(self) -> dict[str, object]:
        """Returns what `saywhere predict --json` prints: predictions, failures, skipped."""
        return {
            "predictions": [prediction.to_json() for prediction in self.predictions],
            "failures": [failure.to_json() for failure in self.failures],
            "skipped": self.n_skipped,
        }


def run_jobs(
    segmenter: Segmenter,
    jobs: Sequence[Job],
    out: Path,
    *,
    threshold: float | None = None,
    formats: str | Sequence[str] = writers.DEFAULT,
    again: bool = False,
    refused: Sequence[Failure] = (),
    advance: Callable[[int], None] = lambda done: None,
) -> Outcome:
    """Segment and write; a job that is done already is skipped.

    A job is done where its files were made from the same content of the image, prompt, threshold
    and model. out/predictions.jsonl grows by a line with each prediction, and out/failures.jsonl
    holds what was set aside.

    Args:
        segmenter: The model.
        jobs: Images with prompts. Their stems differ.
        out: The folder. It is made if need be.
        threshold: On the probability, (0, 1); default: the configuration's.
        formats: Names of `writers.WRITERS`, as a list or separated by commas. What an earlier
            call wrote of a job in another format is written anew with it.
        again: Skip nothing.
        refused: Jobs that could not be read; they are listed among the failures.
        advance: Called with the number of jobs that were just finished.

    Returns:
        What was predicted, and what was set aside.

    Raises:
        UsageError: Where a file of the result would replace one of the images, or for a format
            that does not exist.
        MissingExtra: Where a format's package is not installed.
        NotWritable: Where the folder takes no file.
    """
    batch = _Batch(segmenter, out, threshold, writers.choose(formats))
    _refuse_overwriting(jobs, out)
    ledger = Ledger(out)
    done = {} if again else batch.done(ledger, jobs)
    n_skipped = len(done)
    todo = [job for job in jobs if job.stem not in done]
    # All prompts before the first image: the encoder runs once.
    segmenter.embed([clean(job.prompt) for job in todo])
    # Before `begin`, which strikes out the lines that name them.
    formats_of = {job.stem: batch.formats_with(ledger.formats_of(job.stem)) for job in todo}
    ledger.begin(job.stem for job in todo)
    # Predictions of other images stay in the list, as their files stay.
    others = [line for stem, line in ledger.lines.items() if stem not in done]
    failures = list(refused)
    advance(n_skipped)
    for job in todo:
        try:
            done[job.stem] = batch.predict(job, formats_of[job.stem])
            ledger.add(done[job.stem])
        except (UnreadableFile, MissingFile) as error:
            # One bad image does not end the batch. A full disk does: it would fail on each.
            failures.append(_failure(job, error))
        advance(1)
    predictions = [done[job.stem] for job in jobs if job.stem in done]
    # Lines were added as they came; here they get the order of the jobs.
    ledger.write([*others, *(prediction.to_json() for prediction in predictions)])
    _write_failures(out / "failures.jsonl", failures)
    return Outcome(predictions, failures, n_skipped, len(others))


@dataclass(frozen=True)
class _Batch:
    """What all jobs of a call share."""

    segmenter: Segmenter
    out: Path
    threshold: float | None
    formats: Sequence[str]

    def done(self, ledger: Ledger, jobs: Sequence[Job]) -> dict[str, Prediction]:
        """By stem: the predictions of an earlier call that still count."""
        counted = {job.stem: self._counted(ledger, job) for job in jobs}
        return {stem: record for stem, record in counted.items() if record is not None}

    def _counted(self, ledger: Ledger, job: Job) -> Prediction | None:
        if job.stem not in ledger.lines:
            return None
        try:
            terms = self._terms(read_bytes(job.image), job)
        except (UnreadableFile, MissingFile):
            # It is tried again like a new job, and set aside there with a reason.
            return None
        prediction = ledger.counted(job.stem, terms, self.formats)
        # An equal image may have another name today.
        return None if prediction is None else replace(prediction, image=str(job.image))

    def formats_with(self, earlier: Iterable[str]) -> list[str]:
        """The formats of this call, then those that an earlier call wrote of the job as well.

        Without them, a call for one format would remove the files of another.
        """
        return list(dict.fromkeys([*self.formats, *earlier]))

    def predict(self, job: Job, formats: Sequence[str]) -> Prediction:
        """Segment one image and write the result. Raises UnreadableFile, MissingFile."""
        # Read once: what is recorded is what was segmented.
        content = read_bytes(job.image)
        decoded = decode_bytes(content, job.image)
        image = images.image_pixels(decoded, job.image, self.segmenter.config.data.channels)
        result = self.segmenter.segment(image, job.prompt, threshold=self.threshold)
        written = writers.write(result, self.out, job.stem, formats)
        # An image-only model has no pseudo-image: that of another model does not stay beside it.
        for part, ending in writers.endings().items():
            if part not in written:
                (self.out / f"{job.stem}{ending}").unlink(missing_ok=True)
        return _prediction(job, self._terms(content, job), written, result)

    def _terms(self, content: bytes, job: Job) -> Terms:
        return Terms(
            prompt=job.prompt,
            image_sha256=hashlib.sha256(content).hexdigest(),
            threshold=self.threshold or self.segmenter.config.evaluate.threshold,
            model=self.segmenter.digest,
        )


def _prediction(job: Job, terms: Terms, written: dict[str, Path], result: Result) -> Prediction:
    height, width = result.mask.shape
    return Prediction(
        image=str(job.image),
        terms=terms,
        files={part: path.name for part, path in written.items()},
        size=(height, width),
        area_px=int(result.mask.sum()),
        presence=round(result.presence, 4),
        confidence=_rounded(result.confidence),
        expected_dice=_rounded(result.expected_dice),
        unfamiliarity=round(result.unfamiliarity, 3),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _refuse_overwriting(jobs: Sequence[Job], out: Path) -> None:
    """Raise UsageError where a result would replace an image that was given.

    The mask of a.png is a-mask.png, which may be an image of its own. Files of all formats count,
    not of the chosen ones alone, since those of earlier calls are removed.
    """
    given = {job.image.resolve() for job in jobs}
    for job in jobs:
        for ending in writers.endings().values():
            path = out / f"{job.stem}{ending}"
            if path.resolve() in given:
                raise UsageError(
                    f"{path} would be overwritten, and it is one of the pictures",
                    remedy="choose another folder with --out",
                )


def _failure(job: Job, error: SaywhereError) -> Failure:
    return Failure(error.code, str(error), image=str(job.image), prompt=job.prompt)


def _write_failures(path: Path, failures: Sequence[Failure]) -> None:
    """An older list does not stay: what is in it was tried again."""
    if failures:
        files.write_bytes(path, b"".join(to_line(failure.to_json()) for failure in failures))
    else:
        path.unlink(missing_ok=True)
