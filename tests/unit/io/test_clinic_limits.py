"""DICOM and NIfTI cost bounded time and memory, whoever reads them; the rest is refused."""

from __future__ import annotations

import multiprocessing
import os
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pydicom")
nibabel = pytest.importorskip("nibabel")

import dicom_file  # noqa: E402
from saywhere.errors import UnreadableFile  # noqa: E402
from saywhere.io import clinic, clinic_jobs, decoding_pool, images, sources  # noqa: E402
from saywhere.io.decoding_pool import DecodingPool, TooMuchWork  # noqa: E402
from saywhere.io.inputs import as_image  # noqa: E402
from saywhere.io.volume_pairs import picture_of, segmentation_of  # noqa: E402

SEQUENCE_TAG = b"\x40\x00\x30\xa7"  # ContentSequence, of implicit and explicit files
DICOM = dicom_file.file(dicom_file.ramp(200, "u1"))


READERS: dict[str, Callable[[Path], object]] = {
    "library": as_image,
    "training": images.read_image,
    "prepare": lambda path: picture_of(sources.Source(path, frame=1)),
    "a SEG": lambda path: segmentation_of(sources.Source(path)),
}


def many_elements(n: int) -> bytes:
    """A header of so many numbers: pydicom makes an object of each."""
    block = np.zeros((n, 10), np.uint8)
    block[:, 0] = 9
    block[:, 2:4] = np.arange(n, dtype="<u4").view(np.uint8).reshape(n, 4)[:, :2]
    block[:, 4:8] = np.frombuffer(b"US\x02\x00", np.uint8)
    start = DICOM.index(b"\x08\x00\x16\x00")
    return DICOM[:start] + block.tobytes()


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> Iterator[DecodingPool]:
    """A pool whose limits a test can reach without waiting."""
    # The number of elements is limited as well, but higher where files may be larger.
    monkeypatch.setenv("SAYWHERE_MAX_MIB", "320")
    pool = DecodingPool(cpu_s=1, wall_s=120.0)
    monkeypatch.setattr(clinic, "shared", lambda: pool)
    yield pool
    pool.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows counts no processor time")
@pytest.mark.parametrize("reader", READERS)
def test_a_file_that_takes_too_long_is_refused_by_name(
    tmp_path: Path, strict: DecodingPool, reader: str
) -> None:
    path = tmp_path / "many.dcm"
    path.write_bytes(many_elements(1_900_000))
    with pytest.raises(TooMuchWork, match=r"too much time to decode in .*many\.dcm; .* 1 s and"):
        READERS[reader](path)
    path.write_bytes(DICOM)
    if reader != "a SEG":
        READERS[reader](path)
    assert strict.n_started == (1 if reader == "a SEG" else 2)


@pytest.mark.skipif(os.name == "nt", reason="Windows limits no address space")
def test_a_file_that_takes_too_much_memory_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = DecodingPool(memory_bytes=200_000_000, cpu_s=60)
    monkeypatch.setattr(clinic, "shared", lambda: pool)
    volume = nibabel.Nifti1Image(np.zeros((3000, 3000, 4), np.float32), np.eye(4))
    path = tmp_path / "large.nii.gz"
    nibabel.save(volume, path)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(TooMuchWork, match=r"too much memory to decode in .*large\.nii\.gz; "):
        clinic.read(path.read_bytes(), path)
    pool.close()


def test_a_folder_with_such_a_file_is_read_without_it(tmp_path: Path, strict: DecodingPool) -> None:
    (tmp_path / "a.dcm").write_bytes(DICOM)
    (tmp_path / "many.dcm").write_bytes(many_elements(1_900_000))
    listing = sources.list_inputs(tmp_path)
    assert [each.name for each in listing.inputs] == ["a"]
    (skipped,) = listing.skipped
    assert (skipped.path.name, skipped.reason) == (
        "many.dcm",
        "a file that takes too much time to decode",
    )


def nested(depth: int, *, is_defined: bool) -> bytes:
    """Sequences in sequences, of stated or of open lengths."""
    start = DICOM.index(b"\x08\x00\x16\x00")
    if not is_defined:
        open_length = b"\xff\xff\xff\xff"
        sequence = SEQUENCE_TAG + b"SQ\0\0" + open_length + b"\xfe\xff\x00\xe0" + open_length
        return DICOM[:start] + sequence * depth
    inner = b""
    for _ in range(depth):
        item = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(inner)) + inner
        inner = SEQUENCE_TAG + b"SQ\0\0" + struct.pack("<I", len(item)) + item
    return DICOM[:start] + inner + DICOM[DICOM.index(b"\x28\x00\x02\x00") :]


@pytest.mark.parametrize("is_defined", [False, True])
@pytest.mark.parametrize("depth", [600, 100_000])
def test_nested_sequences_are_refused_in_words_or_ignored(depth: int, is_defined: bool) -> None:
    content = nested(min(depth, 20_000) if is_defined else depth, is_defined=is_defined)
    before = time.process_time()
    if is_defined:
        # Nothing of such a sequence is needed, and it is never opened.
        assert clinic.read(content, Path("deep.dcm")).pictures[0].pixels.shape == (32, 32)
    else:
        with pytest.raises(
            UnreadableFile, match=r"(damaged DICOM file|elements and more).* in deep\.dcm"
        ):
            clinic.read(content, Path("deep.dcm"))
    assert time.process_time() - before < 3


def test_what_a_child_reads_is_what_is_read_here() -> None:
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 900, (3, 8, 9), np.uint16)
    content = dicom_file.file(frames, NumberOfFrames=3, PatientOrientation=["L", "F"])
    read = clinic.read(content, Path("a.dcm"))
    here, arrays = clinic_jobs.read(content, "a.dcm", "DICOM", 10**9)
    assert read.notes == tuple(here["notes"])
    for number, (picture, pixels) in enumerate(zip(read.pictures, arrays, strict=True), start=1):
        assert (picture.pixels == pixels).all()
        assert picture.geometry is not None
        assert picture.geometry.frame == number
        assert picture.geometry.patient_orientation == ("L", "F")
        assert str(picture.geometry.source.PatientID).startswith(dicom_file.CANARY)
        assert "PixelData" not in picture.geometry.source
    volume = nibabel.Nifti1Image(frames.astype(np.int16), np.diag([2.0, 3, 4, 1]))
    slices = clinic.read(volume.to_bytes(), Path("a.nii")).pictures
    assert slices[0].geometry is not None
    assert slices[0].geometry.volume is not None
    assert slices[0].geometry.volume.affine[1] == (0.0, 3.0, 0.0, 0.0)
    here, _ = clinic_jobs.read(volume.to_bytes(), "a.nii", "NIfTI", 10**9)
    assert [clinic_jobs.packed(each.geometry) for each in slices if each.geometry] == here["places"]


def test_a_volume_of_many_values_has_wider_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = clinic._wide()
    monkeypatch.setattr(clinic_jobs, "N_VALUES", 100)
    before = pool.n_started
    content = dicom_file.file(np.zeros((3, 8, 8), np.uint8), NumberOfFrames=3)
    assert len(clinic.read(content, Path("a.dcm")).pictures) == 3
    assert pool.n_started == before + 1
    assert pool.limits["memory_bytes"] / clinic.MOST_VALUES == decoding_pool.MEMORY_BYTES / 40e6


def _in_another_process(queue: multiprocessing.Queue[bool]) -> None:
    first = clinic.read(DICOM, Path("a.dcm")).pictures[0].pixels
    queue.put(bool((first == dicom_file.ramp(200, "u1")).all()))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_a_child_of_its_own() -> None:
    """As a loader's workers are: two that wrote to one pipe would read each other's pictures."""
    clinic.read(DICOM, Path("a.dcm"))
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    workers = [context.Process(target=_in_another_process, args=(queue,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    clinic.read(DICOM, Path("a.dcm"))
    assert [queue.get(timeout=100) for _ in workers] == [True, True]
    for worker in workers:
        worker.join()
