"""DICOM SEG → masks: which pixels of which image belong to which segment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from saywhere.errors import UnreadableFile
from saywhere.io.dicom import header, stored
from saywhere.io.dicom.pixel_layout import layout_of
from saywhere.io.foreign import refusing

if TYPE_CHECKING:
    from pydicom import Dataset

LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"


@dataclass(frozen=True)
class SegmentFrame:
    """One frame of a SEG.

    Attributes:
        segment: The segment's number, from 1; 0 for a frame of a label map.
        labels: Whole numbers (rows, columns): the segment's number where it is, else 0.
        instance: The image that it was drawn on (SOPInstanceUID), where the file says so.
        frame: The frame of that image, from 1; None for a single one, or where it does not say.
        position: ImagePositionPatient, rounded to 0.01 mm, where the file says so.
    """

    segment: int
    labels: NDArray[np.int64]
    instance: str | None
    frame: int | None
    position: tuple[float, ...] | None


@dataclass(frozen=True)
class Segmentation:
    """All frames of a SEG.

    Attributes:
        frames: In the file's order.
        names: A segment's number → its label.
        size: (rows, columns).
        listed: The images (SOPInstanceUID) that the SEG says it belongs to, with or without a
            frame of their own: empty frames are left out of many files.
    """

    frames: tuple[SegmentFrame, ...]
    names: dict[int, str]
    size: tuple[int, int]
    listed: frozenset[str] = frozenset()

    @property
    def names_images(self) -> bool:
        """Does it say on which images it was drawn?"""
        return bool(self.listed) or any(frame.instance is not None for frame in self.frames)

    def belongs_to(self, instance: str) -> bool:
        """Is it of this image?

        Args:
            instance: The image's SOPInstanceUID.

        Returns:
            True where a frame or the list of referenced images names it.
        """
        return instance in self.listed or any(one.instance == instance for one in self.frames)

    @cached_property
    def _places(self) -> set[tuple[object, ...]]:
        return {_place(frame) for frame in self.frames}

    def only_picture(self, path: Path) -> NDArray[np.int64]:
        """The labels of a SEG that was drawn on one image.

        Args:
            path: How errors name it.

        Returns:
            Whole numbers (rows, columns): the segment's number, or 0.

        Raises:
            UnreadableFile: It was drawn on several images, or segments overlap.
        """
        if len(self._places) > 1:
            raise UnreadableFile(
                f"a DICOM SEG of {len(self._places)} slices",
                where=path,
                allowed="the mask of one image has one slice",
                remedy="give the whole series as image: `saywhere prepare folder` pairs them",
            )
        return self._joined(self.frames, path)

    def of_image(
        self, instance: str, frame: int | None, position: tuple[float, ...] | None, path: Path
    ) -> NDArray[np.int64]:
        """The labels of one image of several.

        Args:
            instance: Its SOPInstanceUID.
            frame: Its frame, from 1; None for a file of one.
            position: Its ImagePositionPatient, where it has one.
            path: How errors name the SEG.

        Returns:
            Whole numbers (rows, columns); 0 everywhere where nothing was drawn on it.

        Raises:
            UnreadableFile: Segments overlap.
        """
        fitting = [f for f in self.frames if _is_of(f, instance, frame, position)]
        return self._joined(tuple(fitting), path)

    def _joined(self, frames: tuple[SegmentFrame, ...], path: Path) -> NDArray[np.int64]:
        joined = np.zeros(self.size, np.int64)
        for frame in frames:
            is_new = frame.labels > 0
            n_twice = int((is_new & (joined > 0) & (joined != frame.labels)).sum())
            if n_twice:
                raise UnreadableFile(
                    f"a DICOM SEG whose segments overlap ({n_twice:,} px)",
                    where=path,
                    allowed="a label map has one label a pixel",
                    remedy="export each segment as a SEG of its own",
                )
            joined[is_new] = frame.labels[is_new]
        return joined


def is_segmentation(content: bytes, path: Path) -> bool:
    """Is it a DICOM SEG?

    Args:
        content: All bytes of a DICOM file.
        path: How errors name it.

    Returns:
        True for one of either kind.

    Raises:
        MissingExtra: pydicom is not installed.
        UnreadableFile: It is damaged.
    """
    dataset = header.parse(content, path, with_pixels=False)
    with header.quiet():
        return header.text(dataset, "SOPClassUID") in header.SEGMENTATIONS


def read_segmentation(content: bytes, path: Path) -> Segmentation:
    """Read a DICOM SEG: binary, fractional (from half on it is foreground), or a label map.

    Args:
        content: All of its bytes.
        path: How errors name it.

    Returns:
        Its frames.

    Raises:
        MissingExtra: A library is not installed.
        UnreadableFile: It is no SEG, damaged, or over the limits.
    """
    dataset = header.parse(content, path)
    with refusing(header.damaged, path):
        return _read(dataset, path)


def _read(dataset: Dataset, path: Path) -> Segmentation:
    with header.quiet():
        if header.text(dataset, "SOPClassUID") not in header.SEGMENTATIONS:
            raise UnreadableFile("a DICOM file that is no SEG", where=path)
        layout = layout_of(dataset, path)
        names = _names(dataset)
        threshold = _threshold(dataset)
        facts = [_facts(dataset, number) for number in range(1, layout.frames + 1)]
        is_label_map = header.text(dataset, "SOPClassUID") == LABEL_MAP
        listed = _listed(dataset)
    if layout.samples != 1 or layout.is_float:
        raise header.damaged(path, "its masks are no whole numbers")
    frames = []
    for values, (segment, *place) in zip(stored.read_frames(dataset, layout, path), facts):
        labels = values.astype(np.int64)
        if not is_label_map:
            if segment not in names:
                raise header.damaged(path, "a frame does not say which segment it is")
            labels = np.where(values >= threshold, segment, 0)
        frames.append(SegmentFrame(0 if is_label_map else segment, labels, *place))
    return Segmentation(tuple(frames), names, (layout.rows, layout.columns), listed)


def _listed(dataset: Dataset) -> frozenset[str]:
    uids = (
        header.text(image, "ReferencedSOPInstanceUID")
        for series in header.items(dataset, "ReferencedSeriesSequence")
        for image in header.items(series, "ReferencedInstanceSequence")
    )
    return frozenset(uid for uid in uids if uid is not None)


def _names(dataset: Dataset) -> dict[int, str]:
    segments = header.items(dataset, "SegmentSequence")
    return {
        int(header.number(segment, "SegmentNumber", 0)): header.text(segment, "SegmentLabel") or ""
        for segment in segments
    }


def _threshold(dataset: Dataset) -> float:
    """Of a fractional one half of what stands for 1; of a binary one 1."""
    if header.text(dataset, "SegmentationType") != "FRACTIONAL":
        return 1
    return header.number(dataset, "MaximumFractionalValue", 255) / 2


def _facts(dataset: Dataset, number: int) -> list[Any]:
    """A frame's segment, image, frame of the image, and position."""
    of_segment = header.group(dataset, "SegmentIdentificationSequence", number)
    segment = (
        0 if of_segment is None else int(header.number(of_segment, "ReferencedSegmentNumber", 0))
    )
    derivation = header.group(dataset, "DerivationImageSequence", number)
    sources = [] if derivation is None else header.items(derivation, "SourceImageSequence")
    instance = header.text(sources[0], "ReferencedSOPInstanceUID") if sources else None
    of_frame = header.numbers(sources[0], "ReferencedFrameNumber") if sources else []
    plane = header.group(dataset, "PlanePositionSequence", number)
    position = [] if plane is None else header.numbers(plane, "ImagePositionPatient")
    return [segment, instance, int(of_frame[0]) if of_frame else None, rounded(position)]


def rounded(position: Any) -> tuple[float, ...] | None:
    """A position that can be compared.

    Args:
        position: (x, y, z) mm, or nothing.

    Returns:
        In steps of 0.01 mm; None where there is none.
    """
    if position is None or len(position) != 3:
        return None
    # Zero is added so that -0.0 is 0.0.
    return tuple(round(float(part), 2) + 0.0 for part in position)


def _place(frame: SegmentFrame) -> tuple[object, ...]:
    """What tells the images of frames apart: the reference, else the position."""
    if frame.instance is not None:
        return (frame.instance, frame.frame)
    return (frame.position,)


def _is_of(
    candidate: SegmentFrame, instance: str, frame: int | None, position: tuple[float, ...] | None
) -> bool:
    if candidate.instance is not None:
        is_frame = candidate.frame is None or frame is None or candidate.frame == frame
        return candidate.instance == instance and is_frame
    return position is not None and candidate.position == rounded(position)
