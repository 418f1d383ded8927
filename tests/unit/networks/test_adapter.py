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
    module = nn.Conv2d(6, 1, 3, padding=1)
    stack = torch.rand(2, 6, 33, 40)
    assert torch.equal(Adapter(module, 6)(stack), module(stack))


def test_of_several_outputs_the_last_is_taken() -> None:
    module = Deep()
    stack = torch.rand(1, 3, 8, 8)
    assert torch.equal(Adapter(module, 3)(stack), module.final(stack))


def test_what_the_module_says_of_itself_is_passed_on() -> None:
    module = nn.Conv2d(3, 1, 1)
    module.multiple = 4
    module.image_mean = (0.1, 0.2, 0.3)
    module.pretrained_parameters = lambda: [module.weight]
    network = Adapter(module, 3)
    assert (network.multiple, network.image_mean) == (4, (0.1, 0.2, 0.3))
    assert network.pretrained_parameters()[0] is module.weight
    with pytest.raises(
        UsageError,
        match=r"\(1, 3, 8, 9\) in Conv2d; "
        "height and width must be at least 4 px and multiples of 4: try 8×8",
    ):
        network(torch.rand(1, 3, 8, 9))


def test_a_wrong_output_shape_is_named_with_the_right_one() -> None:
    with pytest.raises(
        UsageError,
        match=r"an output of shape \(2, 2, 16, 16\) in Conv2d; "
        r"it must be one logit a pixel, \(2, 1, 16, 16\): build",
    ):
        Adapter(nn.Conv2d(3, 2, 1), 3)(torch.rand(2, 3, 16, 16))
    with pytest.raises(UsageError, match="an output of type list"):
        Adapter(Nothing(), 3)(torch.rand(2, 3, 16, 16))


class Nothing(nn.Module):
    """A module with an empty answer."""

    def forward(self, stack: Tensor) -> list[Tensor]:
        return []


@pytest.mark.parametrize(
    "name",
    [
        "UNet",
        "AttentionUnet",
        "BasicUNet",
        "BasicUNetPlusPlus",
        "DynUNet",
        "FlexibleUNet",
        "SwinUNETR",
    ],
)
def test_a_monai_network_takes_its_smallest_side_and_the_next_allowed_one(name: str) -> None:
    network = monai_network(name, in_channels=6, width=4).eval()
    for side in (network.smallest, network.smallest + network.multiple):
        with torch.no_grad():
            assert network(torch.rand(1, 6, side, side)).shape == (1, 1, side, side)


def test_a_misspelt_monai_network_is_refused_with_the_nearest() -> None:
    with pytest.raises(
        UsageError, match=r"MONAI has no network 'SegResnet': did you mean 'SegResNet'"
    ):
        monai_network("SegResnet", 3)


def test_a_name_in_monai_that_is_no_network_is_refused() -> None:
    with pytest.raises(UsageError, match="MONAI has no network 'np'"):
        monai_network("np", 3)


def test_a_monai_network_that_needs_more_than_a_name_says_how_to_bring_it() -> None:
    with pytest.raises(
        UsageError,
        match=r"SegResNetVAE cannot be built from a name .*input_image_size.*"
        r"Adapter\(module, in_channels\)",
    ):
        monai_network("SegResNetVAE", 3)


@pytest.mark.parametrize("in_channels", [3, 6])
def test_a_network_for_pictures_of_one_size_is_built_for_that_size(in_channels: int) -> None:
    network = monai_network("UNETR", in_channels, width=4, size=48)
    assert network(torch.rand(1, in_channels, 48, 48)).shape == (1, 1, 48, 48)
    for side, rule in (
        (64, "at most 48 px: try 48×48"),
        (32, "at least 48 px and multiples of 16: try 48×48"),
    ):
        with pytest.raises(UsageError, match=rule):
            network(torch.rand(1, in_channels, side, side))


def test_a_network_for_pictures_of_one_size_says_which_it_takes() -> None:
    with pytest.raises(
        UsageError, match="UNETR is made for pictures of one size, and no size is given"
    ):
        monai_network("UNETR", 3)
    with pytest.raises(
        UsageError, match=r"UNETR for 72 px; the size must be a multiple of 16: try data\.size=64"
    ):
        monai_network("UNETR", 3, size=72)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("SegResNetDS2", "an output of type tuple"),
        ("DenseNet121", r"an output of shape \(1, 1\)"),
        ("DiffusionModelUNet", "missing .* 'timesteps'"),
        ("BertPreTrainedModel", "forward"),
    ],
)
def test_what_is_no_segmentation_network_is_refused_when_it_is_built(
    name: str, reason: str
) -> None:
    with pytest.raises(
        UsageError,
        match=rf"MONAI's {name} (gives no logit a pixel of a picture of 64×64 px|"
        rf"cannot be built from a name) \(.*{reason}.*Adapter",
    ):
        monai_network(name, 3, size=64)


def test_trying_a_network_leaves_the_random_state_and_the_network_as_they_were() -> None:
    states = []
    for size in (None, 64):
        torch.manual_seed(0)
        network = monai_network("HighResNet", 3, size=size)
        states.append(
            (
                torch.rand(1).item(),
                network.training,
                {name: value.clone() for name, value in network.state_dict().items()},
            )
        )
    assert states[0][:2] == states[1][:2]
    assert all(torch.equal(value, states[1][2][name]) for name, value in states[0][2].items())


@pytest.mark.parametrize("name", ["SwinUNETR", "UNETR", "AttentionUnet", "BasicUNetPlusPlus"])
def test_its_shapes_are_known_without_memory(name: str) -> None:
    with torch.device("meta"):
        network = monai_network(name, 3, width=12, size=64)
    assert all(parameter.is_meta for parameter in network.parameters())


def test_a_missing_package_is_named_before_the_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "find_spec", lambda name: None)
    with pytest.raises(
        MissingExtra, match=r"SwinUNETR needs einops.*pip install 'saywhere\[monai\]'"
    ):
        monai_network("SwinUNETR", 3)
