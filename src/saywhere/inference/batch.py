"""A folder of predictions: every pair of image and prompt becomes files.

What is done already is skipped; an image that cannot be read is set aside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from saywhere.inference import writers
from saywhere.inference.flow import Flow
from saywhere.inference.ledger import Ledger
from saywhere.inference.no_identifiers import Names, refuse_named
from saywhere.inference.outcome import Outcome
from saywhere.inference.overwriting import refuse_overwriting
from saywhere.inference.predictions_file import Failure, Lines, Prediction, write_failures
from saywhere.inference.requests import TABLE, Job
from saywhere.inference.segmenter import Segmenter
from saywhere.inference.unit_writer import UnitWriter
from saywhere.inference.units import Unit, units_of
from saywhere.inference.writers.writer import Options
from saywhere.io.pseudonyms import Pseudonyms
from saywhere.io.source_reader import Reader
from saywhere.text.frames import NOT_STATED, check_orientation, frame_named
from saywhere.text.prompts import clean


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
    refuse_overwriting(jobs, out)
    if orientation is not None:
        check_orientation(orientation)
    writer = UnitWriter(segmenter, out, threshold, options, orientation, names)
    flow = Flow(segmenter, orientation)
    ledger = Ledger(out)
    units = units_of(jobs, wanted, ledger)
    done = {} if again else _done_before(writer, units, ledger)
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
    for outcome in flow.each(todo, partial(writer.write, ledger=ledger), advance):
        done |= {prediction.stem: prediction for prediction in outcome.predictions}
        failures += outcome.failures
        written += outcome.notes
    predictions = [done[job.stem] for job in jobs if job.stem in done]
    # Lines were added as they came; here they get the order of the jobs.
    lines = Lines(others, predictions)
    ledger.write(lines)
    writers.write_tables(lines, out, TABLE)
    write_failures(out / "failures.jsonl", failures)
    every = names.sentences([*notes, *_in_sentences(flow.remarks)], "note") + written
    return Outcome(predictions, failures, n_skipped, len(others), every)


def _done_before(
    writer: UnitWriter, units: Sequence[Unit], ledger: Ledger
) -> dict[str, Prediction]:
    """By stem: predictions of an earlier call that still count."""
    data = writer.segmenter.config.data
    reader = Reader(data.channels, data.grey)
    done: dict[str, Prediction] = {}
    for unit in units:
        done |= writer.done(ledger, unit, reader)
    return done


def _plain_prompts(units: Sequence[Unit]) -> list[str]:
    """Those that are read as they are: what others are read as depends on the picture."""
    prompts = dict.fromkeys(clean(job.prompt) for unit in units for job in unit.jobs)
    return [prompt for prompt in prompts if frame_named(prompt) == NOT_STATED]


def _in_sentences(remarks: dict[str, dict[Path, None]]) -> list[str]:
    """What readers remarked of pictures: each remark once, with the first file and how many."""
    sentences = []
    for remark, paths in remarks.items():
        first = next(iter(paths)).name
        sentences.append(f"{first}{f' and {len(paths) - 1:,} more' * (len(paths) > 1)}: {remark}")
    return sentences
