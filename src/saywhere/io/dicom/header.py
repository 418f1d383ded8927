"""DICOM bytes → a parsed header, or a refusal that says what kind of file it is.

No value of a header goes into an error, a warning or a log: any of them may lead to a patient.
"""

from __future__ import annotations

import logging
import math
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from saywhere.errors import MissingExtra, UnreadableFile
from saywhere.io.dicom import element_count

if TYPE_CHECKING:
    from pydicom import Dataset

MARK = b"DICM"
MARK_AT = 128
"""The standard's mark stands behind a preamble that says nothing."""
# Files without the preamble begin with group 2 (file meta), or, older still, with group 8.
_META = (b"\x02\x00\x00\x00UL\x04\x00", b"\x02\x00\x01\x00OB\x00\x00", b"\x02\x00\x02\x00UI")
_BARE = tuple(b"\x08\x00" + element + b"\x00" for element in (b"\x00", b"\x05", b"\x08", b"\x16"))
_VR_OF_BARE = (b"UL", b"CS", b"UI")
DEFLATED = b"1.2.840.10008.1.2.1.99"
EXPLICIT = b"1.2.840.10008.1.2.1"
"""Transfer syntaxes: what is left of the first once it is unpacked."""
DIRECTORY = "1.2.840.10008.1.3.10"
PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
MAX_NUMBERS_BYTES = 65_536
"""Of one element's numbers: no explicit file can hold more, and pydicom makes an object of each."""
MAX_INFLATED_BYTES = 512 * 1024 * 1024
"""Of a file of the deflated transfer syntax, unpacked."""
WITHOUT_PIXELS = {
    "1.2.840.10008.5.1.4.1.1.104": "a document (such as a PDF) in a DICOM file",
    "1.2.840.10008.5.1.4.1.1.88": "a structured report",
    "1.2.840.10008.5.1.4.1.1.481.2": "a radiotherapy dose, which is no picture",
    "1.2.840.10008.5.1.4.1.1.481.3": "radiotherapy structures (contours)",
    "1.2.840.10008.5.1.4.1.1.481": "a radiotherapy object",
    "1.2.840.10008.5.1.4.1.1.9": "a waveform",
    "1.2.840.10008.5.1.4.1.1.11": "a presentation state",
    "1.2.840.10008.5.1.4.1.1.66.1": "a registration",
    "1.2.840.10008.5.1.4.1.1.66.5": "a surface segmentation (no pixels)",
    "1.2.840.10008.5.1.4.1.1.67": "a table of real-world values",
}
"""SOP class, or the beginning of it → what it holds. The longest that fits counts."""
SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""SOP classes of masks: with one bit or a fraction a segment, and as a label map."""

_lock = threading.RLock()  # catch_warnings changes the whole process
_P = ParamSpec("_P")
_R = TypeVar("_R")


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom silent: its warnings and log lines quote the header's values.

    Yields:
        Nothing.
    """
    log = logging.getLogger("pydicom")
    with _lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        was_disabled = log.disabled
        log.disabled = True
        try:
            yield
        finally:
            log.disabled = was_disabled


def quietly(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Run a function within `quiet`.

    Args:
        function: Any.

    Returns:
        The function, silent.
    """

    @wraps(function)
    def silent(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with quiet():
            return function(*args, **kwargs)

    return silent


def is_dicom(content: bytes) -> bool:
    """Is it a DICOM file, with or without the preamble?

    Args:
        content: A file's bytes, or its first 132.

    Returns:
        True by the standard's mark, or where the first element is that of a header.
    """
    if MARK in (content[MARK_AT : MARK_AT + 4], content[:4]):
        return True
    if content.startswith(_META):
        return True
    if not content.startswith(_BARE):
        return False
    # Implicit files hold a length of 4 bytes where explicit ones name the kind of value.
    length = int.from_bytes(content[4:8], "little")
    return content[4:6] in _VR_OF_BARE or 0 < length <= 64


def parse(content: bytes, path: Path, *, with_pixels: bool = True) -> Dataset:
    """Parse a file.

    Args:
        content: All of its bytes; without pixels its beginning may suffice.
        path: How errors name it.
        with_pixels: False stops before the pixels.

    Returns:
        The data set with its file meta. Its values are converted when they are read, so read them
        within `quiet`.

    Raises:
        MissingExtra: pydicom is not installed.
        UnreadableFile: The file is no DICOM, or damaged.
    """
    require()
    try:
        dataset = _parse(content, path, with_pixels)
    except UnreadableFile:
        raise
    # pydicom raises a dozen types on damaged bytes, and quotes values in their text.
    except Exception as error:
        raise damaged(path, type(error).__name__) from None
    if getattr(dataset, "file_meta", None) is None or not syntax_of(dataset):
        raise UnreadableFile(
            "a DICOM file that does not say how it is encoded (no transfer syntax)",
            where=path,
            allowed="a DICOM file begins with its file meta information",
            remedy="export it again from the archive, as a DICOM file (Part 10)",
        )
    return dataset


@quietly
def _parse(content: bytes, path: Path, with_pixels: bool) -> Dataset:
    import pydicom

    inflated = _inflated(content, path)
    element_count.refuse_many(inflated, path)
    return pydicom.dcmread(BytesIO(inflated), force=True, stop_before_pixels=not with_pixels)


def require() -> None:
    """Raise MissingExtra where pydicom is not installed."""
    try:
        import pydicom  # noqa: F401
    except ImportError:
        raise MissingExtra(
            "DICOM is read with pydicom, which is not installed",
            remedy="pip install 'saywhere[clinic]'",
        ) from None


def damaged(path: Path, problem: str) -> UnreadableFile:
    """Make the error of a file that cannot be parsed or decoded.

    Args:
        path: How it names the file.
        problem: In few words, without any value of the header.

    Returns:
        The error.
    """
    return UnreadableFile(
        f"a damaged DICOM file ({problem})",
        where=path,
        remedy="fetch or export the file again",
    )


def syntax_of(dataset: Dataset) -> str:
    """Name how a file is encoded.

    Args:
        dataset: As parsed.

    Returns:
        The transfer syntax's UID; empty where there is none.
    """
    meta = getattr(dataset, "file_meta", None)
    return str(getattr(meta, "TransferSyntaxUID", "") or "")


def text(dataset: Dataset, keyword: str) -> str | None:
    """Read one text of a header.

    Args:
        dataset: The header, or an item of it.
        keyword: DICOM's, such as "Modality".

    Returns:
        Without spaces at its ends; None where it is missing, empty or damaged.
    """
    try:
        value = dataset.get(keyword)
        return str(value).strip() or None if value is not None else None
    except Exception:  # a damaged value is no value
        return None


def numbers(dataset: Dataset, keyword: str) -> list[float]:
    """Read one or several numbers of a header.

    Args:
        dataset: The header, or an item of it.
        keyword: DICOM's, such as "WindowCenter".

    Returns:
        Finite numbers; empty where the value is missing, damaged, endless or not finite.
    """
    try:
        stored = dataset.get_item(keyword) if keyword in dataset else None
        # Bytes until it is read for the first time.
        unread = getattr(stored, "value", None)
        if isinstance(unread, bytes) and len(unread) > MAX_NUMBERS_BYTES:
            return []
        value = dataset.get(keyword)
        if value is None or value == "":
            return []
        values = [float(part) for part in ([value] if _is_single(value) else value)]
    except Exception:  # a damaged value is no value
        return []
    return values if all(map(math.isfinite, values)) else []


def number(dataset: Dataset, keyword: str, default: float) -> float:
    """Read one number of a header.

    Args:
        dataset: The header, or an item of it.
        keyword: DICOM's.
        default: Where there is none.

    Returns:
        The first of its values.
    """
    values = numbers(dataset, keyword)
    return values[0] if values else default


def items(dataset: Dataset, keyword: str) -> list[Dataset]:
    """Read a sequence of a header.

    Args:
        dataset: The header, or an item of it.
        keyword: DICOM's, such as "VOILUTSequence".

    Returns:
        Its items; empty where it is missing or damaged.
    """
    try:
        return list(dataset.get(keyword) or [])
    except Exception:  # a damaged value is no value
        return []


def group(dataset: Dataset, keyword: str, frame: int) -> Dataset | None:
    """Read a functional group of a multi-frame file.

    Args:
        dataset: The header.
        keyword: The group's, such as "PixelMeasuresSequence".
        frame: From 1.

    Returns:
        The frame's own item, else the one that all frames share; None where there is neither.
    """
    own = items(dataset, "PerFrameFunctionalGroupsSequence")
    shared = items(dataset, "SharedFunctionalGroupsSequence")
    for candidate in (*own[frame - 1 : frame], *shared[:1]):
        for item in items(candidate, keyword):
            return item
    return None


def refuse_without_pixels(dataset: Dataset, path: Path) -> None:
    """Refuse what is no picture, by what it is.

    Args:
        dataset: As parsed.
        path: How errors name it.

    Raises:
        UnreadableFile: For documents, reports, structures, directories and files without pixels.
    """
    meta = getattr(dataset, "file_meta", None) or dataset
    sop_class = text(dataset, "SOPClassUID") or text(meta, "MediaStorageSOPClassUID") or ""
    if sop_class == DIRECTORY or "DirectoryRecordSequence" in dataset:
        raise UnreadableFile(
            "a DICOMDIR: a list of files, no picture",
            where=path,
            remedy="name the folder that it lies in: the files of its series are read",
        )
    kind = kind_without_pixels(sop_class)
    if kind is not None or not any(keyword in dataset for keyword in PIXELS):
        raise UnreadableFile(
            kind or "a DICOM file without pixels",
            where=path,
            allowed="an image file holds pixels",
            remedy="export the image itself",
        )


def kind_without_pixels(sop_class: str) -> str | None:
    """Say what a file holds that is no picture.

    Args:
        sop_class: Its SOP class.

    Returns:
        In few words; None for anything that may be a picture.
    """
    fitting = [uid for uid in WITHOUT_PIXELS if f"{sop_class}.".startswith(f"{uid}.")]
    # An RT image is a picture, though it is a radiotherapy object.
    if sop_class == "1.2.840.10008.5.1.4.1.1.481.1" or not fitting:
        return None
    return WITHOUT_PIXELS[max(fitting, key=len)]


def _is_single(value: Any) -> bool:
    return isinstance(value, (str, bytes, int, float)) or not hasattr(value, "__iter__")


def _inflated(content: bytes, path: Path) -> bytes:
    """Unpack a deflated file within a limit, since pydicom has none; others stay as they are."""
    at = MARK_AT + len(MARK) if content[MARK_AT : MARK_AT + 4] == MARK else 0
    # The meta information is never deflated; its first element is its length.
    end = at + 12 + int.from_bytes(content[at + 8 : at + 12], "little")
    meta = content[:end]
    if DEFLATED not in meta or not content[at:].startswith(_META[0]):
        return content
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    unpacked = unpacker.decompress(content[end:], MAX_INFLATED_BYTES)
    if unpacker.unconsumed_tail:
        raise UnreadableFile(
            "a deflated DICOM file that is too large",
            where=path,
            allowed=f"unpacked it has at most {MAX_INFLATED_BYTES:,} bytes",
            remedy="export fewer frames",
        )
    return meta.replace(DEFLATED, EXPLICIT.ljust(len(DEFLATED), b"\0")) + unpacked
