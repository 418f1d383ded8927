"""What is to be predicted: images with prompts.

They come from the command line, from a manifest, or from a file of jobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from saywhere.data.folds import in_own_folds
from saywhere.data.manifest import read_manifest
from saywhere.data.manifest_row import Row
from saywhere.data.parquet_records import read_table
from saywhere.data.prompt_frames import ORIENTATION, in_frame
from saywhere.data.records import Record, read_json_lines
from saywhere.data.select import evaluation_prompt
from saywhere.errors import ManifestError, UsageError
from saywhere.inference.ledger import files_in
from saywhere.inference.predictions_file import Failure
from saywhere.inference.segmenter import Segmenter
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

    jobs: list[Job]
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


def paired(pictures: Sequence[Input], prompts: Sequence[str]) -> list[Job]:
    """Pair pictures with every prompt.

    Args:
        pictures: In order; names may be equal.
        prompts: One or more.

    Returns:
        The jobs, with stems that differ.
    """
    groups = _distinct(picture.name for picture in pictures)
    jobs: list[Job] = []
    for picture, group in zip(pictures, groups):
        names = [name for _, name in _numbered(prompts, group)]
        for number, source in enumerate(picture.sources, start=1):
            stem = source.stem if picture.is_volume else group
            # A volume's file has a name of its own, so that its slices keep to it.
            stem = group + stem.removeprefix(picture.name) if source.frame else stem
            for (prompt, part), volume in zip(_numbered(prompts, stem), names):
                place = (number, len(picture.sources)) if picture.is_volume else None
                job = Job(source.path, prompt, part, group=group, member=source.member)
                volume = volume if picture.is_volume else ""
                jobs.append(replace(job, volume=volume, frame=source.frame, place=place))
    # Once more, over all: slice 1 of `a` and a picture `a-001` would write the same files.
    stems = _distinct(job.stem for job in jobs)
    return [replace(job, stem=stem) for job, stem in zip(jobs, stems)]


def _written_in(folder: Path) -> set[str]:
    return {*files_in(folder), *LISTS}


def jobs_for(inputs: Sequence[Path], prompts: Sequence[str]) -> list[Job]:
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
) -> list[Job]:
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
    rows = manifest.split(split) if split else list(manifest.rows)
    if not rows:
        raise UsageError(
            f"no rows of split {split!r}",
            where=path,
            allowed=f"splits there: {', '.join(manifest.splits)}",
        )
    stems = _distinct(_plain(row.id) for row in rows)
    level = segmenter.config.evaluation_level
    jobs = [
        Job(row.image, evaluation_prompt(row, level), stem, group=stem)
        for row, stem in zip(_in_frame(rows, segmenter, orientation), stems)
    ]
    return _joined(jobs)


def _in_frame(rows: list[Row], segmenter: Segmenter, orientation: str | None) -> list[Row]:
    """Plain words mean what the manifest says: to a model of the other frame, the other side."""
    level = segmenter.config.evaluation_level
    frame = segmenter.prompt_facts.frame
    if level is None or frame not in FRAMES:
        return rows
    if orientation is not None:
        stated = {ORIENTATION: orientation}
        rows = [replace(row, extra={**row.extra, **stated}) for row in rows]
    return in_frame(rows, [level], frame, f"a model that was taught the {frame}'s left")


def jobs_from_file(path: Path, *, hears_words: bool = True) -> tuple[list[Job], list[Failure]]:
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
    lines, bad = read_table(path) if path.suffix == ".parquet" else read_json_lines(path)
    requests: list[Job] = []
    failures = [_refused(line.number, line.error) for line in bad]
    for line in lines:
        try:
            requests += _jobs_of(line, path.parent, hears_words)
        except ManifestError as error:
            failures.append(_refused(line.number, error))
    if not requests and not failures:
        raise ManifestError(
            "no jobs",
            where=path,
            remedy='write one a line, as {"image": "a.png", "prompt": "upper left"}',
        )
    stems = _distinct(job.stem for job in requests)
    jobs = [replace(job, stem=stem) for job, stem in zip(requests, stems)]
    # The two kinds of fault were met one after the other; people read them by line.
    return _joined(jobs), sorted(failures, key=lambda failure: failure.line or 0)


def _jobs_of(line: Record, folder: Path, hears_words: bool) -> list[Job]:
    """One job per prompt of a line; other lines may have the same stem. Raises ManifestError."""
    image = located(folder, line.required("image"))
    name = line.text("id")
    stem = _plain(name) if name else image.stem or "row"
    prompts = _prompts(line, hears_words)
    return [Job(image, prompt, part, group=stem) for prompt, part in _numbered(prompts, stem)]


def _joined(jobs: Sequence[Job]) -> list[Job]:
    """Jobs on one image belong together, on whatever lines they stand; groups' names differ."""
    first: dict[Path, str] = {}
    for job in jobs:
        first.setdefault(job.image, job.group)
    names = dict(zip(first, _distinct(first.values())))
    return [replace(job, group=names[job.image]) for job in jobs]


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


def _numbered(prompts: Sequence[str], stem: str) -> list[tuple[str, str]]:
    """Each prompt with a name: the stem, or STEM-1, STEM-2 … of several."""
    if len(prompts) == 1:
        return [(prompts[0], stem)]
    return [(prompt, f"{stem}-{number}") for number, prompt in enumerate(prompts, start=1)]


def _distinct(stems: Iterable[str]) -> list[str]:
    """Equal stems get -2, -3 … appended, so that no file overwrites another's."""
    taken: set[str] = set()
    names = []
    for stem in stems:
        name = stem
        number = 1
        while name in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name)
        names.append(name)
    return names


def _plain(name: str) -> str:
    """A manifest's id as a file name: no separators, no leading dot."""
    # An id of nothing but dots would leave no name.
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name).lstrip(".")[:100] or "row"
