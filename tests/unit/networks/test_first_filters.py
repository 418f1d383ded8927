"""What a pretrained stem does with channels that are no red, green and blue."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from saywhere.errors import UsageError
from saywhere.networks.efficientnet import imagenet_state
from saywhere.networks.first_filters import ChannelMix, TwoStems, widen
from saywhere.networks.lite import Lite

RGB = imagenet_state()["stem.0.weight"]


@pytest.mark.parametrize("in_channels", [1, 2, 3, 6])
@pytest.mark.parametrize("strategy", ["scale", "zero", "tile"])
def test_there_is_a_filter_for_each_channel(in_channels: int, strategy: str) -> None:
    assert widen(RGB, in_channels, strategy).shape == (32, in_channels, 3, 3)


def test_scale_keeps_the_rgb_filters_and_draws_the_rest_at_their_scale() -> None:
    torch.manual_seed(0)
    filters = widen(RGB, 6, "scale")
    assert torch.equal(filters[:, :3], RGB)
    assert filters[:, 3:].std() == pytest.approx(RGB.std().item(), rel=0.1)
    assert filters[:, 3:].mean().abs() < 0.1 * RGB.std()


def test_scale_is_a_function_of_the_seed() -> None:
    draws = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        draws.append(widen(RGB, 6, "scale"))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_tile_repeats_the_rgb_filters_so_that_an_equal_pseudo_image_changes_nothing() -> None:
    pixels = torch.rand(1, 3, 32, 32)
    torch.testing.assert_close(
        torch.nn.functional.conv2d(torch.cat([pixels, pixels], dim=1), widen(RGB, 6, "tile")),
        torch.nn.functional.conv2d(pixels, RGB),
        rtol=1e-4,
        atol=1e-5,
    )


def test_a_grey_image_of_one_channel_is_answered_as_its_rgb_copy() -> None:
    grey = torch.rand(1, 1, 32, 32)
    one, three = (
        torch.nn.functional.conv2d(grey, widen(RGB, 1)),
        torch.nn.functional.conv2d(grey.expand(1, 3, 32, 32), RGB),
    )
    torch.testing.assert_close(one, three, rtol=1e-4, atol=1e-5)


def test_an_unknown_strategy_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"first_filters is 'tiled': did you mean 'tile'\?"):
        widen(RGB, 6, "tiled")


@pytest.mark.parametrize("in_channels", [2, 6])
def test_the_adapter_passes_the_image_and_nothing_else_at_first(in_channels: int) -> None:
    stack = torch.rand(2, in_channels, 8, 8)
    image = stack[:, : in_channels // 2].expand(2, 3, 8, 8)
    torch.testing.assert_close(ChannelMix(nn.Identity(), in_channels)(stack), image)


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
