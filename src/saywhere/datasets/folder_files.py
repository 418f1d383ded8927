"""Which images and masks lie in a folder of them, by name, and which files are not read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from saywhere.datasets.layout import by_stem, find_with, missing
from saywhere.datasets.segmented_slices import SegmentedSlices, has_segmentations, segmented_slices
from saywhere.errors import ManifestError, MissingFile
from saywhere.io.skipped import Skipped, in_sentences, skipped_in
from saywhere.io.sources import Source

PARTS = ["images", "masks"]
REMEDY = (
    "put images into images/ and their masks, of equal names, into masks/, or both into train/, "
    "val/ and test/; DICOM images and the SEG that was drawn on them may lie in one folder or zip "
    "archive"
)


@dataclass
class FolderFiles:
    """Images and masks by name.

    Attributes:
        images: Name → the image's file.
        masks: Name → the mask's file.
        series: Name → the DICOM series that the image is a slice of, where it has its mask from a
            SEG.
        warnings: In whole sentences.
        skipped: Files that are not read.
    """

    images: dict[str, Source]
    masks: dict[str, Source]
    series: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def place_of(source: Path) -> Path:
    """Find the folder that holds images/ and masks/.

    Args:
        source: Where to look, or an archive.

    Returns:
        The nearest such folder; `source` itself where it holds DICOM images and their SEG.

    Raises:
        MissingFile: There is neither.
        MissingExtra: There is DICOM, and pydicom is not installed.
        UnreadableFile: An archive is over the limits or damaged.
    """
    if source.is_file():
        if has_segmentations(source):
            return source
        raise MissingFile(
            "no DICOM SEG",
            where=source,
            allowed="an archive holds DICOM images and the SEG that was drawn on them",
            remedy="unpack other archives, and name the folder",
        )
    try:
        return find_with(source, PARTS, REMEDY)
    except MissingFile:
        # Only now, since it opens every file below.
        if source.is_dir() and has_segmentations(source):
            return source
        raise


def files_of(place: Path) -> FolderFiles:
    """List images and masks.

    Args:
        place: From `place_of`.

    Returns:
        The files, paired by name, and DICOM slices with the SEG that marks them.

    Raises:
        MissingFile: There are no images, or no masks.
        ManifestError: The only masks are SEGs that fit no image.
        MissingExtra: There is DICOM, and pydicom is not installed.
        UnreadableFile: An archive is over the limits or damaged.
    """
    folders = [place / part for part in PARTS]
    if not all(folder.is_dir() for folder in folders):
        return _of_segs(place, place, FolderFiles({}, {}))
    images, masks = (_by_name(folder) for folder in folders)
    files = _of_segs(folders[0], folders[1], FolderFiles(images, masks))
    if not files.images or not files.masks:
        if files.warnings:
            raise ManifestError(
                "no DICOM SEG fits an image",
                where=place,
                allowed="; ".join(files.warnings),
                remedy="put the images beside it that it was drawn on",
            )
        reasons = in_sentences(files.skipped)
        lacking = f"{PARTS[1] if files.images else PARTS[0]}/*"
        raise missing(place, [lacking], "; ".join([REMEDY, *reasons]))
    return files


def _by_name(folder: Path) -> dict[str, Source]:
    return {name: Source(path) for name, path in by_stem(folder, clinical=True).items()}


def _of_segs(image_place: Path, mask_place: Path, files: FolderFiles) -> FolderFiles:
    """Add the slices that SEGs mark, and list what is not read."""
    named = files.images.keys() & files.masks.keys()
    paired = {each[name].path for each in (files.images, files.masks) for name in named}
    slices = segmented_slices(image_place, mask_place, paired)
    # What a SEG has settled waits for no partner of its own name.
    settled = slices.read - paired
    files.images = _without(files.images, settled) | slices.images
    files.masks = _without(files.masks, settled) | slices.masks
    files.series, files.warnings = (slices.series, slices.warnings)
    read = {source.path for source in (*files.images.values(), *files.masks.values())}
    read |= settled | {folder for path in slices.read for folder in path.parents}
    files.skipped = [*slices.skipped, *_not_read(image_place, mask_place, read, slices)]
    return files


def _without(files: dict[str, Source], settled: Collection[Path]) -> dict[str, Source]:
    return {name: source for name, source in files.items() if source.path not in settled}


def _not_read(
    image_place: Path, mask_place: Path, read: Collection[Path], slices: SegmentedSlices
) -> list[Skipped]:
    folders = {image_place, mask_place} | {path.parent for path in slices.read}
    listed = [
        file for folder in sorted(folders) if folder.is_dir() for file in skipped_in(folder, read)
    ]
    # What was opened as DICOM has a better reason than its name gives.
    better = {file.path for file in slices.skipped}
    return [file for file in listed if file.path not in better]
