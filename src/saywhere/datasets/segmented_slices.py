"""DICOM images and the SEGs that were drawn on them → which mask belongs to which slice.

A SEG is one file for many slices. Its frames say which image they belong to, by reference or by
their position; the files' names need not agree.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from saywhere.datasets.layout import SetAside, first_of
from saywhere.errors import UnreadableFile, counted
from saywhere.io import clinic, dicom
from saywhere.io.geometry import Geometry
from saywhere.io.names import comparable
from saywhere.io.skipped import Skipped
from saywhere.io.source_reader import content_of
from saywhere.io.sources import Source, dicom_files, stem_of
from saywhere.io.volume_pairs import instance_of, segmentation_of


@dataclass
class SegmentedSlices:
    """Slices that a SEG marks.

    Attributes:
        images: Name → the slice.
        masks: Name → its SEG.
        series: Name → what its series is called: the SEG's name.
        read: SEGs, and files and archives whose images a SEG was drawn on.
        warnings: In whole sentences.
        skipped: DICOM files that are no image, or of no SEG.
    """

    images: dict[str, Source] = field(default_factory=dict)
    masks: dict[str, Source] = field(default_factory=dict)
    series: dict[str, str] = field(default_factory=dict)
    read: set[Path] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


@dataclass(frozen=True)
class _Slice:
    """A DICOM image; UIDs are never shown."""

    source: Source
    name: str
    uid: str
    instance: str
    frames: tuple[Geometry, ...]


@dataclass(frozen=True)
class _Drawn:
    """What a SEG marks: which images, and is there a frame that fits none?"""

    seg: Source
    marked: list[_Slice]
    unmarked: list[_Slice]
    n_left_over: int


def has_segmentations(place: Path) -> bool:
    """Does a folder or a zip archive hold a DICOM SEG?

    Args:
        place: The folder, with those below it, or the archive.

    Returns:
        True where there is one.

    Raises:
        MissingExtra: There is DICOM, and pydicom is not installed.
        UnreadableFile: An archive is over the limits or damaged.
    """
    return any(map(_is_segmentation, dicom_files(place)))


def segmented_slices(
    image_place: Path, mask_place: Path, paired: Collection[Path] = ()
) -> SegmentedSlices:
    """Find the DICOM images that SEGs were drawn on.

    Args:
        image_place: A folder with those below it and the archives there, or an archive.
        mask_place: The same of the SEGs; it may be the same place.
        paired: Images that have a mask of their own name, and these masks. Of a SEG among them
            further slices are taken, and nothing is told where there are none.

    Returns:
        The slices that a SEG marks. Empty where there is no SEG.

    Raises:
        MissingExtra: There is DICOM, and pydicom is not installed.
        UnreadableFile: An archive is over the limits or damaged.
    """
    slices = SegmentedSlices()
    segs = [source for source in dicom_files(mask_place) if _is_segmentation(source)]
    if not segs:
        return slices
    files = [source for source in dicom_files(image_place) if source.path not in paired]
    read = [_slice(source, image_place, slices) for source in files if source not in segs]
    images = [each for each in read if each is not None]
    # A SEG of one image that has its name needs no search.
    searching = [seg for seg in segs if images or seg.path not in paired]
    of_segs = [_drawn(seg, images, slices) for seg in searching]
    drawn = [one for one in of_segs if one is not None]
    _take(drawn, slices)
    for one in drawn:
        if one.marked or one.seg.path not in paired:
            slices.warnings += _about(one, has_others=one.seg.path in paired)
    used = {each.source for one in drawn for each in (*one.marked, *one.unmarked)}
    slices.read |= {source.path for source in (*used, *segs)}
    unused = [each for each in images if each.source not in used]
    # A loose image may still have a mask of its own name, and is told of by its name.
    is_loose = {
        each.source: each.source == Source(image_place / each.source.path.name) for each in unused
    }
    is_flat = image_place == mask_place
    _tell_unused([each for each in unused if is_flat or not is_loose[each.source]], slices)
    return slices


def _is_segmentation(source: Source) -> bool:
    # A damaged file is told of where it is read as an image.
    try:
        return clinic.is_segmentation(content_of(source), source.file)
    except UnreadableFile:
        return False


def _slice(source: Source, root: Path, slices: SegmentedSlices) -> _Slice | None:
    """None of what is no image: it is listed."""
    try:
        content = content_of(source)
        places = clinic.places_of(content, source.file)
        facts = clinic.facts_of(content, source.file, source)
    except UnreadableFile as error:
        slices.skipped.append(Skipped(source.file, error.found))
        return None
    # Of a header only this is needed: thousands of them would fill the memory.
    frames = tuple(replace(place, source=None) for place in places)
    return _Slice(source, _name(source, root), facts.series, instance_of(places[0]), frames)


def _name(source: Source, root: Path) -> str:
    """Of the file; below the root and in an archive with the folder's or archive's name."""
    folders = list(source.path.relative_to(root).parts[:-1]) if source.path != root else []
    stem = stem_of(source.path.name)
    inside = PurePosixPath(source.member.replace("\\", "/"))
    parts = [*folders, stem, stem_of(inside.name)] if source.member else [*folders, stem]
    return comparable("-".join(re.sub(r"[^\w.-]+", "-", part).strip(".-") for part in parts))


def _drawn(seg: Source, images: Sequence[_Slice], slices: SegmentedSlices) -> _Drawn | None:
    """None of a SEG that cannot be read, or is on another grid: it is told of."""
    try:
        segmentation = segmentation_of(seg)
        assert segmentation is not None
        frames_of = partial(_frames_of, segmentation, path=seg.file)
        frames = {image.source: frames_of(image) for image in images}
    except UnreadableFile as error:
        slices.warnings.append(SetAside(f"{seg.file.name} is left out: {error}"))
        return None
    has_marks = np.array([frame.labels.any() for frame in segmentation.frames], dtype=bool)
    marks = {source: bool(has_marks[numbers].any()) for source, numbers in frames.items()}
    # Slices without a mark need not be named: their series says that they belong to it.
    named = [each for each in images if frames[each.source] or _is_listed(each, segmentation)]
    uids = {each.uid for each in named if each.uid}
    of_it = [each for each in images if each.uid in uids or each in named]
    has_marks[[n for numbers in frames.values() for n in numbers]] = False
    n_left_over = int(has_marks.sum())
    marked = [each for each in of_it if marks[each.source]]
    return _Drawn(seg, marked, [each for each in of_it if not marks[each.source]], n_left_over)


def _frames_of(segmentation: dicom.Segmentation, image: _Slice, path: Path) -> list[int]:
    of_frames = [segmentation.frames_of(image.instance, place, path) for place in image.frames]
    return [number for numbers in of_frames for number in numbers]


def _is_listed(image: _Slice, segmentation: dicom.Segmentation) -> bool:
    return bool(image.instance) and segmentation.belongs_to(image.instance)


def _take(drawn: Sequence[_Drawn], slices: SegmentedSlices) -> None:
    """Give each marked slice its SEG, and tell of what is left out."""
    by_source: dict[Source, list[Source]] = {}
    for one in drawn:
        for image in one.marked:
            by_source.setdefault(image.source, []).append(one.seg)
    for one in drawn:
        name = stem_of(one.seg.file.name)
        for image in one.marked:
            if len(by_source[image.source]) > 1:
                continue
            stem = _free(image.name, slices.images)
            slices.images[stem] = image.source
            slices.masks[stem] = one.seg
            slices.series[stem] = name
    twice = {source: segs for source, segs in by_source.items() if len(segs) > 1}
    if twice:
        names = sorted({seg.file.name for segs in twice.values() for seg in segs})
        slices.warnings.append(
            SetAside(
                f"{counted(len(twice), 'image is', 'images are')} marked by several SEGs "
                f"({', '.join(names)}) and left out: which one is meant is not known; prepare "
                "each into a set of its own"
            )
        )


def _about(one: _Drawn, *, has_others: bool) -> list[str]:
    warnings: list[str] = []
    name = stem_of(one.seg.file.name)
    n_slices = len(one.marked) + len(one.unmarked)
    if n_slices > 1:
        warnings.append(
            f"{name}: {len(one.marked):,} of {n_slices:,} slices have a mask that marks "
            "anything, and are rows; the others are left out"
        )
    if not one.marked:
        none = "no image of it is here" if not n_slices else "it marks nothing on its images"
        warnings.append(SetAside(f"{one.seg.file.name} is left out: {none}"))
    elif one.n_left_over and not has_others:
        frames = counted(one.n_left_over, "frame that marks", "frames that mark")
        warnings.append(
            SetAside(
                f"{one.seg.file.name} has {frames} something on no image that is here: are "
                "slices missing?"
            )
        )
    return warnings


def _free(name: str, taken: Collection[str]) -> str:
    """Two files of one name, in an archive's folders, stay two."""
    numbered = name
    number = 1
    while numbered in taken:
        number += 1
        numbered = f"{name}-{number}"
    return numbered


def _tell_unused(images: Sequence[_Slice], slices: SegmentedSlices) -> None:
    by_place: dict[Path, list[str]] = {}
    for image in images:
        place = image.source.path if image.source.member else image.source.path.parent
        by_place.setdefault(place, []).append(image.name)
    for place, names in by_place.items():
        are_left_out = counted(
            len(names),
            f"DICOM image of {place.name} is on no SEG and left out",
            f"DICOM images of {place.name} are on no SEG and left out",
        )
        slices.warnings.append(SetAside(f"{are_left_out} {first_of(names)}"))
