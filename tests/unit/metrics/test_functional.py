"""Measures of one case, against scikit-learn, MONAI and scipy's distance transform."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.ndimage import binary_erosion, distance_transform_edt, gaussian_filter
from scipy.spatial.distance import directed_hausdorff
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from saywhere.errors import UsageError
from saywhere.metrics import boundaries
from saywhere.metrics.functional import (
    case_metrics,
    dice,
    hausdorff_95,
    iou,
    pooled,
    precision,
    recall,
    surface_dice,
)

EMPTY = np.zeros((7, 9), bool)
FULL = np.ones((7, 9), bool)
OVERLAPS = {dice: f1_score, iou: jaccard_score, precision: precision_score, recall: recall_score}
PAIRS = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12).flatmap(
    lambda shape: st.tuples(arrays(bool, shape), arrays(bool, shape))
)


def blobs(n: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of irregular masks of varied size that overlap partly; some touch the frame's edge."""
    random = np.random.default_rng(seed)
    pairs: list[tuple[np.ndarray, np.ndarray]] = []
    while len(pairs) < n:
        field = gaussian_filter(random.normal(size=(48, 64)), 4)
        other = field + 0.5 * gaussian_filter(random.normal(size=(48, 64)), 4)
        cut = np.quantile(field, random.uniform(0.5, 0.98))
        if (
            other > cut
        ).any():  # MONAI answers NaN for an empty mask; our choice has a test of its own
            pairs.append((other > cut, field > cut))
    return pairs


def both_ways(
    prediction: np.ndarray, target: np.ndarray, spacing: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Boundary distances from scipy's erosion and distance transform of the whole frame."""
    ours, theirs = (mask & ~binary_erosion(mask) for mask in (prediction, target))
    return distance_transform_edt(~theirs, sampling=spacing)[ours], distance_transform_edt(
        ~ours, sampling=spacing
    )[theirs]


@pytest.mark.parametrize("measure", OVERLAPS, ids=lambda measure: measure.__name__)
@given(pair=PAIRS)
@settings(max_examples=100, deadline=None)
def test_overlaps_agree_with_scikit_learn(
    measure: Callable[..., float], pair: tuple[np.ndarray, np.ndarray]
) -> None:
    prediction, target = pair
    zero_division = 0.0 if prediction.any() or target.any() else 1.0
    expected = OVERLAPS[measure](target.ravel(), prediction.ravel(), zero_division=zero_division)
    assert measure(prediction, target) == pytest.approx(expected, abs=1e-12)


@given(
    pair=PAIRS, spacing=st.tuples(st.floats(0.1, 3), st.floats(0.1, 3)), tolerance=st.floats(0, 4)
)
@settings(max_examples=100, deadline=None)
def test_boundary_measures_agree_with_scipys_distance_transform(
    pair: tuple[np.ndarray, np.ndarray], spacing: tuple[float, float], tolerance: float
) -> None:
    prediction, target = pair
    if not prediction.any() or not target.any():
        return
    there, back = both_ways(prediction, target, spacing)
    assert hausdorff_95(prediction, target, spacing) == pytest.approx(
        max(np.percentile(there, 95), np.percentile(back, 95)), rel=1e-9
    )
    distances = np.concatenate([there, back])
    if np.abs(distances - tolerance).min() > 1e-5:
        assert surface_dice(prediction, target, tolerance, spacing) == pytest.approx(
            np.mean(distances <= tolerance), abs=1e-12
        )


def agree_with_monai(
    pairs: list[tuple[np.ndarray, np.ndarray]], spacing: tuple[float, float]
) -> None:
    import torch
    from monai.metrics import compute_hausdorff_distance, compute_surface_dice
    from monai.metrics.utils import get_edge_surface_distance

    for prediction, target in pairs:
        tensors = [torch.from_numpy(mask)[None, None] for mask in (prediction, target)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # MONAI warns of its own deprecations
            distance = float(
                compute_hausdorff_distance(
                    *tensors, include_background=True, percentile=95, spacing=spacing
                )
            )
            _, directions, _ = get_edge_surface_distance(
                *(t[0, 0] for t in tensors), spacing=list(spacing), symmetric=True
            )
            surface = float(
                compute_surface_dice(
                    *tensors, class_thresholds=[2.1], include_background=True, spacing=spacing
                )
            )
        # MONAI's number is this formula in float32, whose coarse rank moves it (1.4e-4 px at most
        # on 5,000 masks); ours is the same formula in float64.
        assert distance == max(float(torch.quantile(direction, 0.95)) for direction in directions)
        exact = max(float(torch.quantile(direction.double(), 0.95)) for direction in directions)
        assert hausdorff_95(prediction, target, spacing) == pytest.approx(exact, rel=1e-6, abs=1e-6)
        assert surface_dice(prediction, target, 2.1, spacing) == pytest.approx(surface, abs=1e-6)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.7, 1.3)])
def test_boundary_measures_agree_with_monai(spacing: tuple[float, float]) -> None:
    agree_with_monai(blobs(40, seed=0), spacing)


@pytest.mark.slow
def test_boundary_measures_agree_with_monai_on_5000_masks() -> None:
    agree_with_monai(blobs(5000, seed=1), (1.0, 1.0))


@pytest.mark.parametrize("dense", [0.0, 1e9], ids=["distance transform", "tree"])
@given(pair=PAIRS, spacing=st.tuples(st.floats(0.1, 3), st.floats(0.1, 3)))
@settings(max_examples=100, deadline=None)
def test_either_way_to_the_nearest_boundary_gives_the_same_distances(
    dense: float, pair: tuple[np.ndarray, np.ndarray], spacing: tuple[float, float]
) -> None:
    """Whichever is faster for a pair of masks; the frame's edge, whole and single pixels too."""
    prediction, target = pair
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boundaries, "DENSE", dense)
        found = boundaries.boundary_distances(prediction, target, spacing)
    if not prediction.any() or not target.any():
        both = not prediction.any() and not target.any()
        assert (found is not None) == both
        return
    assert found is not None
    for ours, theirs in zip(found, both_ways(prediction, target, spacing)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)
    boundary = [np.argwhere(mask & ~binary_erosion(mask)) * spacing for mask in pair]
    farthest = [directed_hausdorff(*boundary)[0], directed_hausdorff(*boundary[::-1])[0]]
    assert [direction.max() for direction in found] == pytest.approx(farthest)


def test_a_distance_equal_to_the_tolerance_counts_in_spite_of_rounding() -> None:
    target = np.zeros((9, 9), bool)
    target[4, 1] = True
    prediction = np.roll(target, 3, axis=1)
    assert 3 * 0.1 > 0.3
    assert surface_dice(prediction, target, 0.3, (0.1, 0.1)) == 1.0
    assert surface_dice(prediction, target, 0.29, (0.1, 0.1)) == 0.0


@pytest.mark.parametrize(
    ("prediction", "target", "overlap", "distance"),
    [
        (EMPTY, EMPTY, 1.0, 0.0),
        (EMPTY, FULL, 0.0, np.inf),
        (FULL, EMPTY, 0.0, np.inf),
        (FULL, FULL, 1.0, 0.0),
    ],
    ids=["both empty", "empty prediction", "empty target", "both full"],
)
def test_empty_and_full_masks_are_a_documented_choice(
    prediction: np.ndarray, target: np.ndarray, overlap: float, distance: float
) -> None:
    metrics = case_metrics(prediction, target, tolerance_px=2)
    for name in ("dice", "iou", "precision", "recall", "surface_dice"):
        assert metrics[name] == overlap, name
    assert metrics["hausdorff_95_px"] == distance == hausdorff_95(prediction, target)
    assert surface_dice(prediction, target, 2) == overlap


def test_case_metrics_are_the_single_measures_by_the_columns_names() -> None:
    prediction, target = blobs(1, seed=3)[0]
    metrics = case_metrics(prediction, target, tolerance_px=2)
    columns = (
        "dice iou precision recall hausdorff_95_px surface_dice "
        "true_positive false_positive false_negative"
    )
    assert list(metrics) == columns.split()
    for measure in OVERLAPS:
        assert metrics[measure.__name__] == measure(prediction, target)
    assert metrics["hausdorff_95_px"] == hausdorff_95(prediction, target)
    assert metrics["surface_dice"] == surface_dice(prediction, target, 2)


def test_pooled_measures_are_scikit_learns_over_all_pixels_at_once() -> None:
    pairs = [*blobs(5, seed=1), (EMPTY, FULL)]
    prediction = np.concatenate([pair[0].ravel() for pair in pairs])
    target = np.concatenate([pair[1].ravel() for pair in pairs])
    cases = [case_metrics(*pair, tolerance_px=2) for pair in pairs]
    both = pooled(cases)
    assert both["dice_pooled"] == pytest.approx(f1_score(target, prediction), abs=1e-12)
    assert both["iou_pooled"] == pytest.approx(jaccard_score(target, prediction), abs=1e-12)
    assert both["dice_pooled"] != pytest.approx(np.mean([case["dice"] for case in cases]), abs=0.01)


def test_pooling_empty_masks_is_agreement_and_pooling_nothing_is_an_error() -> None:
    assert pooled([case_metrics(EMPTY, EMPTY, 2)]) == {"dice_pooled": 1.0, "iou_pooled": 1.0}
    with pytest.raises(UsageError, match="no cases to pool"):
        pooled([])


@pytest.mark.parametrize(
    ("prediction", "target", "message"),
    [
        (
            EMPTY.astype(float),
            EMPTY,
            r"prediction is a float64 array of shape \(7, 9\).*boolean.*threshold",
        ),
        (EMPTY, EMPTY[None], r"target is a bool array of shape \(1, 7, 9\)"),
        (EMPTY, EMPTY.tolist(), "target is a list"),
        (EMPTY, EMPTY.T, r"prediction is \(7, 9\) and the target \(9, 7\).*resize"),
    ],
)
@pytest.mark.parametrize(
    "measure",
    [dice, hausdorff_95, lambda p, t: surface_dice(p, t, 2), lambda p, t: case_metrics(p, t, 2)],
)
def test_a_mask_that_is_none_is_refused_with_what_is_allowed(
    measure: Callable, prediction: object, target: object, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        measure(prediction, target)


@pytest.mark.parametrize("tolerance", [-1.0, float("nan")])
def test_a_tolerance_is_a_distance(tolerance: float) -> None:
    with pytest.raises(UsageError, match="the tolerance is"):
        surface_dice(FULL, FULL, tolerance)
