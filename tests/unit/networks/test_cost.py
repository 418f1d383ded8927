"""Costs agree with those that were published or measured elsewhere."""

from __future__ import annotations

import pytest
from monai.networks.nets import SegResNet

from saywhere.errors import UsageError
from saywhere.networks.cost import cost

# Measured on the public code with torch's counter
PUBLISHED = {
    ("unet", 3): 73.756,
    ("unet", 6): 73.930,
    ("unetpp", 3): 211.044,
    ("unetpp", 6): 211.218,
    ("transunet", 3): 58.336,
    ("transunet", 6): 58.572,
}


@pytest.mark.parametrize(("name", "in_channels"), PUBLISHED)
def test_arithmetic_is_that_of_the_published_network(name: str, in_channels: int) -> None:
    assert cost(name, in_channels).gflop == pytest.approx(PUBLISHED[name, in_channels], abs=6e-4)


def test_missformer_costs_what_the_published_one_does_without_computing_a_layer_twice() -> None:
    """The public code evaluates the first linear layer (c → 4c) of each MLP twice: encoder 2,
    decoder 2 (but the deepest), bridge 4 a scale.
    """
    wasted = {(56, 64): 2 + 2 + 4, (28, 128): 2 + 2 + 4, (14, 320): 2 + 2 + 4, (7, 512): 2 + 4}
    gflop = sum(2 * side**2 * n * 4 * n * times for (side, n), times in wasted.items()) / 1e9
    assert cost("missformer", 3).gflop == pytest.approx(19.490 - gflop, abs=1e-3)


def test_lite_costs_a_forty_fifth_of_unet() -> None:
    assert cost("lite", 3).gflop == pytest.approx(1.64, abs=0.006)


def test_a_monai_network_is_counted_too() -> None:
    alone = SegResNet(spatial_dims=2, init_filters=8, in_channels=3, out_channels=1)
    assert cost("monai:SegResNet", 3, width=8).parameters == sum(
        parameter.numel() for parameter in alone.parameters()
    )


def test_a_network_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="no network is called 'lit'"):
        cost("lit", 3)
