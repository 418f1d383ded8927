"""Stand-ins: each picture as an image of one frame that lies in space, which highdicom can take.

highdicom 0.28 takes no several frames without a place, no CT or MR without a frame of reference,
no frames at one place, and no retired class of images. DICOM allows all of these: a segmentation
that names the frame that it was made of needs no place of its own (PS3.3 A.51). So highdicom is
given stand-ins, and `put_back` replaces what was made up by what is true, or takes it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from saywhere.io.geometry import Geometry

if TYPE_CHECKING:
    from pydicom import Dataset

SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
"""A class of one frame that needs no frame of reference, with the modules of patient and study."""
SEVERAL_FRAMES = (
    "NumberOfFrames",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
    # By these highdicom tells a slide, which has another coordinate system.
    "ImageOrientationSlide",
    "ImageCenterPointCoordinatesSequence",
    "TotalPixelMatrixRows",
    "TotalPixelMatrixColumns",
)
UNKNOWN_THICKNESS_MM = 1.0
"""highdicom asks for a thickness, and a projection (CR, DX) has none."""
MADE_UP = "2.25.1"
"""The frame of reference of stand-ins that lie nowhere; it never stays in a file."""


@dataclass(frozen=True)
class Picture:
    """A frame that was segmented.

    Attributes:
        header: Of its file, complete.
        geometry: Of the frame.
    """

    header: Dataset
    geometry: Geometry

    @property
    def class_uid(self) -> str:
        """Of the image, as its file has it."""
        return str(self.geometry.source.SOPClassUID)

    @property
    def uid(self) -> str:
        """Of the image; frames of one file share it."""
        return str(self.geometry.source.SOPInstanceUID)

    @property
    def key(self) -> str:
        """Which frame of which image."""
        return f"{self.uid} {self.geometry.frame or ''}".strip()

    @property
    def spacing_mm(self) -> tuple[float, float] | None:
        """In the patient, (between rows, between columns)."""
        return None if self.geometry.is_spacing_at_detector else self.geometry.spacing_mm


def stand_ins(pictures: Sequence[Picture]) -> list[Dataset]:
    """Make what highdicom takes.

    Args:
        pictures: Each once, of one series and size.

    Returns:
        A header per picture, as of an image of one frame. Where the pictures are no stack, their
        places are made up; see `put_back`.
    """
    is_stack = _is_stack(pictures)
    return [_stand_in(picture, None if is_stack else n) for n, picture in enumerate(pictures)]


def put_back(segmentation: Dataset, pictures: Sequence[Picture]) -> None:
    """Replace what stand-ins made up in a segmentation.

    Args:
        segmentation: As highdicom made it of `stand_ins(pictures)`. It is changed.
        pictures: The same.
    """
    by_uid = {_uid(picture): picture for picture in pictures}
    frames = [_source_of(item, by_uid) for item in segmentation.PerFrameFunctionalGroupsSequence]
    if not _is_stack(pictures):
        _place(segmentation, frames)
    for item, picture in zip(segmentation.PerFrameFunctionalGroupsSequence, frames, strict=True):
        # The segments of one picture share this item.
        (image,) = item.DerivationImageSequence[0].SourceImageSequence
        _refer(image, picture)
        if picture.geometry.frame is not None:
            image.ReferencedFrameNumber = picture.geometry.frame
    (series,) = segmentation.ReferencedSeriesSequence
    series.ReferencedInstanceSequence = _references(pictures)
    segmentation.SourceImageSequence = _references(pictures)


def has_place(pictures: Sequence[Picture]) -> bool:
    """Say whether the patient's space has a place for each picture.

    Args:
        pictures: Of one series.

    Returns:
        True where each has a position, a direction and a spacing, in one frame of reference.
    """
    reference = pictures[0].geometry.frame_of_reference
    return bool(reference) and all(
        picture.geometry.frame_of_reference == reference
        and picture.geometry.position is not None
        and picture.geometry.orientation is not None
        and picture.spacing_mm is not None
        for picture in pictures
    )


def with_values(header: Dataset, **values: Any) -> Dataset:
    """Make a header with other values.

    Args:
        header: It is not changed. `copy.copy` of one shares its elements with it.
        values: By DICOM's keyword.

    Returns:
        Another header, which shares the elements that are the same.
    """
    other = header[:]
    for keyword, value in values.items():
        # Setting would change an element that both share.
        if keyword in other:
            delattr(other, keyword)
        setattr(other, keyword, value)
    return other


def _stand_in(picture: Picture, made_up: int | None) -> Dataset:
    geometry = picture.geometry
    # highdicom sorts frames from the head downwards.
    position = geometry.position if made_up is None else (0, 0, -made_up)
    orientation = geometry.orientation if made_up is None else (1, 0, 0, 0, 1, 0)
    image = with_values(
        picture.header,
        SOPInstanceUID=_uid(picture),
        FrameOfReferenceUID=geometry.frame_of_reference if made_up is None else MADE_UP,
        ImagePositionPatient=list(position or ()),
        ImageOrientationPatient=list(orientation or ()),
        PixelSpacing=list(picture.spacing_mm or (1.0, 1.0)),
        SliceThickness=geometry.thickness_mm or UNKNOWN_THICKNESS_MM,
    )
    # By these highdicom would read one frame as a file of several.
    for keyword in SEVERAL_FRAMES:
        if keyword in image:
            delattr(image, keyword)
    return image


def _uid(picture: Picture) -> str:
    """highdicom tells images apart by it; the frames of one file need one each."""
    from pydicom.uid import generate_uid

    return generate_uid(entropy_srcs=["stand-in", picture.key])


def _is_stack(pictures: Sequence[Picture]) -> bool:
    """Parallel pictures of one scale, each at a place of its own: highdicom can order them."""
    if not has_place(pictures):
        return False
    geometries = [picture.geometry for picture in pictures]
    first = geometries[0]
    if any(
        (one.orientation, one.spacing_mm, one.thickness_mm)
        != (first.orientation, first.spacing_mm, first.thickness_mm)
        for one in geometries
    ):
        return False
    directions = np.array(first.orientation).reshape(2, 3)
    normal = np.cross(directions[0], directions[1])
    places_mm = np.array([one.position for one in geometries]) @ normal
    return len(np.unique(places_mm.round(6))) == len(pictures)


def _source_of(item: Dataset, by_uid: dict[str, Picture]) -> Picture:
    (image,) = item.DerivationImageSequence[0].SourceImageSequence
    return by_uid[image.ReferencedSOPInstanceUID]


def _refer(item: Dataset, picture: Picture) -> None:
    item.ReferencedSOPClassUID = picture.class_uid
    item.ReferencedSOPInstanceUID = picture.uid


def _references(pictures: Sequence[Picture]) -> list[Dataset]:
    """Each image once, in the order of the pictures."""
    from pydicom import Dataset

    items: dict[str, Dataset] = {}
    for picture in pictures:
        _refer(items.setdefault(picture.uid, Dataset()), picture)
    return list(items.values())


def _place(segmentation: Dataset, frames: Sequence[Picture]) -> None:
    """Put each frame where its picture lies, or nowhere.

    Args:
        segmentation: It is changed.
        frames: The picture of each frame.
    """
    is_placed = has_place(frames)
    segmentation.FrameOfReferenceUID = frames[0].geometry.frame_of_reference
    if not is_placed:
        del segmentation.FrameOfReferenceUID
        del segmentation.PositionReferenceIndicator
    # highdicom concludes it from places, and these were made up.
    if "DimensionOrganizationType" in segmentation:
        del segmentation.DimensionOrganizationType
    shared = segmentation.SharedFunctionalGroupsSequence[0]
    del shared.PlaneOrientationSequence
    for item, picture in zip(segmentation.PerFrameFunctionalGroupsSequence, frames, strict=True):
        del item.PlanePositionSequence
        if is_placed:
            item.PlanePositionSequence = [_item(ImagePositionPatient=picture.geometry.position)]
            orientation = picture.geometry.orientation
            item.PlaneOrientationSequence = [_item(ImageOrientationPatient=orientation)]
    _measure(segmentation, frames)
    _label(segmentation, frames)


def _measure(segmentation: Dataset, frames: Sequence[Picture]) -> None:
    """Say how large the pixels are: once where that is one size, else frame by frame."""
    shared = segmentation.SharedFunctionalGroupsSequence[0]
    measures = [_measures(picture) for picture in frames]
    del shared.PixelMeasuresSequence
    if all(one == measures[0] for one in measures) and measures[0] is not None:
        shared.PixelMeasuresSequence = [measures[0]]
    elif None not in measures:
        # A functional group stands in every frame, or in none.
        for item, of_frame in zip(
            segmentation.PerFrameFunctionalGroupsSequence, measures, strict=True
        ):
            item.PixelMeasuresSequence = [of_frame]


def _measures(picture: Picture) -> Dataset | None:
    if picture.spacing_mm is None:
        return None
    thickness_mm = picture.geometry.thickness_mm or UNKNOWN_THICKNESS_MM
    return _item(PixelSpacing=picture.spacing_mm, SliceThickness=thickness_mm)


def _label(segmentation: Dataset, frames: Sequence[Picture]) -> None:
    """Order frames by a label, as highdicom does where there is neither segment nor place."""
    from pydicom.tag import Tag

    position = Tag("ImagePositionPatient")
    (dimension,) = (
        item
        for item in segmentation.DimensionIndexSequence
        if item.DimensionIndexPointer == position
    )
    dimension.DimensionIndexPointer = Tag("FrameLabel")
    dimension.FunctionalGroupPointer = Tag("FrameContentSequence")
    dimension.DimensionDescriptionLabel = "Frame Label"
    keys = dict.fromkeys(picture.key for picture in frames)
    numbers = {key: number for number, key in enumerate(keys, start=1)}
    for item, picture in zip(segmentation.PerFrameFunctionalGroupsSequence, frames, strict=True):
        item.FrameContentSequence[0].FrameLabel = f"Frame {numbers[picture.key]}"


def _item(**values: Any) -> Dataset:
    """An item of a sequence; numbers are written in the 16 characters that DICOM gives them."""
    from pydicom import Dataset
    from pydicom.valuerep import DSfloat

    item = Dataset()
    for keyword, value in values.items():
        numbers = [DSfloat(one, auto_format=True) for one in np.atleast_1d(value).tolist()]
        setattr(item, keyword, numbers if np.ndim(value) else numbers[0])
    return item
