"""Statistics of a network's maps: right numbers, an unchanged answer, every network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from saywhere.modeling.stage_statistics import staged_network, watch
from saywhere.networks.registry import NETWORKS
from saywhere.types import FeatureEdit, Stages, unedited


class Doubling(nn.Module):
    def forward(self, stack: Tensor, edit: FeatureEdit = unedited) -> Tensor:
        return edit("twice", stack * 2).sum(1, keepdim=True)

    def stages(self) -> Stages:
        return Stages("twice", ())


def test_mean_and_deviation_of_each_channel_and_of_the_image() -> None:
    network = Doubling()
    image = torch.rand(3, 2, 4, 5)
    with watch(network) as statistics:
        network(image)
    mean = image.mean((2, 3))
    deviation = image.std((2, 3), correction=0)
    expected = torch.cat([mean, deviation, 2 * mean, 2 * deviation], dim=1)
    torch.testing.assert_close(statistics.features(), expected)


def test_another_edit_goes_first_and_both_forms_of_the_argument_count() -> None:
    network = Doubling()
    image = torch.ones(1, 1, 2, 2)

    def add_one(stage: str, feature: Tensor) -> Tensor:
        return feature + 1

    for call in (lambda: network(image, add_one), lambda: network(image, edit=add_one)):
        with watch(network) as statistics:
            answer = call()
        assert answer.unique().tolist() == [3.0]
        assert statistics.maps["twice"].tolist() == [[3.0, 0.0]]


def test_the_first_of_several_passes_counts_and_nothing_is_left_behind() -> None:
    network = Doubling()
    with watch(network) as statistics:
        network(torch.ones(1, 1, 2, 2))
        network(torch.zeros(1, 1, 2, 2))
    assert statistics.maps["twice"].tolist() == [[2.0, 0.0]]
    assert not network._forward_pre_hooks


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_network_hands_out_its_maps_and_answers_the_same(name: str) -> None:
    torch.manual_seed(0)
    kind = NETWORKS[name]
    network = kind(2, width=8).eval()
    stack = torch.rand(1, 2, 64, 64)
    with torch.inference_mode():
        before = network(stack)
        with watch(network) as statistics:
            after = network(stack)
    assert torch.equal(before, after)
    assert statistics.features().isfinite().all()
    assert len(statistics.maps) >= 3


def test_a_network_without_stages_has_none() -> None:
    assert staged_network(nn.Sequential(nn.Conv2d(2, 1, 1))) is None
    assert isinstance(staged_network(nn.Sequential(nn.Identity(), Doubling())), Doubling)
