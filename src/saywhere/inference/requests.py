"""What is to be predicted: images with prompts.

They come from the command line, from a manifest, or from a file of jobs.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from saywhere.data.folds import in_own_folds
from saywhere.data.manifest import read_manifest
from saywhere.data.packed import Packed
from saywhere.data.parquet_records import each_table_row
from saywhere.data.prompt_frames import ORIENTATION, in_frame
from saywhere.data.records import Record, each_json_line
from saywhere.data.rows import Rows
from saywhere.data.select import evaluation_prompt
from saywhere.errors import ManifestError, UsageError
from saywhere.inference.ledger import files_in
from saywhere.inference.predictions_file import Failure
from saywhere.inference.segmenter import Segmenter
from saywhere.inference.stems import distinct, numbered, plain
from saywhere.inference.writers.writer import Scope
from saywhere.io.image_formats import SUFFIXES
from saywhere.io.names import located
from saywhere.io.skipped import Skipped, in_sentences
from saywhere.io.sources import Input, Source, list_inputs
from saywhere.text.frames import FRAMES

LISTS = ("predictions.jsonl", "failures.jsonl")
"""What `predict` writes beside its pictures."""
TABLE = "predictions"
"""What the name of a table of all predictions begins with."""


# Slots: there may be millions of jobs.
@dataclass(frozen=True, slots=True)
class Job:
    """One image and one prompt.

    Attributes:
        image: The image file.
        prompt: As it was given; blank for no words.
        stem: What the names of its files begin with.
        volume: The same of files that hold this prompt on all pictures of an input, such as a
            volume's slices; blank where the input is one picture.
        group: The same of files that hold all prompts on all pictures of an input; blank where
            there is one prompt.
        member: The image's name in `image`, where that is an archive.
        frame: The frame or slice of the image, from 1; 0 where it is one picture.
        place: (number, of how many) among the slices of a volume, from 1; None of a picture.
    """

    image: Path
    prompt: str
    stem: str
    volume: str = ""
    group: str = ""
    member: str = ""
    frame: int = 0
    place: tuple[int, int] | None = None

    @property
    def source(self) -> Source:
        """Where the picture is."""
        return Source(self.image, self.member, self.frame)

    def stem_for(self, scope: Scope) -> str:
        """Name the file that this job's answer goes to.

        Args:
            scope: What one file of the format holds.

        Returns:
            What the file's name begins with.
        """
        names = {
            Scope.ANSWER: self.stem,
            Scope.VOLUME: self.volume or self.stem,
            Scope.INPUT: self.group or self.volume or self.stem,
            Scope.FOLDER: TABLE,
        }
        return names[scope]


@dataclass(frozen=True)
class Plan:
    """What is to be predicted of some inputs.

    Attributes:
        jobs: Image by image, a volume slice by slice.
        skipped: Files of folders and archives that are not read, with the reason.
        notes: What a user should know, one sentence each.
    """

    jobs: Sequence[Job]
    skipped: list[Skipped]
    notes: list[str]


def plan_for(inputs: Sequence[Path], prompts: Sequence[str]) -> Plan:
    """Find the images of some inputs, and pair each with every prompt.

    Args:
        inputs: Image files, volumes, zip archives and folders, as `list_inputs` takes them. Files
            that `predict` wrote are left out.
        prompts: One or more.

    Returns:
        The jobs, what was skipped, and notes.

    Raises:
        MissingFile: For an input that is not there.
        MissingExtra: For DICOM or NIfTI, where its library is not installed.
        UnreadableFile: For an archive that is damaged or too large.
        UsageError: Where there is no image.
    """
    listings = [list_inputs(path, _written_in) for path in inputs]
    pictures = [picture for listing in listings for picture in listing.inputs]
    skipped = [file for listing in listings for file in listing.skipped]
    if not pictures:
        raise UsageError(
            f"no pictures in {', '.join(map(str, inputs)) or 'nothing'}",
            allowed=f"files ending in {', '.join(sorted(SUFFIXES))}, DICOM and NIfTI",
            remedy="; ".join(in_sentences(skipped)) or None,
        )
    notes = [note for listing in listings for note in listing.notes]
    notes += [_of_volume(picture) for picture in pictures if picture.is_volume]
    return Plan(paired(pictures, prompts), skipped, notes)


def _of_volume(volume: Input) -> str:
    n_slices = len(volume.sources)
    return f"{volume.name}: {n_slices:,} slices, each segmented on its own with the same prompt"


def paired(pictures: Sequence[Input], prompts: Sequence[str]) -> Packed[Job]:
    """Pair pictures with every prompt.

    Args:
        pictures: In order; names may be equal.
        prompts: One or more.

    Returns:
        The jobs, with stems that differ.
    """
    # Once more, over all: slice 1 of `a` and a picture `a-001` would write the same files.
    return _renamed(_paired(pictures, prompts))


def _paired(pictures: Sequence[Input], prompts: Sequence[str]) -> Iterator[Job]:
    groups = distinct(picture.name for picture in pictures)
    for picture, group in zip(pictures, groups):
        names = [name for _, name in numbered(prompts, group)]
        for number, source in enumerate(picture.sources, start=1):
            stem = source.stem if picture.is_volume else group
            # A volume's file has a name of its own, so that its slices keep to it.
            stem = group + stem.removeprefix(picture.name) if source.frame else stem
            for (prompt, part), volume in zip(numbered(prompts, stem), names):
                place = (number, len(picture.sources)) if picture.is_volume else None
                job = Job(source.path, prompt, part, group=group, member=source.member)
                volume = volume if picture.is_volume else ""
                yield replace(job, volume=volume, frame=source.frame, place=place)


def _renamed(jobs: Iterable[Job]) -> Packed[Job]:
    """Jobs with stems that differ."""
    ones, others = itertools.tee(jobs)
    stems = distinct(job.stem for job in ones)
    return packed_jobs(replace(job, stem=stem) for job, stem in zip(others, stems))


def packed_jobs(jobs: Iterable[Job]) -> Packed[Job]:
    """Keep jobs in little memory: there may be millions.

    Args:
        jobs: In order.

    Returns:
        Equal jobs.
    """
    return Packed(_packed, _unpacked, jobs)


def _packed(job: Job) -> list[Any]:
    names = (job.prompt, job.stem, job.volume, job.group, job.member)
    return [str(job.image), *names, job.frame, job.place]


def _unpacked(fields: list[Any]) -> Job:
    image, *others, place = fields
    # JSON has no tuples.
    fields = [Path(image), *others, None if place is None else tuple(place)]
    return Job(*fields)


def _written_in(folder: Path) -> set[str]:
    return {*files_in(folder), *LISTS}


def jobs_for(inputs: Sequence[Path], prompts: Sequence[str]) -> Sequence[Job]:
    """Pair every image with every prompt.

    Args:
        inputs: As `plan_for` takes them.
        prompts: One or more.

    Returns:
        The jobs, image by image. Images of one name get stems that differ.

    Raises:
        MissingFile: For an input that is not there.
        MissingExtra: For DICOM or NIfTI, where its library is not installed.
        UnreadableFile: For an archive that is damaged or too large.
        UsageError: Where there is no image.
    """
    return plan_for(inputs, prompts).jobs


def skipped_files(inputs: Sequence[Path]) -> list[Skipped]:
    """List the files of folders that `jobs_for` makes no job of.

    Args:
        inputs: Image files and folders, as `jobs_for` takes them.

    Returns:
        The files with the reason, but for those that `predict` wrote there.
    """
    listings = [list_inputs(path, _written_in) for path in inputs]
    return [file for listing in listings for file in listing.skipped]


def jobs_from_manifest(
    path: Path, segmenter: Segmenter, split: str | None, orientation: str | None = None
) -> Packed[Job]:
    """Take images and prompts from a manifest, as an evaluation reads it.

    Args:
        path: The manifest.
        segmenter: Its `text.evaluate_prompts` says which of a row's prompts is taken. Prompts come
            into the frame that it was taught.
        split: Only the rows of this split; None for all. Of a model of a fold, the split that the
            row's fold had in its training.
        orientation: Of all the pictures, as `Segmenter.segment` takes it; it goes before the rows'
            own column.

    Returns:
        One job per row, named by the row's id.

    Raises:
        ManifestError: For a file that is no manifest.
        ConfigError: For a prompt of the other frame whose picture's orientation is not known.
        UsageError: Where the split has no rows, or a row has no such prompt.
    """
    manifest = in_own_folds(read_manifest(path), segmenter.config.data)
    rows = manifest.split(split) if split else manifest.rows
    if not rows:
        raise UsageError(
            f"no rows of split {split!r}",
            where=path,
            allowed=f"splits there: {', '.join(manifest.splits)}",
        )
    stems = distinct(plain(row.id) for row in rows)
    level = segmenter.config.evaluation_level
    framed = _in_frame(rows, segmenter, orientation)
    return _joined(
        packed_jobs(
            Job(row.image, evaluation_prompt(row, level), stem, group=stem)
            for row, stem in zip(framed, stems)
        )
    )


def _in_frame(rows: Rows, segmenter: Segmenter, orientation: str | None) -> Rows:
    """Plain words mean what the manifest says: to a model of the other frame, the other side."""
    level = segmenter.config.evaluation_level
    frame = segmenter.prompt_facts.frame
    if level is None or frame not in FRAMES:
        return rows
    if orientation is not None:
        stated = {ORIENTATION: orientation}
        rows = Rows(replace(row, extra={**row.extra, **stated}) for row in rows)
    return in_frame(rows, [level], frame, f"a model that was taught the {frame}'s left")


def jobs_from_file(path: Path, *, hears_words: bool = True) -> tuple[Packed[Job], list[Failure]]:
    """Take images and prompts from a file of jobs.

    Args:
        path: A Parquet table, or one JSON object per line: `image` (relative to the file, or an
            address), `prompt` or `prompts` (a text or a list of texts), and an `id` that names the
            files.
        hears_words: Does the model read prompts? For one that does not, a line needs none.

    Returns:
        The jobs, and the lines that cannot be used.

    Raises:
        MissingFile: Where the file is not there.
        ManifestError: Where the file as a whole is none.
    """
    lines = each_table_row(path) if path.suffix == ".parquet" else each_json_line(path)
    failures: list[Failure] = []

    def requested() -> Iterator[Job]:
        for number, make in lines:
            try:
                yield from _jobs_of(make(), path.parent, hears_words)
            except ManifestError as error:
                failures.append(_refused(number, error))

    jobs = _renamed(requested())
    if not jobs and not failures:
        raise ManifestError(
            "no jobs",
            where=path,
            remedy='write one a line, as {"image": "a.png", "prompt": "upper left"}',
        )
    return _joined(jobs), failures


def _jobs_of(line: Record, folder: Path, hears_words: bool) -> list[Job]:
    """One job per prompt of a line; other lines may have the same stem. Raises ManifestError."""
    image = located(folder, line.required("image"))
    name = line.text("id")
    stem = plain(name) if name else image.stem or "row"
    prompts = _prompts(line, hears_words)
    return [Job(image, prompt, part, group=stem) for prompt, part in numbered(prompts, stem)]


def _joined(jobs: Sequence[Job]) -> Packed[Job]:
    """Jobs on one image belong together, on whatever lines they stand; groups' names differ."""
    first: dict[str, str] = {}
    for job in jobs:
        first.setdefault(str(job.image), job.group)
    names = dict(zip(first, distinct(first.values())))
    return packed_jobs(replace(job, group=names[str(job.image)]) for job in jobs)


def _prompts(line: Record, hears_words: bool) -> list[str]:
    given = [key for key in ("prompt", "prompts") if line.fields.get(key) is not None]
    if len(given) > 1:
        raise line.error(
            "prompt",
            "both prompt and prompts",
            allowed="a line has one of them",
            remedy="leave one out",
        )
    if not given and not hears_words:
        return [""]
    value = line.fields[given[0]] if given else []
    prompts = value if isinstance(value, list) else [value]
    if not prompts:
        raise line.error(
            "prompt",
            "no prompt",
            allowed="say what to segment",
            remedy='add "prompt": "…", or "" for no words',
        )
    for prompt in prompts:
        _check_prompt(line, given[0], prompt)
    return prompts


def _check_prompt(line: Record, column: str, prompt: object) -> None:
    if not isinstance(prompt, str):
        raise line.error(
            column,
            f"{column} holds a {type(prompt).__name__}",
            allowed="it is a text or a list of texts",
            remedy="put it in quotes",
        )
    line.check_text(column, prompt)


def _refused(number: int, error: ManifestError) -> Failure:
    return Failure(error.code, str(error), line=number)
