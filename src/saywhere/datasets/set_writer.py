"""Write a set: its images, its masks and its manifest, and compare its counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from saywhere.data.file_checks import Progress
from saywhere.data.manifest import write_manifest
from saywhere.data.records import Fields
from saywhere.datasets.layout import SetAside
from saywhere.errors import ManifestError, UnreadableFile, UsageError, counted
from saywhere.io.decode import decode, read_bytes
from saywhere.io.files import keep_earlier, write_bytes
from saywhere.io.images import image_pixels, mask_values, png_bytes, read_mask
from saywhere.io.labels import LabelMap, StoredMask, foreground, label_values, pixels_of
from saywhere.io.skipped import Skipped
from saywhere.io.sources import Source
from saywhere.io.volume_pairs import mask_of, picture_of

ORACLE = {"oracle": True}
"""The column of a row whose sentences were written from its mask, as in all public sets here."""


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
    label: tuple[str, ...] = ()
    """Of a label map, the values that this row is of, as `StoredMask.name` writes them."""
    image_stem: str = ""
    """Names the image where several rows share it; empty where each row has its own."""
    frame: int = 0
    """Of a DICOM or NIfTI image, the frame or slice, from 1; 0 of a plain picture."""
    member: str = ""
    """The image's name in `image`, where that is an archive."""
    mask_member: str = ""
    """The mask's name in `mask`, where that is an archive."""
    series: str = ""
    """Names the DICOM series that the image is a slice of; its slices share one SEG."""

    @property
    def image_source(self) -> Source:
        """The image's file, and the frame of it."""
        return Source(self.image, self.member, self.frame)

    @property
    def mask_source(self) -> Source:
        """The mask's file."""
        return Source(self.mask, self.mask_member)


@dataclass
class Prepared:
    """What was written."""

    manifest: Path
    counts: dict[str, int]
    """Rows per split."""
    warnings: list[str] = field(default_factory=list)
    """What differs from what was published, in whole sentences."""
    skipped: list[Skipped] = field(default_factory=list)
    """Files of the source that are not read; the warnings count them."""

    @property
    def set_aside(self) -> list[str]:
        """The warnings of inputs that were set aside: with one of them, `prepare` ends with 3."""
        return [warning for warning in self.warnings if isinstance(warning, SetAside)]


def write_set(
    source: Path,
    target: Path,
    cases: list[Case],
    published: Mapping[str, int],
    warnings: list[str],
    progress: Progress | None = None,
    *,
    refuses_label_maps: bool = False,
) -> Prepared:
    """Write images (bytes as they are), masks (0/255 PNG) and, last, the manifest.

    A second run writes the same files again. What other files it would replace is kept beside them,
    as NAME.1.

    Args:
        source: the download; for messages.
        target: the folder to write to.
        cases: the rows, in order.
        published: rows per split that the publishers name; differences become warnings.
        warnings: what is known so far, in whole sentences.
        progress: called with (done, total) after each case.
        refuses_label_maps: end at a mask of several labels; else it is copied as it is, with a
            warning, and `saywhere check` sets its row aside.

    Returns:
        What was written, with all warnings.

    Raises:
        UsageError: target is source.
        ManifestError: there is no case.
        LabelMap: a mask holds several labels, and they are refused.
        NotWritable: the target cannot be written.
    """
    # Before anything is written: a set must not overwrite its own download.
    _check_places(source, target, cases, warnings)
    counts = Counter(case.split for case in cases)
    warnings = [*warnings, *count_warnings(counts, published)]
    rows: list[Fields] = []
    names = _Names()
    replaced = 0
    for done, case in enumerate(cases, start=1):
        # Two images of a set may share a name, as in LViT's train and test.
        name = names.of_row(case)
        image = f"images/{names.of_image(case, name)}{_suffix(case)}"
        mask = f"masks/{name}.png"
        of_case, n_replaced = _write_files(case, target / image, target / mask, refuses_label_maps)
        warnings += of_case
        replaced += n_replaced
        rows.append(_row(case, name, image, mask))
        if progress is not None:
            progress(done, len(cases))
    # Last: a run that was interrupted leaves no manifest of files that are not there.
    earlier = write_manifest(target / "manifest.jsonl", rows)
    warnings += _of_replaced(target, replaced, earlier)
    return Prepared(target / "manifest.jsonl", dict(counts), warnings)


def _of_replaced(target: Path, n_files: int, manifest: Path | None) -> list[str]:
    """What stood in the folder already and was another set's, or an earlier state of this one."""
    warnings = []
    if manifest is not None:
        warnings.append(f"{target} held another manifest: it is kept as {manifest.name}")
    if n_files:
        files = counted(n_files, "other file of these names", "other files of these names")
        warnings.append(f"{target} held {files}: kept beside the new ones, as NAME.1")
    return warnings


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


class _Names:
    """Names of files; only rows of several labels of one image share the image's."""

    def __init__(self) -> None:
        self.rows: set[str] = set()
        self.images: set[str] = set()
        self.shared: dict[Source, str] = {}

    def of_row(self, case: Case) -> str:
        return _unique(case.stem, case.split, self.rows)

    def of_image(self, case: Case, row: str) -> str:
        if not case.image_stem:
            return _unique(row, case.split, self.images)
        picture = case.image_source
        if picture not in self.shared:
            self.shared[picture] = _unique(case.image_stem, case.split, self.images)
        return self.shared[picture]


def _unique(stem: str, split: str, taken: set[str]) -> str:
    """The stem; where a set lists an image twice, its later row is named for its split as well."""
    name = stem
    number = 1
    while name in taken:
        name = f"{stem}_{split}" + (f"_{number}" if number > 1 else "")
        number += 1
    taken.add(name)
    return name


def _write_files(
    case: Case, image: Path, mask: Path, refuses_label_maps: bool
) -> tuple[list[str], int]:
    """Copy a damaged file as it is: its row stays, and `check` sets it aside with a reason.

    Returns the warnings, and how many other files stood in these places.
    """
    warnings: list[str] = []
    replaced = 0
    orientation = 1
    try:
        if case.frame:
            # The pixels alone: a DICOM file's header names the patient.
            replaced += _write(image, png_bytes(picture_of(case.image_source)))
        else:
            # Bytes as they are: saving a JPEG anew would change its pixels.
            replaced += _write(image, read_bytes(case.image))
            # Decoded for this alone: to hear of it now is better than hours later, in `train`.
            decoded = decode(case.image)
            image_pixels(decoded, case.image)
            orientation = decoded.orientation
    except UnreadableFile as error:
        warnings.append(SetAside(f"an image cannot be used, and `check` will say so: {error}"))
    try:
        pixels = np.where(_foreground(case), np.uint8(255), np.uint8(0))
        content = png_bytes(pixels, orientation if _is_turned(case, orientation) else 1)
    except UnreadableFile as error:
        if refuses_label_maps and isinstance(error, LabelMap):
            raise
        warnings.append(SetAside(f"a mask could not be converted: {error}"))
        # A DICOM's bytes would carry its header along.
        content = b"" if case.frame else case.mask.read_bytes()
    return warnings, replaced + _write(mask, content)


def _is_turned(case: Case, orientation: int) -> bool:
    """Was the mask stored as its image is? Then it stays so, and nobody asks how it lies.

    Programs that look at no orientation see both as stored, the others see both upright.
    """
    return orientation != 1 and mask_values(case.mask).orientation == orientation


def _write(path: Path, content: bytes) -> int:
    """Returns 1 where another file stood there: its content is kept beside it."""
    earlier = keep_earlier(path, content)
    write_bytes(path, content)
    return int(earlier is not None)


def stored_mask_of(case: Case) -> StoredMask:
    """Read a case's mask before any rule says which values are foreground.

    Args:
        case: The case.

    Returns:
        Its values as stored; of a volume those of the case's slice.

    Raises:
        MissingFile: There is no such file.
        UnreadableFile: It is no mask that can be read, or does not fit its image.
    """
    if case.frame:
        return mask_of(case.image_source, case.mask_source)
    return mask_values(case.mask)


def _suffix(case: Case) -> str:
    return ".png" if case.frame else case.image.suffix.lower()


def _foreground(case: Case) -> NDArray[np.bool_]:
    if case.label:
        return pixels_of(label_values(stored_mask_of(case), case.mask_source.file), case.label)
    if case.frame:
        return foreground(stored_mask_of(case), case.mask_source.file)
    lesions = [read_mask(path) for path in (case.mask, *case.further_masks)]
    return np.asarray(np.logical_or.reduce(lesions))


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
        f"{counted(counts.get(name, 0), 'row')} of {what} {name}; {n:,} were published"
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
    return [f"{counted(n_images, 'image')}; {n_published:,} were published"]
