"""Pairs whose sizes do not tell whether the mask was drawn on the upright image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saywhere.data.checks import check
from saywhere.data.manifest import read_manifest
from saywhere.data.turned import turned_pairs


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
