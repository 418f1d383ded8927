"""Masks at another size: by area, so that no lesion vanishes, or by the nearest pixel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MaskResize = Literal["area", "nearest"]
MASK_RESIZES = get_args(MaskResize)
TOUCHING = np.ones((3, 3), dtype=bool)
"""Pixels that touch at a corner belong to one lesion."""
BLOCK_PX = 2**20


@dataclass(frozen=True)
class ResizedMask:
    """A mask at another size, and what became of its lesions.

    Attributes:
        mask: bool, of the new size.
        n_lesions: connected parts of the original.
        n_vanishing: those that no pixel would show. `area` draws each as one pixel, `nearest`
            loses it.
    """

    mask: NDArray[np.bool_]
    n_lesions: int
    n_vanishing: int


def resize_mask(
    mask: NDArray[np.bool_], size: tuple[int, int], how: MaskResize = "area"
) -> NDArray[np.bool_]:
    """Resize a mask; it stays 0 or 1, since half a lesion is no answer.

    Args:
        mask: bool (height, width).
        size: the new (height, width).
        how: see `resized`.

    Returns:
        bool of `size`.
    """
    return resized(mask, size, how).mask


def resized(mask: NDArray[np.bool_], size: tuple[int, int], how: MaskResize) -> ResizedMask:
    """Resize a mask, and count the lesions that the new size is too coarse for.

    Args:
        mask: bool (height, width).
        size: the new (height, width).
        how: "area": a pixel is lesion where at least half of what it covers is; a lesion that no
            pixel would show is drawn as the one pixel that covers most of it. "nearest": a pixel
            is what lies at its centre.

    Returns:
        The mask, and the counts.
    """
    # Loaded when it is needed: it takes longer than a mistyped command may.
    from scipy import ndimage

    labels, n_lesions = ndimage.label(mask, TOUCHING)
    if how == "nearest":
        small = _nearest(labels, size)
        n_shown = len(np.unique(small[small > 0]))
        return ResizedMask(small > 0, n_lesions, n_lesions - n_shown)
    covered = by_area(mask, size)
    vanishing = _vanishing_at(labels, n_lesions, covered)
    covered.flat[vanishing] = True
    return ResizedMask(covered, n_lesions, len(vanishing))


def _nearest(labels: NDArray[np.int32], size: tuple[int, int]) -> NDArray[np.int32]:
    # Pillow names the width first.
    return np.asarray(Image.fromarray(labels).resize(size[::-1], Image.Resampling.NEAREST))


def by_area(mask: NDArray[np.bool_], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Is at least half of what each new pixel covers foreground?

    Args:
        mask: bool (height, width).
        size: the new (height, width).

    Returns:
        bool of `size`; small lesions may vanish.
    """
    # At a half it counts: else a lesion two pixels wide, between two new pixels, would be lost.
    covered = _covered(_covered(mask, size[0]).T, size[1]).T
    return 2 * covered >= mask.shape[0] * mask.shape[1]


def _covered(values: NDArray[np.generic], n: int) -> NDArray[np.int64]:
    """The sum of the values that each of `n` rows covers, times `n`.

    A new row covers parts of rows at its ends. In units of 1/n of a row these are whole numbers,
    so that no rounding decides whether a pixel is half covered.
    """
    height = len(values)
    whole, part = np.divmod(np.arange(n + 1) * height, n)
    # The last edge lies behind the last row, and cuts nothing of it.
    at = np.minimum(whole, height - 1)
    covered = np.empty((n, *values.shape[1:]), np.int64)
    # Row by row, since sums over the whole picture would take eight bytes a pixel.
    for i in range(n):
        covered[i] = n * values[whole[i] : whole[i + 1]].sum(axis=0, dtype=np.int64)
        covered[i] += part[i + 1] * values[at[i + 1]] - part[i] * values[at[i]]
    return covered


def _vanishing_at(
    labels: NDArray[np.int32], n_lesions: int, covered: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """The new pixels that stand for lesions which no foreground pixel shows; one each."""
    is_shown = np.zeros(n_lesions + 1, bool)
    for lesion, place in _places(labels, covered.shape):
        is_shown[lesion[covered.flat[place]]] = True
    hidden = [
        lesion[~is_shown[lesion]].astype(np.int64) * covered.size + place[~is_shown[lesion]]
        for lesion, place in _places(labels, covered.shape)
    ]
    pairs, n_pixels = np.unique(np.concatenate(hidden), return_counts=True)
    owner, where = np.divmod(pairs, covered.size)
    # Of each lesion the largest share first; of equal ones the first in reading order.
    order = np.lexsort((where, -n_pixels, owner))
    first = np.unique(owner[order], return_index=True)[1]
    return where[order][first]


def _places(
    labels: NDArray[np.int32], size: tuple[int, ...]
) -> Iterator[tuple[NDArray[np.int32], NDArray[np.int64]]]:
    """Of each foreground pixel its lesion, and the new pixel (flat) that holds its centre."""
    height, width = labels.shape
    flat = labels.reshape(-1)
    # In blocks, since an index takes eight bytes a pixel.
    for start in range(0, flat.size, BLOCK_PX):
        pixels = np.flatnonzero(flat[start : start + BLOCK_PX]) + start
        rows, columns = np.divmod(pixels, width)
        new_rows = (2 * rows + 1) * size[0] // (2 * height)
        new_columns = (2 * columns + 1) * size[1] // (2 * width)
        yield flat[pixels], new_rows * size[1] + new_columns
