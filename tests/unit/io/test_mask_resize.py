"""Masks at another size: exact areas, and no lesion vanishes."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from saywhere.io.mask_resize import resize_mask, resized

SIZES = [((7, 5), (3, 4)), ((10, 10), (5, 5)), ((9, 12), (4, 8)), ((1, 9), (1, 2))]


def small_lesions() -> NDArray[np.bool_]:
    """Nine lesions of 6 pixels, none at the centre of what a pixel of 64 px covers."""
    mask = np.zeros((512, 512), dtype=bool)
    for row in (41, 201, 401):
        for column in (65, 225, 425):
            mask[row : row + 2, column : column + 3] = True
    return mask


@pytest.mark.parametrize(("shape", "size"), SIZES)
def test_a_pixel_is_lesion_where_at_least_half_of_what_it_covers_is(
    shape: tuple[int, int], size: tuple[int, int]
) -> None:
    mask = np.random.default_rng(0).random(shape) < 0.6
    # Each pixel as size × size ones: then every new pixel covers whole ones.
    fine = np.kron(mask, np.ones(size, dtype=bool))
    covered = fine.reshape(size[0], shape[0], size[1], shape[1]).mean(axis=(1, 3))
    by_area = resize_mask(mask, size)
    assert by_area[covered >= 0.5].all()
    beyond = by_area & (covered < 0.5)
    assert beyond.sum() == resized(mask, size, "area").n_vanishing


def test_small_lesions_vanish_by_the_nearest_pixel_and_stay_by_area() -> None:
    mask = small_lesions()
    nearest, area = resized(mask, (64, 64), "nearest"), resized(mask, (64, 64), "area")
    assert (nearest.n_lesions, nearest.n_vanishing, nearest.mask.sum()) == (9, 9, 0)
    assert (area.n_lesions, area.n_vanishing, area.mask.sum()) == (9, 9, 9)


def test_a_vanishing_lesion_is_drawn_where_most_of_it_lies() -> None:
    mask = np.zeros((16, 16), dtype=bool)
    mask[6, 6:11] = True  # two pixels of it left of column 8, three right of it
    assert np.argwhere(resize_mask(mask, (2, 2))).tolist() == [[0, 1]]


def test_a_lesion_beside_a_large_one_is_shown_as_well() -> None:
    mask = np.zeros((64, 64), dtype=bool)
    mask[:32] = True
    mask[60, 60] = True
    small = resized(mask, (8, 8), "area")
    assert small.mask[:4].all()
    assert np.argwhere(small.mask[4:]).tolist() == [[3, 7]]
    assert (small.n_lesions, small.n_vanishing) == (2, 1)


@pytest.mark.parametrize("how", ["area", "nearest"])
@pytest.mark.parametrize("value", [False, True])
def test_an_empty_and_a_full_mask_stay_what_they_are(how: str, value: bool) -> None:
    small = resized(np.full((30, 50), value), (8, 8), how)  # type: ignore[arg-type]
    assert (small.mask == value).all()
    assert (small.n_lesions, small.n_vanishing) == (int(value), 0)


@pytest.mark.parametrize("shape", [(5, 3), (1, 1), (3, 40)])
def test_enlarging_loses_nothing(shape: tuple[int, int]) -> None:
    mask = np.random.default_rng(1).random(shape) < 0.5
    assert resized(mask, (40, 40), "area").n_vanishing == 0
    assert (resize_mask(mask, (40, 40)).any()) == mask.any()


def test_turning_a_mask_turns_what_is_made_of_it() -> None:
    mask = np.random.default_rng(2).random((48, 48)) < 0.5
    small = resize_mask(mask, (12, 12))
    assert (resize_mask(np.rot90(mask), (12, 12)) == np.rot90(small)).all()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = small_lesions()
    whole = resize_mask(mask, (64, 64))
    monkeypatch.setattr("saywhere.io.mask_resize.BLOCK_PX", 1000)
    assert (resize_mask(mask, (64, 64)) == whole).all()
