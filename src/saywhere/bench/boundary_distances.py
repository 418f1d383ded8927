"""The 95th percentile of the surface distance and the surface Dice, beside MONAI's own loop.

Pairs of drawn masks of 531 × 622 px (Kvasir's middle size), one thread, processor time. Both ways
measure the same case, one after the other; what counts is the ratio. Rarer kinds of masks, up to
pure noise, are measured on a twentieth as many cases.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from typing import Any, TypedDict

import numpy as np
import torch
from monai.metrics import compute_hausdorff_distance, compute_surface_dice
from scipy.ndimage import gaussian_filter, zoom

from saywhere.metrics.functional import case_metrics
from saywhere.types import MaskArray

SHAPE = (531, 622)
TOLERANCE_PX = 2.0
KINDS = {
    "one lesion": (40.0, 0.9),
    "several lesions": (12.0, 0.8),
    "ragged": (3.0, 0.7),
    "noise": (0.0, 0.5),
}
"""Kind of mask → how far its outline is smoothed (px), and the share of the picture outside."""


class KindRecord(TypedDict):
    """Both ways on one kind of masks."""

    cases: int
    monai_s: float
    ours_s: float
    ratio: float
    hausdorff_95_differs_px: float
    """the largest difference of the two ways, as the next one"""
    surface_dice_differs: float


class BoundariesRecord(TypedDict):
    """The distances of boundaries, as the result file has them."""

    shape: list[int]
    """height and width of a mask"""
    kinds: dict[str, KindRecord]


def measure(n_cases: int) -> BoundariesRecord:
    """Time both ways on masks of each kind.

    Args:
        n_cases: pairs of masks of the first kind.

    Returns:
        What was measured, as the result file has it.
    """
    numbers = [n_cases, *[max(n_cases // 20, 1)] * (len(KINDS) - 1)]
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        kinds = {kind: measured(kind, number) for kind, number in zip(KINDS, numbers)}
    finally:
        torch.set_num_threads(n_threads)
    return {"shape": list(SHAPE), "kinds": kinds}


def measured(kind: str, n_cases: int, shape: tuple[int, int] = SHAPE) -> KindRecord:
    """Time both ways on one kind of masks.

    Args:
        kind: a key of `KINDS`.
        n_cases: how many pairs.
        shape: height and width of a mask.

    Returns:
        cases, seconds of either way, their ratio, and the largest difference of each measure.
    """
    theirs_s, ours_s = 0.0, 0.0
    differences = np.zeros(2)
    for prediction, target in pairs(kind, n_cases, shape):
        times, answers = zip(*[_timed(way, prediction, target) for way in (_theirs, _ours)])
        theirs_s, ours_s = theirs_s + times[0], ours_s + times[1]
        differences = np.maximum(differences, np.abs(np.subtract(*answers)))
    return {
        "cases": n_cases,
        "monai_s": round(theirs_s, 3),
        "ours_s": round(ours_s, 3),
        "ratio": round(theirs_s / ours_s, 2),
        "hausdorff_95_differs_px": float(f"{differences[0]:.1e}"),
        "surface_dice_differs": float(f"{differences[1]:.1e}"),
    }


def pairs(kind: str, n_cases: int, shape: tuple[int, int]) -> Iterator[tuple[MaskArray, MaskArray]]:
    """Draw predictions that overlap their targets partly.

    Args:
        kind: a key of `KINDS`.
        n_cases: how many.
        shape: height and width.

    Yields:
        A prediction and its target, neither of them empty.
    """
    smooth, outside = KINDS[kind]
    for seed in range(n_cases):
        random = np.random.default_rng(seed)
        target, other = (_field(random, shape, smooth) for _ in range(2))
        cut = np.quantile(target, outside)
        yield target + 0.3 * other > cut, target > cut


def _field(
    random: np.random.Generator, shape: tuple[int, int], smooth: float
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Smooth noise of spread 1; drawn coarsely where it is smooth, which is many times faster."""
    coarse = max(1, int(smooth / 4))
    sides = [side // coarse + 1 for side in shape]
    small = gaussian_filter(random.normal(size=sides), smooth / coarse)
    return zoom(small / small.std(), coarse, order=1)[: shape[0], : shape[1]]


def _timed(way: Any, prediction: MaskArray, target: MaskArray) -> tuple[float, list[float]]:
    started = time.process_time()
    answer = way(prediction, target)
    return time.process_time() - started, answer


def _theirs(prediction: MaskArray, target: MaskArray) -> list[float]:
    ours, theirs = (torch.from_numpy(mask)[None, None] for mask in (prediction, target))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MONAI warns of its own deprecations
        distance = compute_hausdorff_distance(ours, theirs, include_background=True, percentile=95)
        surface = compute_surface_dice(ours, theirs, [TOLERANCE_PX], include_background=True)
    return [distance.item(), surface.item()]


def _ours(prediction: MaskArray, target: MaskArray) -> list[float]:
    metrics = case_metrics(prediction, target, TOLERANCE_PX)
    return [metrics["hausdorff_95_px"], metrics["surface_dice"]]
