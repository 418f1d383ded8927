"""A name becomes a network."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch

from saywhere.errors import UsageError
from saywhere.networks.catalogue import CATALOGUE
from saywhere.networks.lite import Lite
from saywhere.networks.registry import NETWORKS, build, has_depth


def test_the_catalogue_that_is_read_without_torch_names_the_same_networks() -> None:
    assert list(CATALOGUE) == list(NETWORKS)


@pytest.mark.parametrize("name", CATALOGUE)
@pytest.mark.parametrize("in_channels", [3, 6])
def test_the_catalogue_gives_each_network_its_true_number_of_parameters(
    name: str, in_channels: int
) -> None:
    with torch.device("meta"):
        network = build(name, in_channels=in_channels, pretrained=False)
    assert sum(parameter.numel() for parameter in network.parameters()) == getattr(
        CATALOGUE[name], f"parameters_{in_channels}_channels"
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_width_makes_any_network_smaller(name: str) -> None:
    with torch.device("meta"):
        narrow, full = (
            build(name, in_channels=3, width=width, pretrained=False) for width in (8, 64)
        )
    assert sum(p.numel() for p in narrow.parameters()) < sum(p.numel() for p in full.parameters())


@pytest.mark.parametrize("name", [name for name in NETWORKS if has_depth(name)])
def test_depth_makes_a_network_that_has_the_scale_smaller(name: str) -> None:
    with torch.device("meta"):
        shallow, full = (
            build(name, in_channels=3, depth=depth, pretrained=False) for depth in (0.5, 1.0)
        )
    assert sum(p.numel() for p in shallow.parameters()) < sum(p.numel() for p in full.parameters())


@pytest.mark.parametrize("name", ["lite", "monai:SegResNet"])
def test_a_network_without_a_depth_scale_says_so_and_which_have_one(name: str) -> None:
    assert not has_depth(name)
    deep = ", ".join(other for other in NETWORKS if has_depth(other))
    assert deep.startswith("unet, ")
    with pytest.raises(
        UsageError,
        match=rf"depth is 0\.5, but {name} has no depth scale; these have one: {deep}",
    ):
        build(name, in_channels=3, depth=0.5, pretrained=False)


@pytest.mark.parametrize("depth", [0.0, -1.0, 2.1, float("nan")])
def test_a_depth_that_is_no_share_is_refused(depth: float) -> None:
    with pytest.raises(
        UsageError, match=r"a network of depth .*; it is a share above 0 and up to 2"
    ):
        build("unet", in_channels=3, depth=depth)


@pytest.mark.parametrize("name", ["unet", "lite", "monai:SegResNet"])
def test_a_file_of_weights_for_a_network_that_reads_none_is_refused(name: str) -> None:
    with pytest.raises(
        UsageError,
        match=rf"network\.weights is 'vit\.npz', but {name} reads no such file; "
        "only transunet does",
    ):
        build(name, in_channels=3, weights=Path("vit.npz"))


def test_monai_is_reached_by_its_prefix() -> None:
    assert type(build("monai:SegResNet", in_channels=6, width=8).module).__name__ == "SegResNet"


def test_options_reach_the_network() -> None:
    network = build("lite", in_channels=6, first_filters="zero")
    assert not network.encoder.stem[0].weight[:, 3:].any()
    assert len(network.pretrained_parameters()) == len(list(network.encoder.parameters()))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("unet", {"first_filters": "zero"}),
        ("transunet", {"first_filters": "tile"}),
        ("monai:SegResNet", {"first_filters": "adapter"}),
        ("lite", {"first_filters": "zero", "pretrained": False}),
        ("unet", {"first_filters": "nonsense"}),
    ],
)
def test_first_filters_where_they_would_change_nothing_are_refused(
    name: str, options: dict[str, Any]
) -> None:
    rule = (
        f"first_filters is '{options['first_filters']}', but {name} starts without "
        "pretrained filters here; it would change nothing: leave"
    )
    with pytest.raises(UsageError, match=rule):
        build(name, in_channels=6, **options)


def test_left_out_they_are_zero_and_what_older_runs_wrote_for_every_network_is_taken() -> None:
    assert not build("lite", in_channels=6).encoder.stem[0].weight[:, 3:].any()
    assert build("unet", in_channels=6, width=4, first_filters="scale")


@pytest.mark.parametrize("pretrained", [True, False])
def test_first_filters_that_are_none_are_refused_with_the_nearest(pretrained: bool) -> None:
    with pytest.raises(UsageError, match="first_filters is 'adaptor': did you mean 'adapter'"):
        Lite(6, pretrained=pretrained, first_filters="adaptor")


@pytest.mark.parametrize("first_filters", ["adapter", "stem"])
def test_first_filters_that_are_modules_need_no_pretrained_weights(first_filters: str) -> None:
    assert build("lite", in_channels=6, pretrained=False, first_filters=first_filters)


def test_a_restored_network_is_not_asked_what_it_started_from() -> None:
    for name in ("lite", "unet"):
        assert (
            build(
                name, in_channels=6, first_filters="zero", weights=Path("gone.npz"), restored=True
            ).pretrained_parameters()
            == []
        )


def test_no_network_is_imported_from_a_path() -> None:
    with pytest.raises(UsageError, match=r"no network is called 'os\.system'"):
        build("os.system", in_channels=3)


def test_a_misspelt_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="no network is called 'unett': did you mean"):
        build("unett", in_channels=3)


def test_no_channels_or_no_width_is_refused() -> None:
    with pytest.raises(UsageError, match="in_channels 0 and width 64; both are at least 1"):
        build("unet", in_channels=0)


def test_every_option_of_build_is_a_keyword() -> None:
    kinds = {
        parameter.kind
        for name, parameter in inspect.signature(build).parameters.items()
        if name != "name"
    }
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}
