"""The DICOM images that answers refer to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from saywhere.errors import UsageError
from saywhere.inference.answer import Answer
from saywhere.inference.writers.dicom_stand_in import SECONDARY_CAPTURE, Picture, with_values
from saywhere.io.dicom import is_dicom
from saywhere.io.geometry import Geometry

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
DATE = r"\d{8}"
TIME = r"\d\d(\d\d(\d\d(\.\d{1,6})?)?)?"
HEAD_BYTES = 1024


@dataclass(frozen=True)
class Sources:
    """Pictures that were segmented.

    Attributes:
        pictures: Each once; several may be frames of one file.
        places: For each answer the place of its picture among `pictures`, from 0.
    """

    pictures: list[Picture]
    places: list[int]


def sources_of(answers: Sequence[Answer]) -> Sources:
    """Collect the images.

    Args:
        answers: One per picture and prompt.

    Returns:
        The pictures, each once.

    Raises:
        UsageError: Where an image is no DICOM file, or they are not of one series and size.
    """
    geometries = [_geometry(answer) for answer in answers]
    _check([geometry.source for geometry in geometries], answers)
    pictures: dict[str, Picture] = {}
    keys = []
    headers: dict[int, Dataset] = {}
    for geometry in geometries:
        # The frames of one file share their header.
        # By `id`, since a data set of pydicom has no hash; `geometries` keeps each of them alive.
        if id(geometry.source) not in headers:
            headers[id(geometry.source)] = _completed(geometry.source)
        picture = Picture(headers[id(geometry.source)], geometry)
        # Of several prompts on one picture, the file refers to it once.
        pictures.setdefault(picture.key, picture)
        keys.append(picture.key)
    numbers = {key: number for number, key in enumerate(pictures)}
    return Sources(list(pictures.values()), [numbers[key] for key in keys])


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
            allowed="it needs a complete header",
            remedy="choose another --format: png, nifti, geojson, coco, labels, parquet",
        ) from None


def _no_dicom(name: str) -> UsageError:
    return UsageError(
        f"{name} is no DICOM file, and DICOM can only be written of one",
        allowed="a DICOM SEG or secondary capture lies in the study of its image",
        remedy="choose another --format: png, nifti, geojson, coco, labels, parquet",
    )


def _geometry(answer: Answer) -> Geometry:
    if answer.geometry is None or answer.geometry.source is None:
        raise _no_dicom("the image")
    return answer.geometry


def _check(headers: Sequence[Dataset], answers: Sequence[Answer]) -> None:
    """All have the identifiers that are referred to, and belong to one series of one size."""
    from pydicom.uid import UID

    for keyword in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        uids = [str(header.get(keyword) or "") for header in headers]
        if not all(uids) or not all(UID(uid).is_valid for uid in uids):
            raise UsageError(
                f"a DICOM file {'with an invalid' if all(uids) else 'without'} {keyword}",
                allowed="what is written refers to its image by it: numbers and dots, at most 64",
                remedy="choose another --format, or export the image again from the archive",
            )
    series = {str(header.SeriesInstanceUID) for header in headers}
    if len(series) > 1 or len({answer.mask.shape for answer in answers}) > 1:
        raise UsageError(
            "images of several series or sizes",
            allowed="one DICOM SEG belongs to one series",
            remedy="predict them one by one",
        )


def _completed(header: Dataset) -> Dataset:
    """A copy that has all that DICOM wants to stand there, empty where nobody knows."""
    values: dict[str, str | None] = {keyword: None for keyword in REQUIRED if keyword not in header}
    for keyword in TIMES:
        if not _is_time(str(header.get(keyword) or ""), keyword):
            values[keyword] = _old_form(header, keyword)
    if not header.get("Modality"):
        values["Modality"] = "OT"
    # highdicom knows a class's modules from its tables, which lack the retired ones.
    return with_values(header, SOPClassUID=SECONDARY_CAPTURE, **values)


def _old_form(header: Dataset, keyword: str) -> str | None:
    """Of a date or time in another form than DICOM's; ACR-NEMA wrote 1994.11.05 and 11:20:00.

    Args:
        header: Of an image.
        keyword: One of TIMES.

    Returns:
        DICOM's form of it, or None for what is neither.
    """
    value = str(header.get(keyword) or "")
    plain = value.replace(".", "") if keyword.endswith("Date") else value.replace(":", "")
    return plain if _is_time(plain, keyword) else None


def _is_time(value: str, keyword: str) -> bool:
    form = DATE if keyword.endswith("Date") else TIME
    return not value or re.fullmatch(form, value) is not None
