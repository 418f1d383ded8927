"""What every public set needs: find its folders, pair its files, name what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from saywhere.errors import ManifestError, MissingFile, counted
from saywhere.io.decode import SUFFIXES
from saywhere.io.names import comparable
from saywhere.io.sources import is_clinical
from saywhere.io.sources import stem_of as stem_in

# Folders below --from that are searched: archives unpack into folders of their own.
DEPTH = 4
SHOWN = 12
N_NAMED = 3
NO_TEXT = "no text was found: `saywhere describe MANIFEST --to NEW` writes sentences from the masks"
BY_NAME = "the split was drawn by name, 80 : 10 : 10"
Key = TypeVar("Key", str, tuple[str, str])
"""How a set's lists name a case: its stem, or (split, stem) where a stem stands in two splits."""


class SetAside(str):
    """A warning of inputs that are left out of the set, or that cannot be used in it.

    `saywhere prepare` ends with exit code 3 where there is one. Other warnings are of what nobody
    lost: files that are no images, counts that differ from the published ones.
    """


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
        # Sorted: the order of a folder's files differs between systems.
        level = sorted(child for folder in level for child in _children(folder))


def _children(folder: Path) -> list[Path]:
    # Somebody else's folder below --from must not stop the search.
    with suppress(PermissionError):
        return [
            child
            for child in folder.iterdir()
            # macOS packs hidden files and a folder of its own into archives.
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
        # Only what is nowhere is named as missing.
        absent = [name for name in absent if not (folder / name).exists()]
    # All of them may be there, but in no single folder.
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


def by_stem(folder: Path, suffix: str = "", *, clinical: bool = False) -> dict[str, Path]:
    """List a folder's image files.

    Args:
        folder: where to look; not below it.
        suffix: an ending of the stems, in any case, that is cut off; files without it are left
            out.
        clinical: are DICOM and NIfTI files, told by their content, among them?

    Returns:
        Stem → path, sorted by name.
    """
    files = {
        comparable(stem_in(path.name)): path
        for path in sorted(folder.iterdir())
        # macOS leaves "._NAME.png" beside NAME.png on foreign disks.
        if not path.name.startswith(".")
        and (path.suffix.lower() in SUFFIXES or (clinical and is_clinical(path)))
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
    return comparable(Path(name).stem)


def _is_plain(name: str) -> bool:
    """No folders, of this system's or of Windows' paths, and nothing that no file is called."""
    return bool(name.strip()) and "\0" not in name and name == Path(name.replace("\\", "/")).name


def no_annotations(remedy: str, split: str) -> str:
    """Write the warning of a set that can do without MedVLSM's prompts.

    Args:
        remedy: where the prompts are to be put.
        split: how the set was split instead, as a clause.

    Returns:
        Two sentences.
    """
    return f"{NO_TEXT}; {split}. For MedVLSM's prompts and split {remedy}"


def first_of(names: Sequence[str]) -> str:
    """Name the first of what a warning counts.

    Args:
        names: all of them.

    Returns:
        The first three, in brackets.
    """
    return f"(the first: {', '.join(names[:N_NAMED])})"


def paired(wanted: list[Key], *places: Mapping[Key, object]) -> tuple[set[Key], list[str]]:
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
    lack, are = ("lacks", "is") if len(absent) == 1 else ("lack", "are")
    warning = (
        f"{len(absent):,} of {counted(len(wanted), 'listed case')} {lack} an image or a mask "
        f"and {are} left out {names}"
    )
    return present, [SetAside(warning)]
