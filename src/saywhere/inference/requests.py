"""What is to be predicted: pictures with prompts, from the command line, from a manifest, or from a file of jobs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saywhere.data.manifest import read_manifest
from saywhere.data.records import Record, read_json_lines
from saywhere.data.select import evaluation_prompt
from saywhere.errors import ManifestError, MissingFile, UsageError
from saywhere.inference import predictions_file as ledger
from saywhere.inference.segmenter import Segmenter
from saywhere.io.decode import SUFFIXES


@dataclass(frozen=True)
class Job:
    """One picture and one prompt; `stem` names its files."""

    image: Path
    prompt: str
    stem: str


def jobs_for(inputs: Sequence[Path], prompts: Sequence[str]) -> list[Job]:
    """Every prompt for every picture; a folder stands for the pictures in it, but for those that `predict` wrote there. Raises MissingFile, UsageError."""
    pictures = [picture for given in inputs for picture in _pictures(given)]
    if not pictures:
        raise UsageError(
            f"no pictures in {', '.join(map(str, inputs)) or 'nothing'}",
            allowed=f"files ending in {', '.join(sorted(SUFFIXES))}",
        )
    stems = _distinct(picture.stem for picture in pictures)
    return [
        Job(picture, prompt, name)
        for picture, stem in zip(pictures, stems)
        for prompt, name in _named(prompts, stem)
    ]


def jobs_from_manifest(path: Path, segmenter: Segmenter, split: str | None) -> list[Job]:
    """Each row with its own prompt at `text.evaluate_prompts`."""
    manifest = read_manifest(path)
    rows = manifest.split(split) if split else list(manifest.rows)
    if not rows:
        raise UsageError(
            f"no rows of split {split!r}",
            where=path,
            allowed=f"splits there: {', '.join(manifest.splits)}",
        )
    return [
        Job(row.image, evaluation_prompt(row, segmenter.config), stem)
        for row, stem in zip(rows, _distinct(_plain(row.id) for row in rows))
    ]


def jobs_from_file(
    path: Path, *, hears_words: bool = True
) -> tuple[list[Job], list[dict[str, Any]]]:
    """One JSON object a line: `image` (relative to the file), `prompt` or `prompts` (a text or a list of texts), and an `id` that names the files.

    Lines that cannot be used come back as failures {"line", "code", "reason"}. Raises MissingFile, ManifestError where the file as a whole is none.
    """
    lines, bad = read_json_lines(path)
    asked: list[tuple[Path, str, str]] = []
    failures = [_refused(line.number, line.error) for line in bad]
    for line in lines:
        try:
            asked += _asked(line, path.parent, hears_words)
        except ManifestError as error:
            failures.append(_refused(line.number, error))
    if not asked and not failures:
        raise ManifestError(
            "no jobs",
            where=path,
            remedy='write one a line, as {"image": "a.png", "prompt": "upper left"}',
        )
    stems = _distinct(name for _, _, name in asked)
    failures.sort(key=lambda failure: int(failure["line"]))
    return [Job(image, prompt, stem) for (image, prompt, _), stem in zip(asked, stems)], failures


def _asked(line: Record, folder: Path, hears_words: bool) -> list[tuple[Path, str, str]]:
    """(image, prompt, name of its files) for each prompt of a line. Raises ManifestError."""
    image, name = Path(line.required("image")), line.text("id")
    stem = _plain(name) if name else image.stem or "row"
    return [
        (folder / image, prompt, each) for prompt, each in _named(_prompts(line, hears_words), stem)
    ]


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
        if not isinstance(prompt, str):
            raise line.error(
                given[0],
                f"{given[0]} holds a {type(prompt).__name__}",
                allowed="it is a text or a list of texts",
                remedy="put it in quotes",
            )
        line.check_text(given[0], prompt)
    return prompts


def _refused(number: int, error: ManifestError) -> dict[str, Any]:
    return {"line": number, "code": error.code, "reason": str(error)}


def _named(prompts: Sequence[str], stem: str) -> list[tuple[str, str]]:
    """Each prompt with a name: the stem, or STEM-1, STEM-2 … of several."""
    return [
        (prompt, f"{stem}-{i}" if len(prompts) > 1 else stem)
        for i, prompt in enumerate(prompts, start=1)
    ]


def _pictures(given: Path) -> list[Path]:
    if given.is_dir():
        written = ledger.files_in(given)
        return sorted(
            path
            for path in given.iterdir()
            if path.suffix.lower() in SUFFIXES
            and not path.name.startswith(".")
            and path.name not in written
        )
    if not given.exists():
        raise MissingFile(f"no such file or folder: {given}", remedy="check the path")
    return [given]


def _distinct(stems: Iterable[str]) -> list[str]:
    """Equal stems get -2, -3 … appended, so that no file overwrites another's."""
    taken: set[str] = set()
    found = []
    for stem in stems:
        name, number = stem, 1
        while name in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name)
        found.append(name)
    return found


def _plain(name: str) -> str:
    """A manifest's id as a file name: no separators, no leading dot."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name).lstrip(".")[:100] or "row"
