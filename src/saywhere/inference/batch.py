"""A folder of predictions: every pair of image and prompt becomes files.

What is done already is skipped; an image that cannot be read is set aside.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from saywhere.inference import writers
from saywhere.inference.collected import Collected
from saywhere.inference.flow import Flow, Remark
from saywhere.inference.ledger import Ledger
from saywhere.inference.no_identifiers import Names, refuse_named
from saywhere.inference.outcome import Outcome
from saywhere.inference.overwriting import refuse_overwriting
from saywhere.inference.predictions_file import Failure, Lines, write_failures
from saywhere.inference.requests import TABLE, Job
from saywhere.inference.segmenter import Segmenter
from saywhere.inference.unit_writer import UnitWriter
from saywhere.inference.units import Unit, Units
from saywhere.inference.writers.writer import Options
from saywhere.io.pseudonyms import Pseudonyms
from saywhere.io.source_reader import Reader
from saywhere.text.frames import NOT_STATED, check_orientation, frame_named
from saywhere.text.prompts import clean

N_AHEAD = 1024
"""Units whose prompts are encoded together."""


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
    plain = (job.image for job in jobs if not job.member)
    writers.refuse_inputs(writers.formats_of(wanted), plain)
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
    units = Units(jobs, wanted, ledger)
    done = Collected()
    earlier = frozenset() if again else _take_earlier(done, writer, units, ledger)
    ledger.begin(job.stem for unit in _left(units, earlier) for job in unit.jobs)
    failures = [names.failure(failure) for failure in refused]
    written: list[str] = []
    advance(len(earlier))
    todo = _encoded(_left(units, earlier), segmenter)
    for outcome in flow.each(todo, partial(writer.write_together, ledger=ledger), advance):
        done.add(outcome.numbers, outcome.predictions)
        failures += outcome.failures
        written += outcome.notes
    # Lines were added as they came; here they get the order of the jobs. Predictions of other
    # images stay in the list, as their files stay.
    lines = Lines(ledger.lines, earlier, done.in_order())
    ledger.write(lines)
    writers.write_tables(lines, out, TABLE)
    write_failures(out / "failures.jsonl", failures)
    every = names.sentences([*notes, *_in_sentences(flow.remarks)], "note") + written
    return Outcome(lines.predictions, failures, len(earlier), lines.n_others, every)


def _take_earlier(
    done: Collected, writer: UnitWriter, units: Units, ledger: Ledger
) -> frozenset[str]:
    """Predictions of an earlier call that still count; their stems."""
    data = writer.segmenter.config.data
    reader = Reader(data.channels, data.grey)
    stems: set[str] = set()
    # Most calls begin with an empty folder.
    for unit in units if ledger.lines else ():
        counted = writer.done(ledger, unit, reader)
        for number, job in zip(unit.numbers, unit.jobs):
            if job.stem in counted:
                done.add([number], [counted[job.stem]])
        stems.update(counted)
    return frozenset(stems)


def _left(units: Units, done: Collection[str]) -> Iterator[Unit]:
    left = (unit.less(done) for unit in units)
    return (unit for unit in left if unit.jobs)


def _encoded(units: Iterable[Unit], segmenter: Segmenter) -> Iterator[Unit]:
    """Units, the prompts of many of them encoded before the first: the encoder runs once for all.

    Of a million prompts, the vectors would fill the memory.
    """
    ahead = iter(units)
    while some := list(itertools.islice(ahead, N_AHEAD)):
        segmenter.embed(_plain_prompts(some))
        yield from some


def _plain_prompts(units: Sequence[Unit]) -> list[str]:
    """Those that are read as they are: what others are read as depends on the picture."""
    prompts = dict.fromkeys(clean(job.prompt) for unit in units for job in unit.jobs)
    return [prompt for prompt in prompts if frame_named(prompt) == NOT_STATED]


def _in_sentences(remarks: dict[str, Remark]) -> list[str]:
    """What readers remarked of pictures: each remark once, with the first file and how many."""
    sentences = []
    for text, remark in remarks.items():
        name = remark.first.name if remark.first else ""
        others = f" and {remark.n_files - 1:,} more" if remark.n_files > 1 else ""
        sentences.append(f"{name}{others}: {text}")
    return sentences
