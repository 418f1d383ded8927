"""Boundary measures beside MONAI's own loop."""

from __future__ import annotations

import pytest

from saywhere.bench.boundary_distances import measured


@pytest.mark.parametrize("kind", ["one lesion", "ragged"])
def test_boundary_measures_take_at_most_a_third_of_monais_time(kind: str) -> None:
    """With equal values; it is the processor's time, in one thread: load moves it little."""
    found = measured(kind, 6, (265, 311))
    assert found["hausdorff_95_differs_px"] < 2e-4  # MONAI's rank is a float32
    assert found["surface_dice_differs"] < 1e-6
    assert found["ratio"] >= 3
