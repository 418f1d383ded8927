"""A folder of pictures: every (image, prompt) pair becomes files; an unreadable one is set aside, the others go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saywhere.data.manifest import read_manifest
from saywhere.engine.material import evaluation_prompt
from saywhere.engine.predict import Segmenter
from saywhere.errors import MissingFile, SaywhereError, UnreadableFile, UsageError
from saywhere.io import files
from saywhere.text.prompts import clean

PARTS = ("mask", "probability", "pseudo", "overlay")
SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"}
Record = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One picture and one prompt; `stem` names its files."""

    image: Path
    prompt: str
    stem: str


def jobs_for(inputs: Sequence[Path], prompts: Sequence[str]) -> list[Job]:
    """Every prompt for every picture; a folder stands for the pictures in it. Raises MissingFile, UsageError."""
    pictures = [picture for given in inputs for picture in _pictures(given)]
    if not pictures:
        raise UsageError(f"no pictures in {', '.join(map(str, inputs)) or 'nothing'}", allowed=f"files ending in {', '.join(sorted(SUFFIXES))}")
    stems = _distinct(picture.stem for picture in pictures)
    several = len(prompts) > 1
    return [Job(picture, prompt, f"{stem}-{i}" if several else stem) for picture, stem in zip(pictures, stems) for i, prompt in enumerate(prompts, start=1)]


def jobs_from_manifest(path: Path, segmenter: Segmenter, split: str | None) -> list[Job]:
    """Each row with its own prompt at `text.evaluate_prompts`."""
    manifest = read_manifest(path)
    rows = manifest.split(split) if split else list(manifest.rows)
    if not rows:
        raise UsageError(f"no rows of split {split!r}", where=path, allowed=f"splits there: {', '.join(manifest.splits)}")
    return [Job(row.image, evaluation_prompt(row, segmenter.config), stem) for row, stem in zip(rows, _distinct(_plain(row.id) for row in rows))]


def run_jobs(
    segmenter: Segmenter, jobs: Sequence[Job], out: Path, *, threshold: float | None = None, advance: Callable[[int], None] = lambda done: None
) -> tuple[list[Record], list[Record]]:
    """Predict and write; returns (predictions, failures), which also stand in out/predictions.jsonl and out/failures.jsonl."""
    _refuse_overwriting(jobs, out)
    segmenter.embed([clean(job.prompt) for job in jobs])
    predictions: list[Record] = []
    failures: list[Record] = []
    for job in jobs:
        try:
            predictions.append(_predict(segmenter, job, out, threshold))
        except (UnreadableFile, MissingFile) as error:
            failures.append(_failure(job, error))
        advance(1)
    _write_lines(out / "predictions.jsonl", predictions)
    if failures:
        _write_lines(out / "failures.jsonl", failures)
    else:
        (out / "failures.jsonl").unlink(missing_ok=True)
    return predictions, failures


def _predict(segmenter: Segmenter, job: Job, out: Path, threshold: float | None) -> Record:
    result = segmenter.segment(job.image, job.prompt, threshold=threshold)
    written = result.save(out, job.stem)
    return {
        "image": str(job.image),
        "prompt": job.prompt,
        **{name: path.name for name, path in written.items()},
        "size": list(result.mask.shape),
        "area_px": int(result.mask.sum()),
        "largest_probability": round(float(result.probability.max()), 4),
        "unfamiliarity": round(result.unfamiliarity, 3),
    }


def _refuse_overwriting(jobs: Sequence[Job], out: Path) -> None:
    """Raises UsageError where an answer would replace a picture that was given (a.png's mask is a-mask.png)."""
    given = {job.image.resolve() for job in jobs}
    written = (out / f"{job.stem}-{part}.png" for job in jobs for part in PARTS)
    for path in written:
        if path.resolve() in given:
            raise UsageError(f"{path} would be overwritten, and it is one of the pictures", remedy="choose another folder with --out")


def _failure(job: Job, error: SaywhereError) -> Record:
    return {"image": str(job.image), "prompt": job.prompt, "code": error.code, "reason": str(error)}


def _pictures(given: Path) -> list[Path]:
    if given.is_dir():
        return sorted(path for path in given.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))
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


def _write_lines(path: Path, records: Sequence[Record]) -> None:
    files.write_text(path, "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))
