from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_erosion

from saywhere.errors import UsageError
from saywhere.io.overlay import captioned, edge, overlay, panel

GENERATOR = np.random.default_rng(0)
IMAGE = GENERATOR.integers(0, 256, (40, 60, 3), dtype=np.uint8)
MASK = GENERATOR.random((40, 60)) > 0.3


@pytest.mark.parametrize("thickness", [1, 2, 3])
def test_the_edge_is_what_an_erosion_takes_away(thickness: int) -> None:
    mask = np.zeros((40, 60), dtype=bool)
    mask[5:30, 0:41] = True
    mask[12:14, 20:22] = False
    np.testing.assert_array_equal(
        edge(mask, thickness), mask & ~binary_erosion(mask, iterations=thickness)
    )


def test_nothing_is_painted_outside_of_the_mask() -> None:
    drawn = overlay(IMAGE, MASK, colour=(255, 0, 0), opacity=0.5)
    np.testing.assert_array_equal(drawn[~MASK], IMAGE[~MASK])
    assert (drawn[edge(MASK)] == (255, 0, 0)).all()


def test_opacity_mixes() -> None:
    drawn = overlay(IMAGE, MASK, colour=(10, 20, 30), opacity=0.25, contour=False)
    np.testing.assert_allclose(
        drawn[MASK], 0.75 * IMAGE[MASK] + 0.25 * np.array([10, 20, 30]), atol=0.5
    )


def test_a_grey_image_becomes_colour() -> None:
    assert overlay(IMAGE[..., :1], MASK).shape == (40, 60, 3)


def test_image_and_mask_must_have_one_size() -> None:
    with pytest.raises(UsageError, match=r"an image of \(40, 60\) and a mask of \(20, 60\)"):
        overlay(IMAGE, MASK[:20])


def test_a_panel_shows_every_image_side_by_side_with_room_for_its_words() -> None:
    drawn = panel(
        [IMAGE, IMAGE[..., :1], IMAGE[:20, :30]],
        ["one", "a much longer caption that must wrap 🫁 病変", ""],
        title="three",
    )
    assert drawn.dtype == np.uint8
    rows = [row for row in range(drawn.shape[0]) if (drawn[row, 8:68] == IMAGE[0]).all()]
    assert len(rows) == 1
    np.testing.assert_array_equal(drawn[rows[0] : rows[0] + 40, 8:68], IMAGE)
    below = drawn[rows[0] + 40 :]
    assert (below < 128).any(axis=(0, 2))[8:68].any()
    assert drawn.shape[1] == 3 * 60 + 4 * 8


def test_a_panel_needs_a_caption_an_image() -> None:
    with pytest.raises(UsageError, match="2 images and 1 captions"):
        panel([IMAGE, IMAGE], ["one"])


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
