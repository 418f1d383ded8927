"""Hashes that are compared within one call, and lead nowhere after it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pydicom")

import dicom_file
from saywhere.io.patient_hashes import PatientHashes
from saywhere.io.sources import Source


def test_hashes_of_another_call_are_others(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(dicom_file.file(dicom_file.ramp(9, "u1")))
    hashes = PatientHashes()
    assert hashes.of_file(Source(path)) == hashes.of_file(Source(path))
    assert len(hashes.of_file(Source(path))) == 2
    assert not hashes.of_file(Source(path)) & PatientHashes().of_file(Source(path))


def test_other_files_and_broken_ones_have_none(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    for content in (b"", b"plain", dicom_file.file(dicom_file.ramp(9, "u1"))[:140]):
        path.write_bytes(content)
        assert PatientHashes().of_file(Source(path)) == frozenset()
