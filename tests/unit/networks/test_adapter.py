"""Any module is held to the contract of a network."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from saywhere.errors import MissingExtra, UsageError
from saywhere.networks import adapter
from saywhere.networks.adapter import Adapter, monai_network


class Deep(nn.Module):
    """As networks with deep supervision do: a list of logits, the final ones last."""

    def __init__(self) -> None:
        super().__init__()
        self.early, self.final = nn.Conv2d(3, 1, 1), nn.Conv2d(3, 1, 1)

    def forward(self, stack: Tensor) -> list[Tensor]:
        return [self.early(stack), self.final(stack)]


def test_a_module_of_ones_own_answers_as_it_does_alone() -> None:
    module, stack = nn.Conv2d(6, 1, 3, padding=1), torch.rand(2, 6, 33, 40)
    assert torch.equal(Adapter(module, 6)(stack), module(stack))


def test_of_several_outputs_the_last_is_taken() -> None:
    module, stack = Deep(), torch.rand(1, 3, 8, 8)
    assert torch.equal(Adapter(module, 3)(stack), module.final(stack))


def test_what_the_module_says_of_itself_is_passed_on() -> None:
    module = nn.Conv2d(3, 1, 1)
    module.multiple, module.image_mean, module.pretrained_parameters = 4, (0.1, 0.2, 0.3), lambda: [module.weight]
    network = Adapter(module, 3)
    assert (network.multiple, network.image_mean) == (4, (0.1, 0.2, 0.3))
    assert network.pretrained_parameters()[0] is module.weight
    with pytest.raises(UsageError, match=r"\(1, 3, 8, 9\) in Conv2d; height and width must be at least 4 px and multiples of 4: try 8×8"):
        network(torch.rand(1, 3, 8, 9))


def test_a_wrong_output_shape_is_named_with_the_right_one() -> None:
    with pytest.raises(UsageError, match=r"an output of shape \(2, 2, 16, 16\) in Conv2d; it must be one logit a pixel, \(2, 1, 16, 16\): build"):
        Adapter(nn.Conv2d(3, 2, 1), 3)(torch.rand(2, 3, 16, 16))
    with pytest.raises(UsageError, match="an output of type list"):
        Adapter(Nothing(), 3)(torch.rand(2, 3, 16, 16))


class Nothing(nn.Module):
    """A module with an empty answer."""

    def forward(self, stack: Tensor) -> list[Tensor]:
        return []


@pytest.mark.parametrize("name", ["UNet", "AttentionUnet", "BasicUNet", "BasicUNetPlusPlus", "DynUNet", "FlexibleUNet"])
def test_a_monai_network_takes_its_smallest_side_and_the_next_allowed_one(name: str) -> None:
    network = monai_network(name, in_channels=6, width=4).eval()
    for side in (network.smallest, network.smallest + network.multiple):
        with torch.no_grad():
            assert network(torch.rand(1, 6, side, side)).shape == (1, 1, side, side)


def test_a_misspelt_monai_network_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"MONAI has no network 'SegResnet': did you mean 'SegResNet'"):
        monai_network("SegResnet", 3)


def test_a_name_in_monai_that_is_no_network_is_refused() -> None:
    with pytest.raises(UsageError, match="MONAI has no network 'np'"):
        monai_network("np", 3)


def test_a_monai_network_that_needs_more_than_a_name_says_how_to_bring_it() -> None:
    with pytest.raises(UsageError, match=r"UNETR cannot be built from a name .*img_size.*Adapter\(module, in_channels\)"):
        monai_network("UNETR", 3)


def test_a_missing_package_is_named_before_the_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"SwinUNETR needs einops.*pip install einops"):
        monai_network("SwinUNETR", 3)
