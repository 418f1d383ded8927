"""The clinic's formats, DICOM and NIfTI, behind one door: bytes → pictures or labels.

Both are known by their content, never by their name. They are decoded in a child process under
limits of time and memory, for every reader (`saywhere.io.clinic_jobs` says why); only the header
that travels to a DICOM SEG is parsed here, once a child has shown what that costs.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from saywhere.errors import UnreadableFile
from saywhere.io import clinic_jobs, dicom, nifti
from saywhere.io.decoding_child import Decoding, find, is_child
from saywhere.io.decoding_pool import CPU_S, MEMORY_BYTES, WALL_S, DecodingPool, shared
from saywhere.io.geometry import Geometry

Kind = Literal["DICOM", "NIfTI"]
MOST_VALUES = 400_000_000
"""What the wider limits are made for."""
Item = TypeVar("Item", bound=Hashable)


class SeveralPictures(UnreadableFile):
    """The file holds several frames or slices, where one picture is asked for."""


@dataclass(frozen=True)
class Picture:
    """One frame or slice, upright.

    Attributes:
        pixels: uint8 (height, width), or of colour (height, width, 3).
        geometry: Where it lies; None where it is not known.
    """

    pixels: NDArray[np.uint8]
    geometry: Geometry | None


@dataclass(frozen=True)
class Pictures:
    """All pictures of a file.

    Attributes:
        kind: "DICOM" or "NIfTI".
        pictures: In the file's order: frames, or axial slices.
        notes: What a reader would not expect, such as "overlays are not drawn". No patient data.
    """

    kind: Kind
    pictures: tuple[Picture, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Labels:
    """One frame or slice of a mask, before any rule says which labels are foreground.

    Attributes:
        values: Whole numbers (height, width), in the frame of the image's picture.
        geometry: Where it lies; None for a DICOM SEG, whose `Segmentation` knows its images.
        is_lossy: Was it compressed with loss?
        segments: Of a DICOM SEG: a segment's number → its pixels, which may overlap. Then
            `values` has the number of the last one.
        names: Of a DICOM SEG: a segment's number → its label. It is free text of the header.
    """

    values: NDArray[np.integer[Any]]
    geometry: Geometry | None
    is_lossy: bool = False
    segments: Mapping[int, NDArray[np.bool_]] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict, repr=False)


def kind_of(content: bytes) -> Kind | None:
    """Tell the clinic's formats by their content.

    Args:
        content: A file's bytes, or at least its first thousand.

    Returns:
        "DICOM" or "NIfTI"; None for anything else.
    """
    if dicom.is_dicom(content):
        return "DICOM"
    return "NIfTI" if nifti.is_nifti(content) else None


def read(content: bytes, path: Path, *, may_be_large: bool = True) -> Pictures:
    """Read all pictures of a file.

    Args:
        content: All of its bytes, of a kind that `kind_of` knows.
        path: How errors name it.
        may_be_large: Read a file of more than `clinic_jobs.N_VALUES` values, too, under limits
            that are ten times as wide.

    Returns:
        At least one picture.

    Raises:
        MissingExtra: The clinic's libraries are not installed.
        UnreadableFile: It holds no image, is damaged, or over the limits.
    """
    kind = _kind(content)
    facts, arrays = _decode("read", content, path, may_be_large, kind=kind)
    source = _header(content, path)
    places = [clinic_jobs.unpacked(place, source) for place in facts["places"]]
    return Pictures(kind, tuple(map(Picture, arrays, places)), tuple(facts["notes"]))


def read_one(content: bytes, path: Path) -> tuple[Picture, tuple[str, ...]]:
    """Read the picture of a file that holds one.

    Args:
        content: All of its bytes, of a kind that `kind_of` knows.
        path: How errors name it.

    Returns:
        The picture and the notes about it.

    Raises:
        SeveralPictures: It holds more than one.
        MissingExtra: The clinic's libraries are not installed.
        UnreadableFile: It holds no image, is damaged, or over the limits.
    """
    # Before anything is decoded: a volume may be large.
    _refuse_several(count(content, path), content, path)
    read_file = read(content, path)
    return read_file.pictures[0], read_file.notes


def geometry_of(content: bytes, path: Path) -> Geometry:
    """Say where the first picture of a file lies, without decoding its pixels.

    Args:
        content: All of its bytes, of a kind that `kind_of` knows.
        path: How errors name it.

    Returns:
        Its geometry.

    Raises:
        MissingExtra: The clinic's libraries are not installed.
        UnreadableFile: It is damaged.
    """
    return places_of(content, path)[0]


def places_of(content: bytes, path: Path) -> list[Geometry]:
    """Say where the pictures of a DICOM file lie, without decoding their pixels.

    Args:
        content: All of its bytes.
        path: How errors name it.

    Returns:
        One a frame; of NIfTI only the first.

    Raises:
        MissingExtra: The clinic's libraries are not installed.
        UnreadableFile: It is no image, or damaged.
    """
    facts, _ = _run("places", content, path, kind=_kind(content))
    source = _header(content, path)
    places = [clinic_jobs.unpacked(place, source) for place in facts["places"]]
    return [place for place in places if place is not None]


def facts_of(content: bytes, path: Path, item: Item) -> dicom.Facts[Item]:
    """Read what orders a DICOM file among others.

    Args:
        content: All of its bytes.
        path: How errors name it.
        item: How the caller names it.

    Returns:
        The facts.

    Raises:
        MissingExtra: pydicom is not installed.
        UnreadableFile: It is no image, or damaged.
    """
    facts, _ = _run("facts", content, path)
    fields = {key: clinic_jobs.tuples(value) for key, value in facts.items()}
    return dicom.Facts(item=item, name=path.name, **fields)


def count(content: bytes, path: Path) -> int:
    """Say how many pictures a file has, without decoding them.

    Args:
        content: All of its bytes.
        path: How errors name it.

    Returns:
        Frames of a DICOM, axial slices of a NIfTI.

    Raises:
        MissingExtra: The clinic's libraries are not installed.
        UnreadableFile: It is damaged.
    """
    facts, _ = _run("count", content, path, kind=_kind(content))
    return int(facts["n_pictures"])


def is_segmentation(content: bytes, path: Path) -> bool:
    """Is a DICOM file a SEG?

    Args:
        content: All of its bytes.
        path: How errors name it.

    Returns:
        True for one of either kind.

    Raises:
        MissingExtra: pydicom is not installed.
        UnreadableFile: It is damaged.
    """
    return bool(_run("is_segmentation", content, path)[0]["is_segmentation"])


def segmentation_of(content: bytes, path: Path) -> dicom.Segmentation | None:
    """Read a DICOM SEG.

    Args:
        content: All bytes of a file.
        path: How errors name it.

    Returns:
        Its frames; None of any other file.

    Raises:
        MissingExtra: pydicom is not installed.
        UnreadableFile: It is damaged, or over the limits.
    """
    if kind_of(content) != "DICOM":
        return None
    facts, labels = _decode("segmentation", content, path)
    if facts.get("is_other"):
        return None
    frames = [
        dicom.SegmentFrame(segment, of_frame, *clinic_jobs.tuples(place))
        for (segment, *place), of_frame in zip(facts["frames"], labels)
    ]
    return dicom.Segmentation(
        frames=tuple(frames),
        names={int(number): name for number, name in facts["names"]},
        size=tuple(facts["size"]),
        listed=frozenset(facts["listed"]),
        frame_of_reference=facts["frame_of_reference"],
    )


def read_labels(content: bytes, path: Path) -> list[Labels]:
    """Read a mask: a DICOM SEG, a grey DICOM image of whole numbers, or a NIfTI.

    Args:
        content: All of its bytes, of a kind that `kind_of` knows.
        path: How errors name it.

    Returns:
        One a frame or slice; of a SEG its only picture, with the segments' numbers.

    Raises:
        MissingExtra: The clinic's libraries are not installed.
        UnreadableFile: It is no mask, is damaged, or over the limits; a SEG of several images.
    """
    segmentation = segmentation_of(content, path)
    if segmentation is not None:
        return [of_segments(segmentation, segmentation.only_picture(path))]
    facts, frames = _decode("labels", content, path, kind=_kind(content))
    places = [clinic_jobs.unpacked(place) for place in facts["places"]]
    return [Labels(frame, place, facts["is_lossy"]) for frame, place in zip(frames, places)]


def of_segments(segmentation: dicom.Segmentation, layers: dicom.Layers) -> Labels:
    """Join the segments of one image.

    Args:
        segmentation: The SEG.
        layers: The pixels of each segment that marks any.

    Returns:
        Its labels.
    """
    values = np.zeros(segmentation.size, np.uint16)
    for number, pixels in layers.items():
        values[pixels] = number
    return Labels(values, None, segments=layers, names=segmentation.names)


def read_one_of_labels(content: bytes, path: Path) -> Labels:
    """Read the mask of one picture.

    Args:
        content: All of its bytes, of a kind that `kind_of` knows.
        path: How errors name it.

    Returns:
        Its labels.

    Raises:
        SeveralPictures: It holds more than one frame or slice.
        MissingExtra: The clinic's libraries are not installed.
        UnreadableFile: As `read_labels`.
    """
    frames = read_labels(content, path)
    _refuse_several(len(frames), content, path)
    return frames[0]


def _refuse_several(n_pictures: int, content: bytes, path: Path) -> None:
    if n_pictures == 1:
        return
    noun = "frames" if kind_of(content) == "DICOM" else "slices"
    raise SeveralPictures(
        f"a {kind_of(content)} file of {n_pictures:,} {noun}",
        where=path,
        allowed="one picture is asked for here",
        remedy="`saywhere predict`, `segment_volume` and /v1/segment take all of them, `saywhere "
        "prepare folder` makes a row of each; or export the one that is meant",
    )


def _kind(content: bytes) -> Kind:
    kind = kind_of(content)
    assert kind is not None
    return kind


def _decode(
    job: str, content: bytes, path: Path, may_be_large: bool = True, **options: Any
) -> Decoding:
    """A file of few values under the usual limits; it says itself whether it needs the wider."""
    facts, arrays = _run(job, content, path, **options, most=clinic_jobs.N_VALUES)
    if not facts.get("is_large"):
        return facts, arrays
    if not may_be_large:
        raise UnreadableFile(
            f"more than {clinic_jobs.N_VALUES:,} values in one file",
            where=path,
            allowed=f"at most {clinic_jobs.N_VALUES:,} are read here",
            remedy="`saywhere predict` on your own machine takes ten times as many",
        )
    # Of still more values the readers refuse themselves what is over their limits.
    return _run(job, content, path, pool=_wide(), **options, most=sys.maxsize)


def _run(
    job: str, content: bytes, path: Path, pool: DecodingPool | None = None, **options: Any
) -> Decoding:
    # Here first, since a child would look for the libraries elsewhere than a user who has none.
    _require(content)
    function = f"saywhere.io.clinic_jobs:{job}"
    if is_child():
        return find(function)(content, path=str(path), **options)
    chosen = pool or shared()
    try:
        return chosen.run(function, content, path=str(path), **options)
    except UnreadableFile as error:
        # The pool does not know what the file is called.
        if error.where is None:
            raise type(error)(
                error.found, where=path, allowed=error.allowed, remedy=error.remedy
            ) from None
        raise


def _require(content: bytes) -> None:
    if kind_of(content) == "DICOM":
        dicom.require()
    else:
        nifti.require()


@lru_cache
def _wide() -> DecodingPool:
    """For volumes: as much for each value as the usual limits give."""
    times = MOST_VALUES // clinic_jobs.N_VALUES
    return DecodingPool(
        cpu_s=CPU_S * times, wall_s=WALL_S * times, memory_bytes=MEMORY_BYTES * times, n_children=1
    )


def _header(content: bytes, path: Path) -> Any:
    """A DICOM file's header, which goes to the SEG that refers to it; None of NIfTI."""
    return dicom.header_of(content, path) if kind_of(content) == "DICOM" else None
