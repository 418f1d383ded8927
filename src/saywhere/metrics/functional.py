"""Measures of one case: two boolean masks (height, width), in the original frame, at the original
size.

Empty masks, everywhere the same: both empty is agreement (1.0, distance 0.0), one empty is total
disagreement (0.0, distance inf). Infinite distances are reported apart and never averaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from saywhere.errors import UsageError
from saywhere.metrics.boundaries import Distances, boundary_distances
from saywhere.types import MaskArray


def dice(prediction: MaskArray, target: MaskArray) -> float:
    """Measure Dice: 2 · overlap / (area + area).

    Args:
        prediction: (height, width).
        target: of the same shape.

    Returns:
        A share in [0, 1]. Both empty: 1.0. One empty: 0.0.

    Raises:
        UsageError: for masks that are not boolean, not two-dimensional or not of one size.
    """
    hit, extra, missed = _counts(prediction, target)
    return _ratio(2 * hit, 2 * hit + extra + missed, hit, extra, missed)


def iou(prediction: MaskArray, target: MaskArray) -> float:
    """Measure intersection over union (Jaccard).

    Args:
        prediction: (height, width).
        target: of the same shape.

    Returns:
        A share in [0, 1]. Both empty: 1.0. One empty: 0.0.

    Raises:
        UsageError: for masks that are not boolean, not two-dimensional or not of one size.
    """
    hit, extra, missed = _counts(prediction, target)
    return _ratio(hit, hit + extra + missed, hit, extra, missed)


def precision(prediction: MaskArray, target: MaskArray) -> float:
    """Measure the share of the predicted pixels that are right.

    Args:
        prediction: (height, width).
        target: of the same shape.

    Returns:
        A share in [0, 1]. Both empty: 1.0. One empty: 0.0.

    Raises:
        UsageError: for masks that are not boolean, not two-dimensional or not of one size.
    """
    hit, extra, missed = _counts(prediction, target)
    return _ratio(hit, hit + extra, hit, extra, missed)


def recall(prediction: MaskArray, target: MaskArray) -> float:
    """Measure the share of the target's pixels that were marked (sensitivity).

    Args:
        prediction: (height, width).
        target: of the same shape.

    Returns:
        A share in [0, 1]. Both empty: 1.0. One empty: 0.0.

    Raises:
        UsageError: for masks that are not boolean, not two-dimensional or not of one size.
    """
    hit, extra, missed = _counts(prediction, target)
    return _ratio(hit, hit + missed, hit, extra, missed)


def hausdorff_95(
    prediction: MaskArray, target: MaskArray, spacing_mm: tuple[float, float] = (1.0, 1.0)
) -> float:
    """Measure the 95th percentile of the surface distance, the worse of both directions.

    Huttenlocher 1993, with boundary and percentile as in MONAI.

    Args:
        prediction: (height, width).
        target: of the same shape.
        spacing_mm: height and width of a pixel.

    Returns:
        A distance in mm; in pixels where the spacing is 1. Both empty: 0.0. One empty: inf.

    Raises:
        UsageError: for masks that are not boolean, not two-dimensional or not of one size.
    """
    _check(prediction, target)
    return _percentile_95(boundary_distances(prediction, target, spacing_mm))


def surface_dice(
    prediction: MaskArray,
    target: MaskArray,
    tolerance: float,
    spacing: tuple[float, float] = (1.0, 1.0),
) -> float:
    """Measure the share of both boundaries' pixels that lie near the other boundary.

    Normalised surface Dice (Nikolov 2018), boundary pixels counted as in MONAI.

    Args:
        prediction: (height, width).
        target: of the same shape.
        tolerance: what counts as near, in the spacing's unit.
        spacing: height and width of a pixel.

    Returns:
        A share in [0, 1]. Both empty: 1.0. One empty: 0.0.

    Raises:
        UsageError: for masks that are not boolean, not two-dimensional or not of one size, or a
            negative tolerance.
    """
    _check(prediction, target)
    return _within(boundary_distances(prediction, target, spacing), tolerance)


def case_metrics(
    prediction: MaskArray, target: MaskArray, tolerance_px: float
) -> dict[str, float | int]:
    """Measure everything of one case; the boundaries are measured once.

    Args:
        prediction: (height, width).
        target: of the same shape.
        tolerance_px: of the surface Dice, in pixels.

    Returns:
        Column of cases.csv → number.

    Raises:
        UsageError: for masks that are not boolean, not two-dimensional or not of one size.
    """
    hit, extra, missed = _counts(prediction, target)
    distances = boundary_distances(prediction, target, (1.0, 1.0))
    return {
        "dice": _ratio(2 * hit, 2 * hit + extra + missed, hit, extra, missed),
        "iou": _ratio(hit, hit + extra + missed, hit, extra, missed),
        "precision": _ratio(hit, hit + extra, hit, extra, missed),
        "recall": _ratio(hit, hit + missed, hit, extra, missed),
        "hausdorff_95_px": _percentile_95(distances),
        "surface_dice": _within(distances, tolerance_px),
        "true_positive": hit,
        "false_positive": extra,
        "false_negative": missed,
    }


def pooled(cases: Iterable[Mapping[str, float | int]]) -> dict[str, float]:
    """Measure Dice and IoU over the pixels of all cases together ("micro").

    Large regions weigh more than small ones. It is what the paper's code reports, and not the mean
    over images.

    Args:
        cases: what `case_metrics` gave.

    Returns:
        {"dice_pooled", "iou_pooled"}, in [0, 1].

    Raises:
        UsageError: without a case.
    """
    counts = [
        (int(case["true_positive"]), int(case["false_positive"]), int(case["false_negative"]))
        for case in cases
    ]
    if not counts:
        raise UsageError("no cases to pool", allowed="a pooled measure needs one case or more")
    hit, extra, missed = (sum(column) for column in zip(*counts))
    return {
        "dice_pooled": _ratio(2 * hit, 2 * hit + extra + missed, hit, extra, missed),
        "iou_pooled": _ratio(hit, hit + extra + missed, hit, extra, missed),
    }


def _percentile_95(distances: Distances | None) -> float:
    if distances is None:
        return float("inf")
    return float(max(np.percentile(direction, 95) for direction in distances))


def _within(distances: Distances | None, tolerance: float) -> float:
    # Written so that NaN is refused as well.
    if not tolerance >= 0:
        raise UsageError(f"the tolerance is {tolerance}", allowed="a distance of 0 or more")
    if distances is None:
        return 0.0
    both = np.concatenate(distances)
    # 3 · 0.1 is a hair above 0.3: a distance equal to the tolerance counts.
    return float(np.mean(both <= tolerance + 1e-6))


def _counts(prediction: MaskArray, target: MaskArray) -> tuple[int, int, int]:
    """True positive, false positive and false negative pixels."""
    _check(prediction, target)
    hit = int(np.count_nonzero(prediction & target))
    return hit, int(np.count_nonzero(prediction)) - hit, int(np.count_nonzero(target)) - hit


def _ratio(part: int, whole: int, hit: int, extra: int, missed: int) -> float:
    if hit + extra + missed == 0:
        return 1.0  # both empty
    # Of an empty prediction, the precision would be 0 / 0.
    return part / whole if whole else 0.0


def _check(prediction: MaskArray, target: MaskArray) -> None:
    for name, mask in (("prediction", prediction), ("target", target)):
        if isinstance(mask, np.ndarray) and mask.dtype == np.bool_ and mask.ndim == 2:
            continue
        is_array = isinstance(mask, np.ndarray)
        what = f"{mask.dtype} array of shape {mask.shape}" if is_array else type(mask).__name__
        raise UsageError(
            f"the {name} is a {what}",
            allowed="a mask is a boolean array (height, width)",
            remedy="threshold it: probability >= 0.5",
        )
    if prediction.shape != target.shape:
        raise UsageError(
            f"the prediction is {prediction.shape} and the target {target.shape}",
            allowed="both have the original image's (height, width)",
            remedy="resize the prediction back before measuring",
        )
