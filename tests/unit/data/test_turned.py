"""Pairs whose sizes do not tell whether the mask was drawn on the upright image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saywhere.data.checks import check
from saywhere.data.manifest import read_manifest
from saywhere.data.turned import turned_pairs
from saywhere.datasets.set_writer import Case, write_set
from saywhere.io.images import read_image, read_mask


@pytest.mark.parametrize(
    ("size", "of_image", "of_mask", "is_told"),
    [
        ((20, 30), 3, 1, True),
        ((20, 30), 2, 1, True),
        ((20, 20), 6, 1, True),
        ((20, 20), 1, 8, True),
        ((20, 20), 6, 6, False),
        ((20, 30), 3, 3, False),
        ((20, 30), 6, 1, False),
        ((20, 30), 1, 1, False),
    ],
)
def test_a_pair_that_a_size_cannot_tell_apart_is_asked_about(
    tmp_path: Path, size: tuple[int, int], of_image: int, of_mask: int, is_told: bool
) -> None:
    for name, orientation in (("image.jpg", of_image), ("mask.png", of_mask)):
        pixels = np.zeros(size if orientation <= 4 else size[::-1], np.uint8)
        pixels[2:8, 3:9] = 255
        exif = Image.Exif()
        exif[274] = orientation
        Image.fromarray(pixels).save(tmp_path / name, exif=exif)
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(
        '{"id": "a", "image": "image.jpg", "mask": "mask.png", "prompts": {"plain": "a spot"}}'
    )
    report = check(read_manifest(manifest))
    assert not report.faults
    warnings = turned_pairs(report)
    assert len(warnings) == is_told
    assert all("EXIF" in warning and "the first: a" in warning for warning in warnings)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_mask_that_is_prepared_beside_its_turned_image_leaves_no_question(
    tmp_path: Path, orientation: int
) -> None:
    source = tmp_path / "mine"
    pixels = np.zeros((20, 20), np.uint8)
    pixels[2:8, 3:5] = 255
    exif = Image.Exif()
    exif[274] = orientation
    for folder in ("images", "masks"):
        (source / folder).mkdir(parents=True)
    Image.fromarray(pixels).save(source / "images/a.png", exif=exif)
    Image.fromarray(pixels // 255 * 2).save(source / "masks/a.png", exif=exif)
    case = Case("a", source / "images/a.png", source / "masks/a.png", "train", {"text": "a spot"})
    prepared = write_set(source, tmp_path / "set", [case], {"train": 1}, [])
    report = check(read_manifest(prepared.manifest))
    assert not report.faults
    assert turned_pairs(report) == []
    (row,) = report.manifest.rows
    assert row.mask is not None
    # It lies where its image does, for who looks at the orientation and for who does not.
    assert np.array_equal(read_mask(row.mask), read_image(row.image, 1)[..., 0] > 0)
    stored, of_image = (np.asarray(Image.open(path)) for path in (row.mask, row.image))
    assert np.array_equal(stored, of_image)
