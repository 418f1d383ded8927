"""What is to be predicted: images with prompts.

They come from the command line, from a manifest, or from a file of jobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from saywhere.data.manifest import read_manifest
from saywhere.data.records import Record, read_json_lines
from saywhere.data.select import evaluation_prompt
from saywhere.errors import ManifestError, MissingFile, UsageError
from saywhere.inference.predictions_file import Failure, files_in
from saywhere.inference.segmenter import Segmenter
from saywhere.inference.writers.writer import Scope
from saywhere.io.decode import SUFFIXES
from saywhere.io.skipped import Skipped, in_sentences, skipped_in

LISTS = ("predictions.jsonl", "failures.jsonl")
"""What `predict` writes beside its pictures."""
TABLE = "predictions"
"""What the name of a table of all predictions begins with."""


@dataclass(frozen=True)
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
    """

    image: Path
    prompt: str
    stem: str
    volume: str = ""
    group: str = ""

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


def jobs_for(inputs: Sequence[Path], prompts: Sequence[str]) -> list[Job]:
    """Pair every image with every prompt.

    Args:
        inputs: Image files, and folders: a folder stands for the images in it, but for those that
            `predict` wrote there.
        prompts: One or more.

    Returns:
        The jobs, image by image. Images of one name get stems that differ.

    Raises:
        MissingFile: For an input that is not there.
        UsageError: Where there is no image.
    """
    pictures = [picture for path in inputs for picture in _pictures(path)]
    if not pictures:
        skipped = in_sentences(skipped_files(inputs))
        raise UsageError(
            f"no pictures in {', '.join(map(str, inputs)) or 'nothing'}",
            allowed=f"files ending in {', '.join(sorted(SUFFIXES))}",
            remedy="; ".join(skipped) or None,
        )
    stems = _distinct(picture.stem for picture in pictures)
    return [
        Job(picture, prompt, name, group=stem)
        for picture, stem in zip(pictures, stems)
        for prompt, name in _numbered(prompts, stem)
    ]


def skipped_files(inputs: Sequence[Path]) -> list[Skipped]:
    """List the files of folders that `jobs_for` makes no job of.

    Args:
        inputs: Image files and folders, as `jobs_for` takes them.

    Returns:
        The files with the reason, but for those that `predict` wrote there.
    """
    folders = [path for path in inputs if path.is_dir()]
    return [
        file
        for folder in folders
        for file in skipped_in(folder, _pictures(folder), {*files_in(folder), *LISTS})
    ]


def jobs_from_manifest(path: Path, segmenter: Segmenter, split: str | None) -> list[Job]:
    """Take images and prompts from a manifest.

    Args:
        path: The manifest.
        segmenter: Its `text.evaluate_prompts` says which of a row's prompts is taken.
        split: Only the rows of this split; None for all.

    Returns:
        One job per row, named by the row's id.

    Raises:
        ManifestError: For a file that is no manifest.
        UsageError: Where the split has no rows, or a row has no such prompt.
    """
    manifest = read_manifest(path)
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
        for row, stem in zip(rows, stems)
    ]
    return _joined(jobs)


def jobs_from_file(path: Path, *, hears_words: bool = True) -> tuple[list[Job], list[Failure]]:
    """Take images and prompts from a file of jobs.

    Args:
        path: One JSON object per line: `image` (relative to the file), `prompt` or `prompts` (a
            text or a list of texts), and an `id` that names the files.
        hears_words: Does the model read prompts? For one that does not, a line needs none.

    Returns:
        The jobs, and the lines that cannot be used.

    Raises:
        MissingFile: Where the file is not there.
        ManifestError: Where the file as a whole is none.
    """
    lines, bad = read_json_lines(path)
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
    image = Path(line.required("image"))
    name = line.text("id")
    stem = _plain(name) if name else image.stem or "row"
    prompts = _prompts(line, hears_words)
    return [
        Job(folder / image, prompt, part, group=stem) for prompt, part in _numbered(prompts, stem)
    ]


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


def _pictures(path: Path) -> list[Path]:
    if path.is_dir():
        written = files_in(path)
        # A folder's own order differs from machine to machine.
        return sorted(
            file
            for file in path.iterdir()
            if file.suffix.lower() in SUFFIXES
            # Such as a Mac's `._a.png`, or a file that another process is writing.
            and not file.name.startswith(".")
            and file.name not in written
        )
    if not path.exists():
        raise MissingFile(f"no such file or folder: {path}", remedy="check the path")
    return [path]


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
