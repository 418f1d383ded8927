"""Elements are counted as pydicom finds them, and too many are refused before it makes objects."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")

import dicom_file  # noqa: E402
from saywhere.errors import UnreadableFile  # noqa: E402
from saywhere.io.dicom import element_count, header  # noqa: E402

ENDS = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
DICOM = dicom_file.file(dicom_file.ramp(200, "u1"))
AT = DICOM.index(b"\x08\x00\x16\x00")
PYDICOM = Path(pydicom.__file__).parent / "data/test_files"
REAL = [
    *sorted(dicom_file.DATA.glob("*.dcm")),
    *(path for path in sorted(PYDICOM.glob("*.dcm")) if "bad" not in path.stem),
]


def expected(dataset: pydicom.Dataset) -> int:
    """Elements of all levels, with their items."""
    n = 0
    for element in dataset:
        n += 1
        if element.VR == "SQ":
            n += sum(element_count.OF_ITEM + expected(item) for item in element.value)
    return n


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_real_files_have_as_many_as_pydicom_finds(path: Path) -> None:
    content = path.read_bytes()
    try:
        if path.stem.endswith("too_short"):
            pytest.skip("a damaged file")
        dataset = pydicom.dcmread(BytesIO(content), force=True)
        n = expected(dataset) + len(getattr(dataset, "file_meta", ()))
    except Exception:
        pytest.skip("pydicom does not read it whole")
    if header.DEFLATED in content[:1000]:
        pytest.skip("it is counted once it is inflated")
    counted = element_count.count(content, 10**6)
    # Sequences of unknown kind are passed as values; ends of sequences and items count as well,
    # and each fragment of packed pixels.
    n_fragments = int(dataset.get("NumberOfFrames") or 1) * 2
    assert 0.75 * n <= counted <= 2 * n + n_fragments + 20


def numbers(n: int) -> bytes:
    """So many elements of ten bytes."""
    block = np.zeros((n, 10), np.uint8)
    block[:, 0] = 9
    block[:, 2:4] = np.arange(n, dtype="<u4").view(np.uint8).reshape(n, 4)[:, :2]
    block[:, 4:8] = np.frombuffer(b"US\x02\x00", np.uint8)
    return block.tobytes()


def in_sequence(content: bytes, *, is_defined: bool) -> bytes:
    tag = b"\x40\x00\x30\xa7SQ\0\0"
    if not is_defined:
        return tag + b"\xff" * 4 + b"\xfe\xff\x00\xe0" + b"\xff" * 4 + content + ENDS
    item = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(content)) + content
    return tag + struct.pack("<I", len(item)) + item


@pytest.mark.parametrize("form", ["flat", "open", "defined"])
def test_too_many_are_refused_and_the_last_allowed_one_is_read(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(element_count, "MAX_ELEMENTS", 1_000)
    for n, is_refused in ((2_000, True), (950, False)):
        block = numbers(n)
        body = block if form == "flat" else in_sequence(block, is_defined=form == "defined")
        content = DICOM[:AT] + body
        if not is_refused:
            header.parse(content, Path("a.dcm"))
            continue
        with pytest.raises(UnreadableFile, match=r"1,000 elements and more in .*a\.dcm"):
            header.parse(content, Path("a.dcm"))


def test_what_it_costs_does_not_grow_with_the_file() -> None:
    """Steps, not seconds: the walk ends at the limit."""
    content = DICOM[:AT] + numbers(100_000)
    assert element_count.count(content, 500) == 500


def test_pixels_are_no_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(element_count, "MAX_ELEMENTS", 100)
    pixels = np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)
    header.parse(dicom_file.file(pixels), Path("a.dcm"))


def test_endless_numbers_are_no_value() -> None:
    dataset = dicom_file.make(dicom_file.ramp(200, "u1"), syntax="1.2.840.10008.1.2")
    dataset.WindowCenter = [1.5] * 40_000
    dataset.WindowWidth = [200, 100]
    parsed = header.parse(dicom_file.to_bytes(dataset), Path("a.dcm"))
    with header.quiet():
        assert header.numbers(parsed, "WindowCenter") == []
        for _ in range(2):
            assert header.numbers(parsed, "WindowWidth") == [200, 100]
            assert header.number(parsed, "Rows", 0) == 32
