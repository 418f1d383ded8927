"""The DICOM images that answers refer to, as highdicom takes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saywhere.errors import UsageError
from saywhere.inference.answer import Answer
from saywhere.io.dicom import is_dicom

if TYPE_CHECKING:
    from pydicom import Dataset

# What DICOM wants to stand in every image, empty where it is unknown. Old files lack some.
REQUIRED = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
TIMES = ("PatientBirthDate", "StudyDate", "StudyTime")
UNKNOWN_THICKNESS_MM = 1.0
HEAD_BYTES = 1024


@dataclass(frozen=True)
class Sources:
    """Images, and what highdicom cannot read from them.

    Attributes:
        images: Headers: one of a multi-frame file, else one per picture.
        places: For each answer the place of its picture in the stack of pixels, from 0.
        pixel_measures: Where the images' own do not suffice; else None.
        plane_positions: The same.
        plane_orientation: The same.
    """

    images: list[Dataset]
    places: list[int]
    pixel_measures: Any = None
    plane_positions: Any = None
    plane_orientation: Any = None

    @property
    def uids(self) -> list[str]:
        """SOPInstanceUIDs of the images."""
        return [str(image.SOPInstanceUID) for image in self.images]


def sources_of(answers: Sequence[Answer]) -> Sources:
    """Collect the images.

    Args:
        answers: One per picture and prompt.

    Returns:
        The images, each once.

    Raises:
        UsageError: Where an image is no DICOM file, or they are not of one series and size.
    """
    headers = [_header(answer) for answer in answers]
    _check(headers, answers)
    if _is_multi_frame(headers[0]):
        places = [(_frame(answer) or 1) - 1 for answer in answers]
        # The stack has all frames of the file; those without an answer are empty.
        return _with_measures([_completed(headers[0])], places, int(headers[0].NumberOfFrames))
    first: dict[str, int] = {}
    for header in headers:
        first.setdefault(str(header.SOPInstanceUID), len(first))
    places = [first[str(header.SOPInstanceUID)] for header in headers]
    images = [_completed(headers[places.index(place)]) for place in range(len(first))]
    return _with_measures(images, places, len(images))


def refuse_others(path: Path) -> None:
    """Refuse an input that is no DICOM file: what is written refers to one.

    Args:
        path: The input file.

    Raises:
        UsageError: It is another kind of file. One that is not there is met later.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return
    if not is_dicom(head):
        raise _no_dicom(path.name)


@contextmanager
def refusing_in_words() -> Iterator[None]:
    """Turn what highdicom cannot write into our own error.

    Its messages may quote the header, so only their kind passes.

    Yields:
        Nothing.

    Raises:
        UsageError: The images lack what the format needs.
    """
    try:
        yield
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise UsageError(
            f"an image that DICOM cannot be written of ({type(error).__name__} in highdicom)",
            allowed="it needs a complete header; of a CT or MR also FrameOfReferenceUID, and of "
            "several frames as well",
            remedy="choose another --format: png, nifti, geojson, coco, labels, parquet",
        ) from None


def _no_dicom(name: str) -> UsageError:
    return UsageError(
        f"{name} is no DICOM file, and DICOM can only be written of one",
        allowed="a DICOM SEG or secondary capture lies in the study of its image",
        remedy="choose another --format: png, nifti, geojson, coco, labels, parquet",
    )


def _header(answer: Answer) -> Dataset:
    if answer.geometry is None or answer.geometry.source is None:
        raise _no_dicom("the image")
    return answer.geometry.source


def _frame(answer: Answer) -> int | None:
    return None if answer.geometry is None else answer.geometry.frame


def _is_multi_frame(header: Dataset) -> bool:
    return int(header.get("NumberOfFrames") or 1) > 1


def _check(headers: Sequence[Dataset], answers: Sequence[Answer]) -> None:
    """One file, or files of one frame each that belong to one series and have one size."""
    n_files = len({str(header.get("SOPInstanceUID")) for header in headers})
    series = {str(header.get("SeriesInstanceUID")) for header in headers}
    sizes = {answer.mask.shape for answer in answers}
    for keyword in ("SOPInstanceUID", "SOPClassUID", "SeriesInstanceUID", "StudyInstanceUID"):
        if not all(header.get(keyword) for header in headers):
            raise UsageError(
                f"a DICOM file without {keyword}",
                allowed="what is written refers to its image by it",
                remedy="choose another --format, or export the image again from the archive",
            )
    if len(series) > 1 or len(sizes) > 1 or (n_files > 1 and any(map(_is_multi_frame, headers))):
        raise UsageError(
            "images of several series or sizes",
            allowed="one DICOM SEG belongs to one series",
            remedy="predict them one by one",
        )


def _completed(header: Dataset) -> Dataset:
    """A copy that has all that DICOM wants to stand there, empty where nobody knows."""
    image = copy(header)
    for keyword in REQUIRED:
        if keyword not in image:
            setattr(image, keyword, None)
    for keyword in TIMES:
        if not _is_time(image, keyword):
            setattr(image, keyword, None)
    if not image.get("Modality"):
        image.Modality = "OT"
    # A spacing of zero, as some films have, is none.
    if not all(float(value) > 0 for value in image.get("PixelSpacing") or ()):
        del image.PixelSpacing
    return image


def _is_time(image: Dataset, keyword: str) -> bool:
    """Old files hold 11:20:00 where DICOM wants 112000."""
    from pydicom.valuerep import DA, TM

    kind = DA if keyword.endswith("Date") else TM
    value = image.get(keyword)
    try:
        return not value or kind(value) is not None
    except ValueError:
        return False


def _with_measures(images: list[Dataset], places: list[int], n_pictures: int) -> Sources:
    """Add what highdicom asks for and an image may lack.

    A projection (CR, DX) has a spacing and no slice thickness; see also `Geometry.spacing_mm`.
    """
    import highdicom

    first = images[0]
    is_enhanced = "SharedFunctionalGroupsSequence" in first
    if is_enhanced or "PixelSpacing" not in first or "SliceThickness" in first:
        return Sources(images, places)
    spacing_mm = [float(value) for value in first.PixelSpacing]
    measures = highdicom.PixelMeasuresSequence(spacing_mm, UNKNOWN_THICKNESS_MM)
    return Sources(images, places, pixel_measures=measures)
