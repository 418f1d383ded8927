"""A caption stands below the picture and leaves it as it is."""

from __future__ import annotations

import numpy as np
import pytest

from saywhere.io.captions import captioned


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7), (240, 320)])
@pytest.mark.parametrize(
    "caption", ["", "upper left", "one small round polyp " * 100, "病変", "x" * 500]
)
def test_the_picture_stays_and_the_strip_is_white_with_black_letters(
    size: tuple[int, int], caption: str
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    drawn = captioned(picture, caption)
    assert np.array_equal(drawn[: size[0]], picture)
    assert drawn.shape[1:] == (size[1], 3)
    strip = drawn[size[0] :]
    assert strip.size > 0
    if size == (240, 320):
        assert (strip.min() < 128) == bool(caption)
