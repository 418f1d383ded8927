"""A folder of predictions: every (image, prompt) pair becomes files; what is done already is skipped, an unreadable picture is set aside."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from saywhere.errors import MissingFile, SaywhereError, UnreadableFile, UsageError
from saywhere.inference.predictions_file import PARTS, Ledger, Record, line_of
from saywhere.inference.requests import Job
from saywhere.inference.segmenter import Segmenter
from saywhere.io import files, images
from saywhere.io.decode import decode_bytes, read_bytes
from saywhere.text.prompts import clean


@dataclass(frozen=True)
class Outcome:
    """Of one batch."""

    predictions: list[Record]
    """in the order of the jobs, those that were done before as well"""
    failures: list[Record]
    n_skipped: int
    """predictions that were done before"""
    n_others: int
    """earlier predictions in the folder, of other pictures or prompts: they stay"""


def run_jobs(
    segmenter: Segmenter,
    jobs: Sequence[Job],
    out: Path,
    *,
    threshold: float | None = None,
    again: bool = False,
    refused: Sequence[Record] = (),
    advance: Callable[[int], None] = lambda done: None,
) -> Outcome:
    """Predict and write; out/predictions.jsonl grows by a line with each, and out/failures.jsonl holds what was set aside.

    A job is skipped where its files were made from the same content of the image, prompt, threshold and model (`again`: none is).
    `refused`: jobs that could not be read, listed among the failures. Raises UsageError, NotWritable.
    """
    _refuse_overwriting(jobs, out)
    ledger = Ledger(out)
    done = (
        {}
        if again
        else {
            job.stem: record for job in jobs if (record := _done(ledger, job, segmenter, threshold))
        }
    )
    todo = [job for job in jobs if job.stem not in done]
    segmenter.embed([clean(job.prompt) for job in todo])
    ledger.begin(job.stem for job in todo)
    others = [record for stem, record in ledger.records.items() if stem not in done]
    failures = list(refused)
    advance(len(done))
    n_skipped = len(done)
    for job in todo:
        try:
            done[job.stem] = _predict(segmenter, job, out, threshold)
            ledger.add(done[job.stem])
        except (UnreadableFile, MissingFile) as error:
            failures.append(_failure(job, error))
        advance(1)
    predictions = [done[job.stem] for job in jobs if job.stem in done]
    ledger.write([*others, *predictions])
    _write_failures(out / "failures.jsonl", failures)
    return Outcome(predictions, failures, n_skipped, len(others))


def _terms(content: bytes, job: Job, segmenter: Segmenter, threshold: float | None) -> Record:
    """All that an answer depends on."""
    chosen = threshold or segmenter.config.evaluate.threshold
    return {
        "prompt": job.prompt,
        "image_sha256": hashlib.sha256(content).hexdigest(),
        "threshold": chosen,
        "model": segmenter.digest,
    }


def _done(ledger: Ledger, job: Job, segmenter: Segmenter, threshold: float | None) -> Record | None:
    """The record of an earlier call that still counts, with the image's name of today."""
    if job.stem not in ledger.records:
        return None
    try:
        record = ledger.counted(job.stem, _terms(read_bytes(job.image), job, segmenter, threshold))
    except (UnreadableFile, MissingFile):
        return None
    return None if record is None else record | {"image": str(job.image)}


def _predict(segmenter: Segmenter, job: Job, out: Path, threshold: float | None) -> Record:
    content = read_bytes(job.image)  # once: what is recorded is what was segmented
    picture = images.image_pixels(
        decode_bytes(content, job.image), job.image, segmenter.config.data.channels
    )
    result = segmenter.segment(picture, job.prompt, threshold=threshold)
    written = result.save(out, job.stem)
    for part in set(PARTS) - set(
        written
    ):  # an image-only model's answer has no pseudo-image: another one's does not stay beside it
        (out / f"{job.stem}-{part}.png").unlink(missing_ok=True)
    return {
        "image": str(job.image),
        **_terms(content, job, segmenter, threshold),
        **{name: path.name for name, path in written.items()},
        "size": list(result.mask.shape),
        "area_px": int(result.mask.sum()),
        "presence": round(result.presence, 4),
        "confidence": None if result.confidence is None else round(result.confidence, 4),
        "expected_dice": None if result.expected_dice is None else round(result.expected_dice, 4),
        "unfamiliarity": round(result.unfamiliarity, 3),
    }


def _refuse_overwriting(jobs: Sequence[Job], out: Path) -> None:
    """Raises UsageError where an answer would replace a picture that was given (a.png's mask is a-mask.png)."""
    given = {job.image.resolve() for job in jobs}
    written = (out / f"{job.stem}-{part}.png" for job in jobs for part in PARTS)
    for path in written:
        if path.resolve() in given:
            raise UsageError(
                f"{path} would be overwritten, and it is one of the pictures",
                remedy="choose another folder with --out",
            )


def _failure(job: Job, error: SaywhereError) -> Record:
    return {"image": str(job.image), "prompt": job.prompt, "code": error.code, "reason": str(error)}


def _write_failures(path: Path, failures: Sequence[Record]) -> None:
    """An older list does not stay: what is in it was tried again."""
    if failures:
        files.write_bytes(path, b"".join(map(line_of, failures)))
    else:
        path.unlink(missing_ok=True)
