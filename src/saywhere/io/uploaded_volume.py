"""What the service is sent to segment: one picture, or a volume, slice by slice.

A volume is a file of several frames or slices, or the DICOM files of one series, as a zip archive
or as an archive (PACS) gives them. No name of a file comes into an error: it may name a patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from saywhere.errors import UnreadableFile, UsageError
from saywhere.io import archives, clinic, dicom, grey, uploads
from saywhere.io.channels import of_channels
from saywhere.io.clinic import Picture
from saywhere.io.image_formats import sniff
from saywhere.io.limits import MAX_FILE_BYTES, MAX_PIXELS
from saywhere.io.skipped import is_litter

MAX_UNPACKED_BYTES = 4 * MAX_FILE_BYTES
"""Of all files of a zip archive together: 40 megapixels of 16 bits, and as much again."""


@dataclass(frozen=True)
class Uploaded:
    """Pictures that were sent.

    Attributes:
        pictures: One, or those slices of a volume that are wanted, in the order of their places.
        numbers: Their numbers in the volume, from 1.
        n_slices: Of the whole volume; 1 for a single picture.
        notes: What a sender would not expect, one sentence each. No patient data.
    """

    pictures: tuple[Picture, ...]
    numbers: tuple[int, ...]
    n_slices: int
    notes: tuple[str, ...] = ()


def read(
    files: Sequence[bytes], channels: int, rule: grey.Grey, wanted: int | None = None
) -> Uploaded:
    """Read a picture or a volume in a child process.

    Args:
        files: All bytes of each file: one, which may be a zip archive, or those of one series.
        channels: 1 (grey) or 3 (colour).
        rule: What black and white are where there are more than 8 bits.
        wanted: Only this slice of a volume, from 1; None: all of them.

    Returns:
        The pictures, (height, width, channels), with their places.

    Raises:
        UnreadableFile: A file is no image that can be read within the limits.
        UsageError: There is no such slice, or the files are not of one series.
    """
    notes: tuple[str, ...] = ()
    if len(files) == 1 and files[0].startswith(archives.ZIP):
        files, notes = _unpacked(files[0])
    if len(files) > 1:
        return _of_series(files, notes, channels, rule, wanted)
    (content,) = files
    n_slices = clinic.count(content, Path("image")) if clinic.kind_of(content) else 1
    chosen = _chosen(n_slices, wanted)
    if n_slices == 1:
        picture = uploads.read_picture(content, channels, rule)
        return Uploaded((picture,), (1,), 1, notes)
    file = clinic.read(content, Path("image"), may_be_large=False)
    pictures = [_in_channels(file.pictures[number - 1], channels) for number in chosen]
    return Uploaded(tuple(pictures), chosen, n_slices, (*notes, *file.notes))


def _of_series(
    files: Sequence[bytes],
    notes: tuple[str, ...],
    channels: int,
    rule: grey.Grey,
    wanted: int | None,
) -> Uploaded:
    if any(clinic.kind_of(file) != "DICOM" for file in files):
        raise _several(f"{len(files):,} images, not all of them DICOM")
    facts = [clinic.facts_of(file, Path(f"file {n + 1}"), n) for n, file in enumerate(files)]
    every = dicom.group(facts)
    if len(every) > 1:
        raise _several(f"{len(files):,} files, which are {len(every):,} series or single pictures")
    (series,) = every
    chosen = _chosen(len(series.items), wanted)
    _refuse_many_pixels([facts[series.items[number - 1]].size for number in chosen])
    pictures = [
        uploads.read_picture(files[series.items[number - 1]], channels, rule) for number in chosen
    ]
    copies = [f"{len(series.copies):,} files are copies of others"] if series.copies else []
    about = (*notes, *series.notes, *copies)
    return Uploaded(tuple(pictures), chosen, len(series.items), about)


def _several(problem: str) -> UsageError:
    return UsageError(
        problem,
        allowed="one picture, or the slices of one DICOM series",
        remedy="send each series in a call of its own",
    )


def _chosen(n_slices: int, wanted: int | None) -> tuple[int, ...]:
    if wanted is None:
        return tuple(range(1, n_slices + 1))
    if wanted > n_slices:
        raise UsageError(
            f"slice {wanted:,} of an image of {n_slices:,}",
            allowed=f"slices are numbered from 1 to {n_slices:,}",
            remedy="name one of them, or leave slice out for all",
        )
    return (wanted,)


def _refuse_many_pixels(sizes: Sequence[tuple[int, int]]) -> None:
    """Before anything is decoded: the whole series would have to fit into memory."""
    n_pixels = sum(height * width for height, width in sizes)
    if n_pixels > MAX_PIXELS:
        raise UnreadableFile(
            f"{len(sizes):,} slices of {n_pixels:,} pixels together",
            allowed=f"at most {MAX_PIXELS:,} in a call",
            remedy="ask for one slice after the other with slice, or use `saywhere predict`",
        )


def _unpacked(content: bytes) -> tuple[list[bytes], tuple[str, ...]]:
    """The images of a zip archive, and a note on what is none."""
    place = Path("archive")
    contents: list[bytes] = []
    n_others = n_bytes = 0
    with archives.open_archive(place, content) as archive:
        for name in archives.names_in(archive, place):
            if is_litter(Path(name)) or name.startswith("__MACOSX/"):
                continue
            file = archives.read_member(archive, name, place / "file")
            n_bytes += len(file)
            _refuse_many_bytes(n_bytes)
            if sniff(file) is None and clinic.kind_of(file) is None:
                n_others += 1
            else:
                contents.append(file)
    if not contents:
        raise UnreadableFile("a zip archive without an image", allowed="the files of one series")
    notes = (f"{n_others:,} files of the archive are no images",) if n_others else ()
    return contents, notes


def _refuse_many_bytes(n_bytes: int) -> None:
    if n_bytes > MAX_UNPACKED_BYTES:
        raise UnreadableFile(
            f"an archive of more than {MAX_UNPACKED_BYTES:,} bytes",
            allowed=f"at most {MAX_UNPACKED_BYTES:,}, unpacked",
            remedy="`saywhere predict` on your own machine takes more",
        )


def _in_channels(picture: Picture, channels: int) -> Picture:
    return Picture(of_channels(picture.pixels, channels), picture.geometry)
