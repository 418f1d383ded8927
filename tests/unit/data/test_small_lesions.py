"""Lesions that are too small for the network's size are counted, in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from saywhere.data.checks import check
from saywhere.data.manifest import Manifest
from saywhere.data.manifest_row import Row
from saywhere.data.rows import Rows
from saywhere.data.small_lesions import small_lesions
from saywhere.io.framing import Framing
from saywhere.io.images import write_image, write_mask


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """One mask with a large and a small lesion, one with a small one, one with a large one."""
    rows = []
    for number, (has_large, has_small) in enumerate([(True, True), (False, True), (True, False)]):
        mask = np.zeros((256, 256), dtype=bool)
        mask[:64, :64] = has_large
        mask[201:203, 201:203] = has_small
        image, place = tmp_path / f"{number}.png", tmp_path / f"{number}-mask.png"
        write_image(image, np.full((256, 256), number, dtype=np.uint8))
        write_mask(place, mask)
        rows.append(Row(f"case-{number}", image, place, number=number + 1))
    return Manifest(tmp_path / "manifest.jsonl", Rows(rows), digest="")


def test_by_area_each_is_drawn_as_one_pixel(manifest: Manifest) -> None:
    framing = Framing(32)
    assert small_lesions(check(manifest, framing=framing), framing) == [
        "2 of 4 lesions, in 2 of 3 masks (the first: case-0, case-1), are too small for 32 px: "
        "each is drawn as one pixel; a larger data.size shows more of them"
    ]


def test_by_the_nearest_pixel_masks_become_empty(manifest: Manifest) -> None:
    framing = Framing(32, mask_resize="nearest")
    assert small_lesions(check(manifest, framing=framing), framing) == [
        "2 of 4 lesions, in 2 of 3 masks (the first: case-0, case-1), are too small for 32 px, "
        "and vanish by the nearest pixel; masks that become empty: 1, whose sentences teach that "
        "nothing is there; set data.mask_resize = 'area', or a larger data.size"
    ]


def test_nothing_is_said_where_every_lesion_is_seen(manifest: Manifest) -> None:
    framing = Framing(224)
    assert small_lesions(check(manifest, framing=framing), framing) == []
