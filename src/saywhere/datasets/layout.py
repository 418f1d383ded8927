"""What every public set needs: find its folders, pair its files, write ours, count."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from saywhere.data.file_checks import Progress
from saywhere.data.manifest import write_manifest
from saywhere.errors import ManifestError, MissingFile, UnreadableFile, UsageError
from saywhere.io.decode import SUFFIXES, read_bytes
from saywhere.io.files import write_bytes
from saywhere.io.images import read_mask, write_mask

DEPTH = 4  # folders below --from that are searched: archives unpack into folders of their own
SHOWN = 12
ORACLE = {"oracle": True}
"""The column of a row whose sentences were written from its mask, as those of all public sets here were."""
Key = TypeVar("Key", str, tuple[str, str])
"""What a set's lists know a case by: its stem, or (split, stem) where a stem stands in two splits."""


@dataclass(frozen=True)
class Case:
    """One row to write. `stem` names its files; `columns` are the manifest's further columns."""

    stem: str
    image: Path
    mask: Path
    split: str
    prompts: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)
    further_masks: tuple[Path, ...] = ()
    """of the same image, each with another lesion: all are written as one"""


@dataclass
class Prepared:
    """What was written. `counts`: rows a split. `warnings`: what differs from what was published, in whole sentences."""

    manifest: Path
    counts: dict[str, int]
    warnings: list[str] = field(default_factory=list)


def folders(root: Path) -> Iterator[Path]:
    """`root` and the folders below it, DEPTH deep, nearest first, sorted. Raises MissingFile."""
    if not root.is_dir():
        raise MissingFile(
            f"no folder {root}", remedy="name the folder that you unpacked the download into"
        )
    level = [root]
    for _ in range(DEPTH + 1):
        yield from level
        level = sorted(child for folder in level for child in _children(folder))


def _children(folder: Path) -> list[Path]:
    with suppress(PermissionError):
        return [
            child
            for child in folder.iterdir()
            if not child.name.startswith((".", "__MACOSX")) and child.is_dir()
        ]
    return []


def find_with(root: Path, names: list[str], remedy: str) -> Path:
    """The nearest folder that holds all `names` (folders or files). Raises MissingFile: looked for, found, what to do."""
    searched = list(folders(root))
    for folder in searched:
        if all((folder / name).exists() for name in names):
            return folder
    raise missing(
        root,
        [name for name in names if not any((folder / name).exists() for folder in searched)]
        or names,
        remedy,
    )


def missing(root: Path, names: list[str], remedy: str) -> MissingFile:
    """The one error of a wrong or half layout."""
    here = sorted(child.name + ("/" if child.is_dir() else "") for child in root.iterdir())
    shown = (
        ", ".join(here[:SHOWN]) + (f" and {len(here) - SHOWN} more" if len(here) > SHOWN else "")
        if here
        else "nothing"
    )
    looked_for = ", ".join(repr(name) for name in names)
    return MissingFile(
        f"no {looked_for}",
        where=f"{root} or the folders below it",
        allowed=f"found there: {shown}",
        remedy=remedy,
    )


def by_stem(folder: Path, suffix: str = "") -> dict[str, Path]:
    """The folder's image files by stem (less `suffix`, any case)."""
    files = {
        path.stem: path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    }
    if not suffix:
        return files
    return {
        stem[: -len(suffix)]: path
        for stem, path in files.items()
        if stem.lower().endswith(suffix.lower())
    }


def stem_of(name: object, where: Path) -> str:
    """A file name from somebody's list → its stem. Raises ManifestError unless it is a plain name."""
    if (
        not isinstance(name, str)
        or not name.strip()
        or "\0" in name
        or name != Path(name.replace("\\", "/")).name
    ):
        raise ManifestError(
            f"{str(name)[:60]!r} is no file name",
            where=where,
            allowed="a name without folders",
            remedy="take the published file",
        )
    return Path(name).stem


def write_set(
    source: Path,
    target: Path,
    cases: list[Case],
    published: Mapping[str, int],
    warnings: list[str],
    progress: Progress | None = None,
) -> Prepared:
    """Write images (bytes as they are), masks (0/255 PNG, thresholded at 128) and, last, the manifest; a second run does the same again.

    `warnings` so far are followed by ours. Raises: UsageError if target is source; ManifestError without a case; NotWritable.
    """
    if not cases:
        raise ManifestError(
            "no listed case has both an image and a mask",
            where=source,
            allowed="; ".join(warnings) or None,
            remedy="unpack all of the set",
        )
    if target.resolve() == source.resolve():
        raise UsageError(
            f"--to is --from ({target})",
            allowed="the download stays as it is",
            remedy="choose another folder for --to",
        )
    counts = Counter(case.split for case in cases)
    warnings = [*warnings, *count_warnings(counts, published)]
    rows, taken = [], set[str]()
    for done, case in enumerate(cases, start=1):
        name = _unique(case, taken)
        image, mask = f"images/{name}{case.image.suffix.lower()}", f"masks/{name}.png"
        warnings += _write_files(case, target / image, target / mask)
        rows.append(
            {
                "id": name,
                "image": image,
                "mask": mask,
                "split": case.split,
                "prompts": dict(case.prompts),
                "frame": "image",
                **case.columns,
            }
        )
        if progress is not None:
            progress(done, len(cases))
    write_manifest(target / "manifest.jsonl", rows)
    return Prepared(target / "manifest.jsonl", dict(counts), warnings)


def _unique(case: Case, taken: set[str]) -> str:
    """The stem; where a set lists an image twice, its later row is named for its split as well."""
    name, number = case.stem, 1
    while name in taken:
        name = f"{case.stem}_{case.split}" + (f"_{number}" if number > 1 else "")
        number += 1
    taken.add(name)
    return name


def _write_files(case: Case, image: Path, mask: Path) -> list[str]:
    """A damaged file is copied as it is, so that its row stays and `check` can set it aside with a reason."""
    warnings = []
    try:
        write_bytes(image, read_bytes(case.image))
    except UnreadableFile as error:
        warnings.append(f"an image could not be copied: {error}")
    try:
        write_mask(
            mask,
            np.logical_or.reduce([read_mask(path) for path in (case.mask, *case.further_masks)]),
        )
    except UnreadableFile as error:
        warnings.append(f"a mask could not be converted: {error}")
        write_bytes(mask, case.mask.read_bytes())
    return warnings


def drawn_split(name: str) -> str:
    """train, val or test, 80 : 10 : 10, by the sha256 of a name: the same on every machine, whatever else is in the folder."""
    place = int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10
    return "test" if place == 9 else "val" if place == 8 else "train"


NO_TEXT = "no text was found: `saywhere describe MANIFEST --to NEW` writes sentences from the masks"


BY_NAME = "the split was drawn by name, 80 : 10 : 10"


def no_annotations(remedy: str, split: str) -> str:
    """What a set that can do without MedVLSM's prompts says; `split`: how it was split instead."""
    return f"{NO_TEXT}; {split}. For MedVLSM's prompts and split {remedy}"


def count_warnings(
    counts: Mapping[str, int], published: Mapping[str, int], what: str = "split"
) -> list[str]:
    """Both numbers where they differ; `what` is counted: a split, a kind."""
    return [
        f"{counts.get(name, 0):,} rows of {what} {name}; {n:,} were published"
        for name, n in published.items()
        if counts.get(name, 0) != n
    ]


def paired(wanted: list[Key], *places: Mapping[Key, Path]) -> tuple[set[Key], list[str]]:
    """The keys that are in every place, and a warning that counts those that are not."""
    absent = [key for key in wanted if not all(key in place for place in places)]
    if not absent:
        return set(wanted), []
    named = ", ".join(key if isinstance(key, str) else key[-1] for key in absent[:3])
    return set(wanted) - set(absent), [
        f"{len(absent):,} of {len(wanted):,} listed cases lack an image or a mask and are left out (the first: {named})"
    ]
