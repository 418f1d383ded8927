"""Modules through which a pseudo-image comes into a pretrained encoder."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from saywhere.networks.entry import Adapter, TwoStems
from saywhere.networks.lite import Lite


@pytest.mark.parametrize("in_channels", [2, 6])
def test_the_adapter_passes_the_image_and_nothing_else_at_first(in_channels: int) -> None:
    stack = torch.rand(2, in_channels, 8, 8)
    image = stack[:, : in_channels // 2].expand(2, 3, 8, 8)
    torch.testing.assert_close(Adapter(nn.Identity(), in_channels)(stack), image)


@pytest.mark.parametrize("strategy", ["adapter", "zero"])
def test_some_strategies_leave_the_pretrained_answer_as_it_is(strategy: str) -> None:
    torch.manual_seed(0)
    image, stack = Lite(3).encoder, Lite(6, first_filters=strategy).encoder
    pixels = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        for alone, joined in zip(
            image.eval()(pixels), stack.eval()(torch.cat([pixels, torch.rand(2, 3, 64, 64)], dim=1))
        ):
            torch.testing.assert_close(joined, alone)


def test_two_stems_are_summed_each_with_its_half() -> None:
    stack = torch.rand(2, 6, 8, 8)
    torch.testing.assert_close(
        TwoStems(nn.Identity(), nn.Identity(), 6)(stack), stack[:, :3] + stack[:, 3:]
    )


def test_the_second_stem_hears_the_pseudo_image_from_the_start() -> None:
    encoder = Lite(6, first_filters="stem").encoder.eval()
    pixels = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        first, second = (
            encoder(torch.cat([pixels, pseudo], dim=1))[0] for pseudo in torch.rand(2, 1, 3, 64, 64)
        )
    assert (first - second).abs().max() > 1e-3


@pytest.mark.parametrize("strategy", ["adapter", "stem"])
def test_new_parameters_learn_at_the_full_rate(strategy: str) -> None:
    network = Lite(6, first_filters=strategy)
    pretrained = {id(p) for p in network.pretrained_parameters()}
    new = [
        p
        for name, p in network.encoder.named_parameters()
        if "mix" in name or "pseudo_stem" in name
    ]
    assert new
    assert not {id(p) for p in new} & pretrained
    assert len(pretrained) + len(new) == len(list(network.encoder.parameters()))
