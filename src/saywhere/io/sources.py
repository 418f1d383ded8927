"""Where pictures come from: files, folders and archives, volumes among them, and what is left out.

A picture is a file, one frame or slice of a file, or either of them in a zip archive. Nothing of an
archive is written to the disk, so that no name in it can lead anywhere.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from saywhere.errors import MissingFile, UnreadableFile
from saywhere.io import archives, clinic, dicom
from saywhere.io.decode import read_bytes
from saywhere.io.image_formats import SUFFIXES, sniff
from saywhere.io.skipped import Skipped, is_litter, skipped_in

MAX_FOLDERS = 100_000  # that are looked into below one folder
CLINIC_SUFFIXES = (".dcm", ".dicom", ".ima", ".nii", ".nii.gz")
_HEAD_BYTES = 4096


@dataclass(frozen=True)
class Source:
    """One picture.

    Attributes:
        path: The file, or the archive that it is in.
        member: Its name in the archive; blank for a file.
        frame: The frame or slice of it, from 1; 0 where the file is one picture.
    """

    path: Path
    member: str = ""
    frame: int = 0

    @property
    def file(self) -> Path:
        """How errors name the file; one in an archive is `archive.zip/name`."""
        return self.path / self.member if self.member else self.path

    @property
    def stem(self) -> str:
        """What the names of its results begin with: the file's name and the frame's number."""
        name = PurePosixPath(self.member).name if self.member else self.path.name
        stem = stem_of(name)
        return f"{stem}-{self.frame:03d}" if self.frame else stem


@dataclass(frozen=True)
class Input:
    """One picture, or the pictures of one volume or series.

    Attributes:
        name: What the names of results of the whole begin with.
        sources: Its pictures, in the order of their places.
        is_volume: Do they show one body, slice by slice?
    """

    name: str
    sources: tuple[Source, ...]
    is_volume: bool = False


@dataclass
class Listing:
    """What stands in files, folders and archives.

    Attributes:
        inputs: In order.
        skipped: Files that are not read, with the reason.
        notes: What a user should know, one sentence each.
    """

    inputs: list[Input] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def list_inputs(
    path: Path, known: Callable[[Path], Collection[str]] = lambda folder: ()
) -> Listing:
    """Find the pictures of a file, a folder or a zip archive.

    Of a folder these are the pictures in it, by their names' endings, and all DICOM and NIfTI files
    in it and below it, by their content. DICOM files are grouped into series.

    Args:
        path: The file or folder.
        known: Names of files of a folder that are there for another purpose.

    Returns:
        The inputs, what was skipped, and notes. A file that cannot be read stays an input: reading
        it says why.

    Raises:
        MissingFile: There is nothing of that name.
        MissingExtra: There is DICOM or NIfTI, and its library is not installed.
        UnreadableFile: It is an archive that is over the limits or damaged.
    """
    if path.is_dir():
        return _of_folder(path, known)
    if not path.exists():
        raise MissingFile(f"no such file or folder: {path}", remedy="check the path")
    head = _head(path)
    if head.startswith(archives.ZIP):
        return _of_archive(path)
    return Listing([_of_file(Source(path), head, partial(read_bytes, path))])


def is_clinical(path: Path) -> bool:
    """Is it a DICOM or NIfTI file, by its content?

    Args:
        path: Anything that lies in a folder.

    Returns:
        False for folders, pipes and what cannot be opened, too.
    """
    return clinic.kind_of(_head(path)) is not None


def stem_of(name: str) -> str:
    """The name of a file without its ending.

    Args:
        name: Such as `ct.nii.gz`.

    Returns:
        Such as `ct`.
    """
    for ending in (*CLINIC_SUFFIXES[::-1], ".zip"):
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    return Path(name).stem


def dicom_files(place: Path) -> Iterator[Source]:
    """Find the DICOM files of a folder, of the folders below it, and of the zip archives there.

    Args:
        place: The folder, or an archive.

    Yields:
        The files, told by their content, by name.

    Raises:
        UnreadableFile: An archive is over the limits or damaged.
    """
    if not place.is_dir():
        if _head(place).startswith(archives.ZIP):
            yield from _dicom_members(place)
        return
    for folder in _folders(place):
        for path in sorted(folder.iterdir()):
            head = b"" if is_litter(path) else _head(path)
            if head.startswith(archives.ZIP):
                yield from _dicom_members(path)
            elif clinic.kind_of(head) == "DICOM":
                yield Source(path)


def _dicom_members(path: Path) -> Iterator[Source]:
    with archives.open_archive(path) as archive:
        for name in archives.names_in(archive, path):
            source = Source(path, name)
            if is_litter(Path(name)) or name.startswith("__MACOSX/"):
                continue
            head = archives.read_member(archive, name, source.file, _HEAD_BYTES)
            if clinic.kind_of(head) == "DICOM":
                yield source


def _head(path: Path) -> bytes:
    """The first bytes of a file; none of what is no file or cannot be opened."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return b""
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except (OSError, ValueError):
        return b""


def _of_file(source: Source, head: bytes, read: Callable[[], bytes]) -> Input:
    """A picture, or a volume: a file of several frames or slices."""
    n_pictures = 1
    # A file that is damaged is set aside with the reason when it is read.
    with suppress(UnreadableFile):
        if clinic.kind_of(head) is not None:
            n_pictures = clinic.count(read(), source.file)
    return _single(source, n_pictures)


def _of_folder(folder: Path, known: Callable[[Path], Collection[str]]) -> Listing:
    listing = Listing()
    files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    plain = [
        path
        for path in files
        if path.suffix.lower() in SUFFIXES
        and path.name not in known(folder)
        and not path.is_dir()
        and not is_clinical(path)
    ]
    listing.inputs += [Input(path.stem, (Source(path),)) for path in plain]
    clinical: list[Path] = []
    for place in _folders(folder):
        clinical += [path for path in sorted(place.iterdir()) if _is_read(path, known(place))]
    # A folder is read where there is anything in it that is.
    opened = {parent for path in clinical for parent in path.parents}
    listing.skipped += skipped_in(folder, {*plain, *clinical, *opened}, known(folder))
    series = _Sorter(listing)
    for path in clinical:
        series.add(Source(path), _head(path), partial(read_bytes, path))
    series.close(folder.name)
    return listing


def _folders(folder: Path) -> Iterator[Path]:
    """A folder and those below it, by name; links are not followed, so that there is no circle."""
    waiting = [folder]
    for _ in range(MAX_FOLDERS):
        if not waiting:
            return
        place = waiting.pop(0)
        yield place
        try:
            below = sorted(p for p in place.iterdir() if p.is_dir() and not p.is_symlink())
        except OSError:
            continue
        waiting += [path for path in below if not path.name.startswith(".")]


def _is_read(path: Path, known: Collection[str]) -> bool:
    return not path.name.startswith(".") and path.name not in known and is_clinical(path)


class _Sorter:
    """Gathers DICOM files into series; other files are inputs as they come."""

    def __init__(self, listing: Listing) -> None:
        self.listing = listing
        self.facts: list[dicom.Facts[Source]] = []

    def add(self, source: Source, head: bytes, read: Callable[[], bytes]) -> None:
        """One file, of any kind that is read."""
        if clinic.kind_of(head) != "DICOM":
            self.listing.inputs.append(_of_file(source, head, read))
            return
        try:
            self.facts.append(clinic.facts_of(read(), source.file, source))
        except UnreadableFile as error:
            self.listing.skipped.append(Skipped(source.file, error.found))

    def close(self, name: str) -> None:
        """All files were added: order them. Series are named after the folder or archive."""
        frames_of = {fact.item: fact.n_frames for fact in self.facts}
        every = dicom.group(self.facts)
        n_volumes = sum(len(series.items) > 1 for series in every)
        number = 0
        for series in every:
            is_volume = len(series.items) > 1
            number += is_volume
            of_it = f"{name}-series{number}" if n_volumes > 1 else name
            if not is_volume:
                first = series.items[0]
                self.listing.inputs.append(_single(first, frames_of[first]))
                continue
            self.listing.inputs.append(Input(of_it, series.items, is_volume=True))
            about = f"series {of_it} ({len(series.items):,} slices)"
            self.listing.notes += [f"{about}: {note}" for note in series.notes]
            self.listing.skipped += [
                Skipped(copy.file, "a copy of another file") for copy in series.copies
            ]


def _single(source: Source, n_frames: int) -> Input:
    if n_frames == 1:
        return Input(source.stem, (source,))
    frames = range(1, n_frames + 1)
    sources = tuple(Source(source.path, source.member, frame) for frame in frames)
    return Input(source.stem, sources, is_volume=True)


def _of_archive(path: Path) -> Listing:
    listing = Listing()
    with archives.open_archive(path) as archive:
        series = _Sorter(listing)
        for name in archives.names_in(archive, path):
            source = Source(path, name)
            if is_litter(Path(name)) or name.startswith("__MACOSX/"):
                continue
            content = archives.read_member(archive, name, source.file)
            if sniff(content) is not None or clinic.kind_of(content) is not None:
                series.add(source, content, partial(bytes, content))
            else:
                listing.skipped.append(Skipped(source.file, "it is no image"))
        series.close(stem_of(path.name))
    return listing
