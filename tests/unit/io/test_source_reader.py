"""A picture's content is read up to the limits; a volume's file is decoded once for its slices."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from saywhere.errors import UnreadableFile
from saywhere.io import archives, clinic
from saywhere.io.source_reader import Reader, content_of
from saywhere.io.sources import Source


def test_an_entry_that_lies_about_its_size_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 1000)
    monkeypatch.setattr(archives, "MAX_FILE_BYTES", 100)
    with pytest.raises(UnreadableFile, match="more than 100 bytes"):
        content_of(Source(path, "a.png"))


def test_a_volume_is_decoded_once_for_all_its_slices(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nibabel = pytest.importorskip("nibabel")
    voxels = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
    nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), tmp_path / "ct.nii")
    decoded: list[Path] = []
    read = clinic.read

    def count(content: bytes, path: Path) -> clinic.Pictures:
        decoded.append(path)
        return read(content, path)

    monkeypatch.setattr(clinic, "read", count)
    reader = Reader(1, "percentile")
    slices = [reader.read(Source(tmp_path / "ct.nii", frame=number)) for number in (1, 2, 3)]
    assert len(decoded) == 1
    assert len({part.pixels.tobytes() for part in slices}) == 3
    assert len({part.sha256 for part in slices}) == 1
