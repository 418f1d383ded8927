"""Small DICOM files, made anew for each test: a canary stands wherever a patient could be named."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

CANARY = "Kanarienvogel"
CT = "1.2.840.10008.5.1.4.1.1.2"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
DATA = Path(__file__).parents[2] / "shared" / "data" / "dicom"


def make(pixels: np.ndarray, **tags: Any) -> Dataset:
    """A file of one frame (rows, columns[, 3]) or, with NumberOfFrames, of several."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = tags.pop("syntax", ExplicitVRLittleEndian)
    dataset.file_meta.MediaStorageSOPClassUID = UID(tags.get("SOPClassUID", SECONDARY_CAPTURE))
    dataset.SOPClassUID = UID(SECONDARY_CAPTURE)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID = generate_uid()
    dataset.SeriesInstanceUID = generate_uid()
    dataset.PatientName = f"{CANARY}^Vera"
    dataset.PatientID = f"{CANARY}-1"
    dataset.PatientBirthDate = "19010203"
    dataset.InstitutionName = f"{CANARY} hospital"
    dataset.StudyDescription = f"{CANARY} study"
    dataset.StudyDate = "20010203"
    dataset.StudyTime = "101112"
    dataset.AccessionNumber = "7"
    dataset.StudyID = "1"
    dataset.SeriesNumber = 1
    dataset.InstanceNumber = 1
    dataset.Modality = "OT"
    is_colour = pixels.ndim > 2 and pixels.shape[-1] == 3
    n_frames = tags.get("NumberOfFrames")
    frame = pixels[0] if n_frames else pixels
    dataset.Rows, dataset.Columns = frame.shape[:2]
    dataset.SamplesPerPixel = 3 if is_colour else 1
    dataset.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME2"
    if is_colour:
        dataset.PlanarConfiguration = 0
    if pixels.dtype.kind == "f":
        name = "FloatPixelData" if pixels.itemsize == 4 else "DoubleFloatPixelData"
        setattr(dataset, name, pixels.tobytes())
        dataset.BitsAllocated = 8 * pixels.itemsize
    else:
        dataset.BitsAllocated = dataset.BitsStored = 8 * pixels.itemsize
        dataset.HighBit = dataset.BitsStored - 1
        dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
        content = pixels.tobytes()
        dataset.PixelData = content + b"\0" * (len(content) % 2)
        dataset["PixelData"].VR = "OB" if pixels.itemsize == 1 else "OW"
    for name, value in tags.items():
        setattr(dataset, name, value)
    return dataset


def to_bytes(dataset: Dataset, *, enforce: bool = True) -> bytes:
    """As they would lie on a disk, with the preamble."""
    stream = BytesIO()
    pydicom.dcmwrite(stream, dataset, enforce_file_format=enforce)
    return stream.getvalue()


def file(pixels: np.ndarray, **tags: Any) -> bytes:
    """`make` and `to_bytes` in one."""
    return to_bytes(make(pixels, **tags))


def table(length: int, first: int, n_bits: int, entries: Any) -> Dataset:
    """An item of a modality or VOI LUT sequence."""
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [length, first, n_bits])
    item.add_new("LUTData", "OW", np.asarray(entries, "<u2").tobytes())
    return item


def ramp(top: int, dtype: str = "<u2", shape: tuple[int, int] = (32, 32)) -> np.ndarray:
    """Values from 0 to `top`."""
    return np.linspace(0, top, shape[0] * shape[1]).round().astype(dtype).reshape(shape)
