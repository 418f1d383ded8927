from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from saywhere.data.manifest import read_manifest
from saywhere.data.prepare.clinicdb import LEAKS, prepare_clinicdb
from saywhere.errors import MissingFile
from saywhere.io.images import read_mask


@pytest.fixture
def source(tmp_path: Path, draw_image: Callable[..., None], draw_mask: Callable[[Path], None]) -> Path:
    folder = tmp_path / "download/CVC-ClinicDB"
    for number in range(1, 21):
        draw_image(folder / "Original" / f"{number}.tif")
        draw_mask(folder / "Ground Truth" / f"{number}.tif")
    return tmp_path / "download"


def test_without_annotations_frames_are_split_in_their_order(source: Path, tmp_path: Path, disc: np.ndarray) -> None:
    prepared = prepare_clinicdb(source, tmp_path / "set")
    manifest = read_manifest(tmp_path / "set")
    assert [row.id for row in manifest.split("train")] == [str(number) for number in range(1, 17)]
    assert [row.id for row in manifest.split("test")] == ["19", "20"]
    assert prepared.warnings[0] == "20 images; 612 were published"
    row = manifest.rows[0]
    assert row.mask is not None
    assert np.array_equal(read_mask(row.mask), disc)


def test_with_annotations_their_split_is_taken_and_its_leak_is_told(
    source: Path, tmp_path: Path, annotate: Callable[[Path, dict[str, list[str]], str], None]
) -> None:
    annotate(source / "medvlsm/data/clinicdb_polyp/anns", {"train": ["2", "1"], "val": ["3"], "test": ["20"]}, ".tif")
    prepared = prepare_clinicdb(source, tmp_path / "set")
    assert prepared.counts == {"train": 2, "val": 1, "test": 1}
    assert prepared.warnings[-1] == LEAKS
    assert read_manifest(tmp_path / "set").rows[0].oracle


def test_half_a_layout_is_said(source: Path, tmp_path: Path) -> None:
    (source / "CVC-ClinicDB/Ground Truth").rename(source / "CVC-ClinicDB/Truth")
    with pytest.raises(MissingFile, match=r"no 'Ground Truth' in .*: unpack CVC-ClinicDB"):
        prepare_clinicdb(source, tmp_path / "set")
