"""What a child process does with a DICOM or NIfTI file: bytes → plain facts and arrays.

pydicom, nibabel and their decoders set no limit to the time or memory that a file costs: data
elements without number, sequences in sequences, packed bytes that grow a thousandfold. So nothing
of such a file is parsed in a user's process before a child has been through it, which
`saywhere.io.clinic` asks for. Facts are JSON; a header, which JSON cannot hold, is parsed again by
who needs it.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from saywhere.io import dicom, nifti
from saywhere.io.decoding_child import Decoding, Header
from saywhere.io.geometry import Geometry, VolumeSlice

N_VALUES = 40_000_000
"""A file of more values is decoded under wider limits."""


def read(content: bytes, path: str, kind: str, most: int) -> Decoding:
    """Read all pictures of a file.

    Args:
        content: All of its bytes.
        path: How errors name it.
        kind: "DICOM" or "NIfTI".
        most: Values that it may hold to be decoded in this child.

    Returns:
        Facts `notes` and `places`, and the pictures; only `is_large` of a file of more values.
    """
    place = Path(path)
    if n_values(content, place, kind) > most:
        return {"is_large": True}, []
    if kind == "DICOM":
        file = dicom.read(content, place)
        pictures = [(picture.pixels, picture.geometry) for picture in file.pictures]
        notes = file.notes
    else:
        volume = nifti.read(content, place)
        pictures = [(each.pixels, each.geometry) for each in volume.slices]
        notes = volume.notes
    places = [packed(geometry) for _, geometry in pictures]
    return {"notes": notes, "places": places}, [pixels for pixels, _ in pictures]


def labels(content: bytes, path: str, kind: str, most: int) -> Decoding:
    """Read a mask that is no SEG.

    Args:
        content: All of its bytes.
        path: How errors name it.
        kind: "DICOM" or "NIfTI".
        most: Values that it may hold to be decoded in this child.

    Returns:
        Facts `is_lossy` and `places`, and the labels a frame; or `is_large`.
    """
    place = Path(path)
    if n_values(content, place, kind) > most:
        return {"is_large": True}, []
    if kind == "DICOM":
        frames, is_lossy = dicom.read_stored(content, place)
        return {"is_lossy": is_lossy, "places": [None] * len(frames)}, frames
    slices = nifti.read_labels(content, place).slices
    places = [packed(each.geometry) for each in slices]
    return {"is_lossy": False, "places": places}, [each.pixels for each in slices]


def segmentation(content: bytes, path: str, most: int) -> Decoding:
    """Read a DICOM SEG.

    Args:
        content: All bytes of a DICOM file.
        path: How errors name it.
        most: Values that it may hold to be decoded in this child.

    Returns:
        Its facts and the labels a frame; `is_large`; or `is_other` of any other DICOM file.
    """
    place = Path(path)
    if not dicom.is_segmentation(content, place):
        return {"is_other": True}, []
    if n_values(content, place, "DICOM") > most:
        return {"is_large": True}, []
    read_file = dicom.read_segmentation(content, place)
    facts: Header = {
        "frames": [_without_labels(frame) for frame in read_file.frames],
        "names": list(read_file.names.items()),
        "size": read_file.size,
        "listed": sorted(read_file.listed),
        "frame_of_reference": read_file.frame_of_reference,
    }
    return facts, [frame.labels for frame in read_file.frames]


def is_segmentation(content: bytes, path: str) -> Decoding:
    """Is it a DICOM SEG?

    Args:
        content: All bytes of a DICOM file.
        path: How errors name it.

    Returns:
        Fact `is_segmentation`.
    """
    return {"is_segmentation": dicom.is_segmentation(content, Path(path))}, []


def count(content: bytes, path: str, kind: str) -> Decoding:
    """Count the pictures of a file.

    Args:
        content: All of its bytes.
        path: How errors name it.
        kind: "DICOM" or "NIfTI".

    Returns:
        Fact `n_pictures`.
    """
    counted = dicom.count_frames if kind == "DICOM" else nifti.count_slices
    return {"n_pictures": counted(content, Path(path))}, []


def places(content: bytes, path: str, kind: str) -> Decoding:
    """Say where the pictures of a file lie; of NIfTI the first one.

    Args:
        content: All of its bytes.
        path: How errors name it.
        kind: "DICOM" or "NIfTI".

    Returns:
        Fact `places`.
    """
    place = Path(path)
    if kind == "DICOM":
        geometries = dicom.geometries_of(content, place)
    else:
        geometries = [nifti.geometry_of(content, place)]
    return {"places": [packed(geometry) for geometry in geometries]}, []


def facts(content: bytes, path: str) -> Decoding:
    """Read what orders a DICOM file among others.

    Args:
        content: All of its bytes.
        path: How errors name it.

    Returns:
        The fields of `dicom.Facts` but for the caller's own names.
    """
    of_file = asdict(dicom.facts_of(content, Path(path), None, ""))
    return {key: value for key, value in of_file.items() if key not in ("item", "name")}, []


def n_values(content: bytes, path: Path, kind: str) -> int:
    """Say how many values a file claims to hold, without decoding them.

    Args:
        content: All of its bytes.
        path: How errors name it.
        kind: "DICOM" or "NIfTI".

    Returns:
        Pixels of all pictures.
    """
    if kind == "DICOM":
        return dicom.count_pixels(content, path)
    height, width = nifti.geometry_of(content, path).size
    return height * width * nifti.count_slices(content, path)


def packed(geometry: Geometry) -> Header:
    """A geometry as JSON holds it.

    Args:
        geometry: Of a picture.

    Returns:
        All but its source.
    """
    return asdict(replace(geometry, source=None))


def unpacked(fields: Header | None, source: Any = None) -> Geometry | None:
    """A geometry from JSON.

    Args:
        fields: From `packed`; None of a mask without a place.
        source: The DICOM header.

    Returns:
        The geometry.
    """
    if fields is None:
        return None
    values = {key: tuples(value) for key, value in fields.items()}
    if values["volume"] is not None:
        volume = {key: tuples(value) for key, value in values["volume"].items()}
        values["volume"] = VolumeSlice(**volume)
    return Geometry(**values | {"source": source})


def tuples(value: Any) -> Any:
    """JSON's lists as tuples.

    Args:
        value: From JSON.

    Returns:
        The same, and of lists in lists too.
    """
    return tuple(map(tuples, value)) if isinstance(value, list) else value


def _without_labels(frame: dicom.SegmentFrame) -> list[Any]:
    return [frame.segment, frame.instance, frame.frame, frame.position, frame.orientation]
