"""Files of a folder that are not read, each with the reason: none is passed over in silence."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from saywhere.errors import counted
from saywhere.io.image_formats import HEAD_BYTES, SUFFIXES, sniff, sniff_other

N_NAMED = 20
"""Files of one reason that a sentence names; of more it says how many there are."""
LITTER = frozenset({"thumbs.db", "desktop.ini"})
"""What Windows leaves in folders; nobody put it there to be read."""
SUBFOLDER = "a folder below is not looked into: name it itself, or put its files here"
OTHER_SPLIT = "a folder of a split is called train, val, test: rename it"
CLINICAL = ("DICOM", "NIfTI")
"""What `predict` reads, and a folder of images to prepare does not."""
REASONS = {
    "its name says DICOM, its content does not: export it again": (".dcm", ".dicom", ".ima"),
    "its name says NIfTI, its content does not: export it again": (".nii", ".nii.gz"),
    "other volumes are not read: export their slices as PNG": (".nrrd", ".mha", ".mhd", ".mgz"),
    "its format is not read: convert it to PNG": (
        ".avif",
        ".heic",
        ".heif",
        ".jp2",
        ".j2k",
        ".svg",
        ".psd",
        ".svs",
        ".ndpi",
    ),
    "an archive is not read: unpack it": (".zip", ".tar", ".gz", ".tgz", ".rar", ".7z"),
    "a document is not read: export its pictures as PNG": (".pdf",),
}


@dataclass(frozen=True)
class Skipped:
    """A file that is not read.

    Attributes:
        path: The file.
        reason: Why, and what to do where something can be done.
    """

    path: Path
    reason: str

    def to_json(self) -> dict[str, str]:
        """Make the record that `--json` prints.

        Returns:
            path and reason.
        """
        return {"path": str(self.path), "reason": self.reason}


def skipped_in(folder: Path, read: Collection[Path], known: Collection[str] = ()) -> list[Skipped]:
    """List the files of a folder that are not read.

    Args:
        folder: Where to look; folders below it are listed, and not looked into.
        read: The files that are.
        known: Names of files that are there for another purpose.

    Returns:
        The others, by name, and the folders below. Hidden ones, and what the system leaves there,
        do not count.
    """
    return [
        Skipped(path, _reason(path))
        for path in sorted(folder.iterdir())
        if path not in read and path.name not in known and not is_litter(path)
    ]


def in_sentences(skipped: Sequence[Skipped]) -> list[str]:
    """Tell of skipped files.

    Args:
        skipped: All of them.

    Returns:
        A sentence for each folder and reason, with the count and the first twenty names.
    """
    names: defaultdict[tuple[Path, str], list[str]] = defaultdict(list)
    for file in skipped:
        names[file.path.parent, file.reason].append(file.path.name)
    return [_sentence(folder, reason, of_reason) for (folder, reason), of_reason in names.items()]


def _sentence(folder: Path, reason: str, names: Sequence[str]) -> str:
    kind = "folder" if reason in (SUBFOLDER, OTHER_SPLIT) else "file"
    subject = counted(len(names), f"{kind} is", f"{kind}s are")
    rest = f" and {len(names) - N_NAMED:,} more" if len(names) > N_NAMED else ""
    return f"{subject} skipped in {folder}; {reason} ({', '.join(names[:N_NAMED])}{rest})"


def is_litter(path: Path) -> bool:
    """Did the system leave the file there, and nobody put it there to be read?

    Args:
        path: The file.

    Returns:
        True for hidden files and those of Windows' folders.
    """
    return path.name.startswith(".") or path.name.lower() in LITTER


def _reason(path: Path) -> str:
    if path.is_dir():
        return SUBFOLDER
    # Before it is opened: reading a pipe would wait for ever.
    if not path.is_file():
        return "it is no file, or a link that leads nowhere"
    name = path.name.lower()
    if path.suffix.lower() in SUFFIXES:
        return "another file of the same name is read"
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        return f"it cannot be opened ({error.strerror}): see its rights"
    # Before the ending: a sound DICOM must not be called a false one.
    if (clinical := sniff_other(_unpacked(head))) in CLINICAL:
        return f"it is a {clinical} file, which is not read here: `saywhere predict` reads it"
    # Longer endings first: .nii.gz is no archive.
    endings = [(ending, reason) for reason, of_it in REASONS.items() for ending in of_it]
    for ending, reason in sorted(endings, key=lambda pair: -len(pair[0])):
        if name.endswith(ending):
            return reason
    return _reason_by_content(head)


def _unpacked(head: bytes) -> bytes:
    """The beginning of what a gzip holds, as of .nii.gz; other bytes as they are."""
    if not head.startswith(b"\x1f\x8b"):
        return head
    try:
        # At most so many bytes, whatever the file claims to hold.
        return zlib.decompressobj(wbits=31).decompress(head, HEAD_BYTES)
    except zlib.error:
        return head


def _reason_by_content(head: bytes) -> str:
    """Of a name that says nothing: scanners' files often have no ending."""
    if (other := sniff_other(head)) is not None:
        return f"it is a {other} file, which is not read: convert it to PNG"
    if kind := sniff(head):
        return f"it is a {kind}, but its name does not say so: let it end in .{kind.lower()}"
    return f"it is no image; images end in {', '.join(SUFFIXES)}"
