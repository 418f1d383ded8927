"""What every public set needs: find its folders, pair its files, write ours, count."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from saywhere.data.file_checks import Progress
from saywhere.data.manifest import write_manifest
from saywhere.data.records import Fields
from saywhere.errors import ManifestError, MissingFile, UnreadableFile, UsageError
from saywhere.io.decode import SUFFIXES, read_bytes
from saywhere.io.files import write_bytes
from saywhere.io.images import read_mask, write_mask

# Folders below --from that are searched: archives unpack into folders of their own.
DEPTH = 4
SHOWN = 12
N_NAMED = 3
ORACLE = {"oracle": True}
"""The column of a row whose sentences were written from its mask, as in all public sets here."""
NO_TEXT = "no text was found: `saywhere describe MANIFEST --to NEW` writes sentences from the masks"
BY_NAME = "the split was drawn by name, 80 : 10 : 10"
Key = TypeVar("Key", str, tuple[str, str])
"""How a set's lists name a case: its stem, or (split, stem) where a stem stands in two splits."""


@dataclass(frozen=True)
class Case:
    """One row to write."""

    stem: str
    """Names its files."""
    image: Path
    mask: Path
    split: str
    prompts: Mapping[str, Any] = field(default_factory=dict)
    """Level → a text or a list of texts."""
    columns: Mapping[str, Any] = field(default_factory=dict)
    """Further columns of the manifest."""
    further_masks: tuple[Path, ...] = ()
    """Of the same image, each with another lesion: all are written as one mask."""


@dataclass
class Prepared:
    """What was written."""

    manifest: Path
    counts: dict[str, int]
    """Rows per split."""
    warnings: list[str] = field(default_factory=list)
    """What differs from what was published, in whole sentences."""


def folders(root: Path) -> Iterator[Path]:
    """Walk a folder and the folders below it, `DEPTH` levels deep.

    Args:
        root: where to start.

    Yields:
        Folders, nearest first, sorted by name within a level.

    Raises:
        MissingFile: there is no such folder.
    """
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


def has_all(folder: Path, names: Sequence[str]) -> bool:
    """Does a folder hold all of some names?

    Args:
        folder: where to look.
        names: files or folders.

    Returns:
        Whether each of them is there.
    """
    return all((folder / name).exists() for name in names)


def find_with(root: Path, names: list[str], remedy: str) -> Path:
    """Find the nearest folder that holds all of some names.

    Args:
        root: where to start; it is searched as well.
        names: files or folders.
        remedy: what to do where there is none.

    Returns:
        The folder.

    Raises:
        MissingFile: no folder has them all; it says what was looked for and what was found.
    """
    searched = list(folders(root))
    for folder in searched:
        if has_all(folder, names):
            return folder
    absent = list(names)
    for folder in searched:
        absent = [name for name in absent if not (folder / name).exists()]
    raise missing(root, absent or names, remedy)


def missing(root: Path, names: Sequence[str], remedy: str) -> MissingFile:
    """Make the one error of a wrong or half layout.

    Args:
        root: the folder that was searched.
        names: what was looked for.
        remedy: what to do.

    Returns:
        The error, to be raised.
    """
    children = sorted(child.name + ("/" if child.is_dir() else "") for child in root.iterdir())
    shown = ", ".join(children[:SHOWN]) or "nothing"
    if len(children) > SHOWN:
        shown += f" and {len(children) - SHOWN} more"
    return MissingFile(
        f"no {', '.join(map(repr, names))}",
        where=f"{root} or the folders below it",
        allowed=f"found there: {shown}",
        remedy=remedy,
    )


def by_stem(folder: Path, suffix: str = "") -> dict[str, Path]:
    """List a folder's image files.

    Args:
        folder: where to look; not below it.
        suffix: an ending of the stems, in any case, that is cut off; files without it are left
            out.

    Returns:
        Stem → path, sorted by name.
    """
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
    """Read a file name of somebody's list.

    Args:
        name: the cell or value; it comes from outside.
        where: the list, for the error.

    Returns:
        The name without its ending.

    Raises:
        ManifestError: it is not a plain name, so it could lead out of the folder.
    """
    if not isinstance(name, str) or not _is_plain(name):
        raise ManifestError(
            f"{str(name)[:60]!r} is no file name",
            where=where,
            allowed="a name without folders",
            remedy="take the published file",
        )
    return Path(name).stem


def _is_plain(name: str) -> bool:
    """No folders, of this system's or of Windows' paths, and nothing that no file is called."""
    return bool(name.strip()) and "\0" not in name and name == Path(name.replace("\\", "/")).name


def write_set(
    source: Path,
    target: Path,
    cases: list[Case],
    published: Mapping[str, int],
    warnings: list[str],
    progress: Progress | None = None,
) -> Prepared:
    """Write images (bytes as they are), masks (0/255 PNG, cut at 128) and, last, the manifest.

    A second run writes the same files again.

    Args:
        source: the download; for messages.
        target: the folder to write to.
        cases: the rows, in order.
        published: rows per split that the publishers name; differences become warnings.
        warnings: what is known so far, in whole sentences.
        progress: called with (done, total) after each case.

    Returns:
        What was written, with all warnings.

    Raises:
        UsageError: target is source.
        ManifestError: there is no case.
        NotWritable: the target cannot be written.
    """
    _check_places(source, target, cases, warnings)
    counts = Counter(case.split for case in cases)
    warnings = [*warnings, *count_warnings(counts, published)]
    rows: list[Fields] = []
    taken: set[str] = set()
    for done, case in enumerate(cases, start=1):
        name = _unique(case, taken)
        image = f"images/{name}{case.image.suffix.lower()}"
        mask = f"masks/{name}.png"
        warnings += _write_files(case, target / image, target / mask)
        rows.append(_row(case, name, image, mask))
        if progress is not None:
            progress(done, len(cases))
    write_manifest(target / "manifest.jsonl", rows)
    return Prepared(target / "manifest.jsonl", dict(counts), warnings)


def _check_places(source: Path, target: Path, cases: list[Case], warnings: list[str]) -> None:
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


def _row(case: Case, name: str, image: str, mask: str) -> Fields:
    """A row as the manifest has it; the case's own columns come last and win."""
    return {
        "id": name,
        "image": image,
        "mask": mask,
        "split": case.split,
        "prompts": dict(case.prompts),
        "frame": "image",
        **case.columns,
    }


def _unique(case: Case, taken: set[str]) -> str:
    """The stem; where a set lists an image twice, its later row is named for its split as well."""
    name = case.stem
    number = 1
    while name in taken:
        name = f"{case.stem}_{case.split}" + (f"_{number}" if number > 1 else "")
        number += 1
    taken.add(name)
    return name


def _write_files(case: Case, image: Path, mask: Path) -> list[str]:
    """Copy a damaged file as it is: its row stays, and `check` sets it aside with a reason."""
    warnings = []
    try:
        write_bytes(image, read_bytes(case.image))
    except UnreadableFile as error:
        warnings.append(f"an image could not be copied: {error}")
    try:
        lesions = [read_mask(path) for path in (case.mask, *case.further_masks)]
        write_mask(mask, np.logical_or.reduce(lesions))
    except UnreadableFile as error:
        warnings.append(f"a mask could not be converted: {error}")
        write_bytes(mask, case.mask.read_bytes())
    return warnings


def drawn_split(name: str) -> str:
    """Draw a split by the sha256 of a name, 80 : 10 : 10.

    The same on every machine, whatever else is in the folder.

    Args:
        name: of the case.

    Returns:
        train, val or test.
    """
    place = int(hashlib.sha256(name.encode()).hexdigest(), 16) % 10
    return {8: "val", 9: "test"}.get(place, "train")


def no_annotations(remedy: str, split: str) -> str:
    """Write the warning of a set that can do without MedVLSM's prompts.

    Args:
        remedy: where the prompts are to be put.
        split: how the set was split instead, as a clause.

    Returns:
        Two sentences.
    """
    return f"{NO_TEXT}; {split}. For MedVLSM's prompts and split {remedy}"


def count_warnings(
    counts: Mapping[str, int], published: Mapping[str, int], what: str = "split"
) -> list[str]:
    """Compare counts with the published ones.

    Args:
        counts: name → rows that were found.
        published: name → rows that the publishers give.
        what: what the names are: a split, a kind, a part.

    Returns:
        A sentence with both numbers for each name where they differ.
    """
    return [
        f"{counts.get(name, 0):,} rows of {what} {name}; {n:,} were published"
        for name, n in published.items()
        if counts.get(name, 0) != n
    ]


def total_warnings(n_images: int, n_published: int) -> list[str]:
    """Compare the number of images with the published one.

    Args:
        n_images: images that were found.
        n_published: images that the publishers give.

    Returns:
        One sentence where they differ, else none.
    """
    if n_images == n_published:
        return []
    return [f"{n_images:,} images; {n_published:,} were published"]


def first_of(names: Sequence[str]) -> str:
    """Name the first of what a warning counts.

    Args:
        names: all of them.

    Returns:
        The first three, in brackets.
    """
    return f"(the first: {', '.join(names[:N_NAMED])})"


def paired(wanted: list[Key], *places: Mapping[Key, Path]) -> tuple[set[Key], list[str]]:
    """Keep the cases that have all their files.

    Args:
        wanted: how the lists name the cases.
        places: of each kind of file (image, mask), name → path.

    Returns:
        The names that are in every place, and a warning that counts the others.
    """
    present = set(wanted).intersection(*places)
    absent = [key for key in wanted if key not in present]
    if not absent:
        return present, []
    names = first_of([key if isinstance(key, str) else key[-1] for key in absent])
    warning = (
        f"{len(absent):,} of {len(wanted):,} listed cases lack an image or a mask "
        f"and are left out {names}"
    )
    return present, [warning]
