"""Arrays and Pillow images are turned alike, and as Pillow's own reader turns them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from saywhere.io.orientation import TAG, upright, upright_picture

STORED = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def as_pillow_shows(orientation: int) -> np.ndarray:
    """Written with the tag, and read by `ImageOps.exif_transpose`."""
    picture = Image.fromarray(STORED)
    exif = picture.getexif()
    exif[TAG] = orientation
    file = io.BytesIO()
    picture.save(file, "PNG", exif=exif)
    return np.asarray(ImageOps.exif_transpose(Image.open(file)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_both_are_turned_as_every_viewer_turns_them(orientation: int) -> None:
    expected = as_pillow_shows(orientation)
    turned = upright(STORED, orientation)
    assert turned.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(turned, expected)
    np.testing.assert_array_equal(upright(STORED[..., 0], orientation), expected[..., 0])
    picture = upright_picture(Image.fromarray(STORED), orientation)
    np.testing.assert_array_equal(np.asarray(picture), expected)


@pytest.mark.parametrize("orientation", [0, 9, -1, 65_535])
def test_a_number_that_no_standard_knows_changes_nothing(orientation: int) -> None:
    np.testing.assert_array_equal(upright(STORED, orientation), STORED)
    picture = upright_picture(Image.fromarray(STORED), orientation)
    np.testing.assert_array_equal(np.asarray(picture), STORED)
