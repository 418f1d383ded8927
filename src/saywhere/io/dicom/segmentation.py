"""DICOM SEG → masks: which pixels of which image belong to which segment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
from saywhere.io.geometry import Geometry

if TYPE_CHECKING:
    from pydicom import Dataset

LABEL_MAP = "1.2.840.10008.5.1.4.1.1.66.7"


Layers = dict[int, NDArray[np.bool_]]
"""A segment's number → its pixels (rows, columns). Segments may overlap."""
NEAR_MM = 0.02
"""Frames and images without a reference belong together where their places differ by less."""


@dataclass(frozen=True)
class SegmentFrame:
    """One frame of a SEG.

    Attributes:
        segment: The segment's number, from 1; 0 for a frame of a label map.
        labels: Whole numbers (rows, columns): the segment's number where it is, else 0.
        instance: The image that it was drawn on (SOPInstanceUID), where the file says so.
        frame: The frame of that image, from 1; None for a single one, or where it does not say.
        position: ImagePositionPatient, mm, where the file says so.
        orientation: ImageOrientationPatient, where the file says so.
    """

    segment: int
    labels: NDArray[Any]
    instance: str | None
    frame: int | None
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Segmentation:
    """All frames of a SEG.

    Attributes:
        frames: In the file's order.
        names: A segment's number → its label.
        size: (rows, columns).
        listed: The images (SOPInstanceUID) that the SEG says it belongs to, with or without a
            frame of their own: empty frames are left out of many files.
        frame_of_reference: FrameOfReferenceUID, in which its positions are meant.
    """

    frames: tuple[SegmentFrame, ...]
    names: dict[int, str]
    size: tuple[int, int]
    listed: frozenset[str] = frozenset()
    frame_of_reference: str | None = None

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

    @cached_property
    def _by_instance(self) -> dict[str | None, list[int]]:
        numbers: dict[str | None, list[int]] = {}
        for number, frame in enumerate(self.frames):
            numbers.setdefault(frame.instance, []).append(number)
        return numbers

    def only_picture(self, path: Path) -> Layers:
        """The segments of a SEG that was drawn on one image.

        Args:
            path: How errors name it.

        Returns:
            The pixels of each segment that marks any.

        Raises:
            UnreadableFile: It was drawn on several images.
        """
        if len(self._places) > 1:
            raise UnreadableFile(
                f"a DICOM SEG of {len(self._places)} slices",
                where=path,
                allowed="the mask of one image has one slice",
                remedy="give the whole series as image: `saywhere prepare folder` pairs them",
            )
        return self.layers(range(len(self.frames)))

    def frames_of(self, instance: str, place: Geometry, path: Path) -> list[int]:
        """Find the frames that were drawn on an image, by reference, else by position.

        Args:
            instance: The image's SOPInstanceUID.
            place: Where the image lies.
            path: How errors name the SEG.

        Returns:
            Indices into `frames`; none where nothing was drawn on it.

        Raises:
            UnreadableFile: A frame of this image has another grid of pixels.
        """
        candidates = [*self._by_instance.get(instance, []), *self._by_instance.get(None, [])]
        fitting = [n for n in candidates if self._is_of(self.frames[n], instance, place)]
        for number in fitting:
            self._check_grid(self.frames[number], place, path)
        return fitting

    def layers(self, numbers: Iterable[int]) -> Layers:
        """Join frames by segment.

        Args:
            numbers: Indices into `frames`, of one image.

        Returns:
            The pixels of each segment that marks any.
        """
        joined: Layers = {}
        for number in numbers:
            labels = self.frames[number].labels
            for segment in np.unique(labels[labels > 0]).tolist():
                pixels = labels == segment
                joined[segment] = joined[segment] | pixels if segment in joined else pixels
        return dict(sorted(joined.items()))

    def _is_of(self, frame: SegmentFrame, instance: str, place: Geometry) -> bool:
        if frame.instance is not None and frame.instance != instance:
            return False
        are_placed = frame.position is not None and place.position is not None
        # Of an image of several frames the SEG may not say which: then their places do.
        is_exact = frame.frame is not None or place.frame is None or not are_placed
        if frame.instance is not None and is_exact:
            return None in (frame.frame, place.frame) or frame.frame == place.frame
        if frame.position is None or place.position is None:
            return False
        references = {self.frame_of_reference, place.frame_of_reference} - {None}
        # Two studies of one patient may both begin at 0, 0, 0.
        return len(references) < 2 and _distance(frame.position, place.position) < NEAR_MM

    def _check_grid(self, frame: SegmentFrame, place: Geometry, path: Path) -> None:
        """A SEG may be on a grid of its own, finer or mirrored: its pixels are not the image's."""
        problem = ""
        if self.size != place.size:
            problem = (
                f"{self.size[1]} × {self.size[0]} pixels for {place.size[1]} × {place.size[0]}"
            )
        elif frame.orientation and place.orientation:
            turned = np.subtract(frame.orientation, place.orientation)
            problem = "its rows or columns run elsewhere" if np.abs(turned).max() > 0.01 else ""
        if not problem and frame.position and place.position:
            half_a_pixel = min(place.spacing_mm or (1.0,)) / 2
            is_off = _distance(frame.position, place.position) > max(half_a_pixel, NEAR_MM)
            problem = "it lies elsewhere" if is_off else ""
        if problem:
            raise UnreadableFile(
                f"a DICOM SEG on another grid than its image ({problem})",
                where=path,
                allowed="a mask has the pixels of its image",
                remedy="export the segmentation in the grid of the images",
            )


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
        reference = header.text(dataset, "FrameOfReferenceUID")
    if layout.samples != 1 or layout.is_float:
        raise header.damaged(path, "its masks are no whole numbers")
    frames = []
    for values, (segment, *place) in zip(stored.read_frames(dataset, layout, path), facts):
        if not is_label_map and segment not in names:
            raise header.damaged(path, "a frame does not say which segment it is")
        drawn = values if is_label_map else np.where(values >= threshold, segment, 0)
        # A SEG may have hundreds of frames: as narrow as DICOM's own segment numbers.
        labels = drawn.astype(np.uint8 if drawn.max() < 256 else np.uint16)
        frames.append(SegmentFrame(0 if is_label_map else segment, labels, *place))
    size = (layout.rows, layout.columns)
    return Segmentation(tuple(frames), names, size, listed, reference)


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
    """A frame's segment, image, frame of the image, position and orientation."""
    of_segment = header.group(dataset, "SegmentIdentificationSequence", number)
    segment = (
        0 if of_segment is None else int(header.number(of_segment, "ReferencedSegmentNumber", 0))
    )
    derivation = header.group(dataset, "DerivationImageSequence", number)
    sources = [] if derivation is None else header.items(derivation, "SourceImageSequence")
    plane = header.group(dataset, "PlanePositionSequence", number)
    position = [] if plane is None else header.numbers(plane, "ImagePositionPatient")
    # Drawn on several images at once (CT and PET), a frame is of that which lies where it lies.
    sources = sources if len(sources) == 1 or not position else []
    instance = header.text(sources[0], "ReferencedSOPInstanceUID") if sources else None
    of_frame = header.numbers(sources[0], "ReferencedFrameNumber") if sources else []
    turned = header.group(dataset, "PlaneOrientationSequence", number)
    orientation = [] if turned is None else header.numbers(turned, "ImageOrientationPatient")
    return [
        segment,
        instance,
        int(of_frame[0]) if of_frame else None,
        tuple(position) if len(position) == 3 else None,
        tuple(orientation) if len(orientation) == 6 else None,
    ]


def _place(frame: SegmentFrame) -> tuple[object, ...]:
    """What tells the images of frames apart: the reference, else the position."""
    if frame.instance is not None:
        return (frame.instance, frame.frame)
    # Zero is added so that -0.0 is 0.0.
    position = frame.position and tuple(round(part, 2) + 0.0 for part in frame.position)
    return (position,)


def _distance(first: Sequence[float], second: Sequence[float]) -> float:
    """Millimetres."""
    return float(np.linalg.norm(np.subtract(first, second)))
