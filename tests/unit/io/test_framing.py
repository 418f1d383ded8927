"""From an image's frame to the network's square, and back."""

from __future__ import annotations

import numpy as np
import pytest

from saywhere.config import Config
from saywhere.io.framing import Box, Framing
from saywhere.io.images import resize_image

SHAPES = [(30, 90), (90, 30), (31, 97), (64, 64), (1, 500), (500, 1), (225, 224)]


@pytest.mark.parametrize("shape", SHAPES)
def test_a_padded_image_keeps_its_shape_in_the_middle(shape: tuple[int, int]) -> None:
    box = Framing(64, "pad").box(*shape)
    assert max(box.height, box.width) == 64
    # Half a pixel of the square, or the one pixel that is always there.
    expected = 64 * min(shape) / max(shape)
    assert min(box.height, box.width) == pytest.approx(max(1, expected), abs=0.5)
    assert abs((64 - box.height) - 2 * box.top) <= 1
    assert abs((64 - box.width) - 2 * box.left) <= 1


@pytest.mark.parametrize("shape", SHAPES)
def test_the_bars_are_black_and_the_box_is_the_image(shape: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(1, 255, (*shape, 3), dtype=np.uint8)
    framing = Framing(64, "pad")
    square = framing.image(image).copy()
    box = framing.box(*shape)
    rows, columns = _slices(box)
    np.testing.assert_array_equal(
        square[rows, columns], resize_image(image, (box.height, box.width))
    )
    square[rows, columns] = 0
    assert not square.any()


@pytest.mark.parametrize("shape", SHAPES)
def test_image_and_mask_lie_in_the_same_place(shape: tuple[int, int]) -> None:
    framing = Framing(64, "pad")
    mask = np.ones(shape, dtype=bool)
    image = np.full((*shape, 1), 255, dtype=np.uint8)
    np.testing.assert_array_equal(framing.mask(mask).mask, framing.image(image)[..., 0] > 0)


@pytest.mark.parametrize("fit", ["squash", "pad"])
def test_a_square_image_is_the_same_either_way(fit: str) -> None:
    image = np.random.default_rng(0).integers(0, 255, (100, 100, 3), dtype=np.uint8)
    framing = Framing(64, fit)  # type: ignore[arg-type]
    assert framing.box(100, 100) == Box(0, 0, 64, 64)
    np.testing.assert_array_equal(framing.image(image), resize_image(image, (64, 64)))


def test_a_configuration_names_its_framing() -> None:
    config = Config().replace(**{"data.size": 96, "data.fit": "pad", "data.mask_resize": "nearest"})
    assert Framing.of(config.data) == Framing(96, "pad", "nearest")
    assert Framing.of(Config().data) == Framing(224, "squash", "area")


def _slices(box: Box) -> tuple[slice, slice]:
    return slice(box.top, box.top + box.height), slice(box.left, box.left + box.width)
