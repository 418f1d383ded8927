"""Equal configuration and seed give equal weights; the prompt has an effect before any step."""

from __future__ import annotations

import pytest
import torch

from saywhere.config import Config
from saywhere.errors import MissingExtra, UsageError
from saywhere.modeling.build import build_model, check_network
from saywhere.modeling.image_only import ImageSegmenter
from saywhere.modeling.referring import ReferringSegmenter
from saywhere.networks import adapter, registry
from saywhere.text.whitening import EmbeddingScale
from saywhere.training.setup import gather


def test_equal_seeds_give_equal_weights_and_others_do_not(config: Config) -> None:
    first, again, other = (
        build_model(c, EmbeddingScale(384, 20)).state_dict()
        for c in (config, config, config.replace(**{"train.seed": 1}))
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_the_global_random_state_makes_no_difference(config: Config) -> None:
    first = build_model(config, EmbeddingScale(384, 20)).state_dict()
    torch.rand(7)
    again = build_model(config, EmbeddingScale(384, 20)).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_the_default_start_lets_the_words_show_before_the_first_step(config: Config) -> None:
    material = gather(config)
    spreads = {}
    for start in ("unit-variance", "default"):
        model = build_model(
            config.replace(**{"fusion.start": start}), material.scale, material.table.embeddings
        )
        assert isinstance(model, ReferringSegmenter)
        spreads[start] = float(
            model.generate(material.table.embeddings).detach().std(0, correction=0).mean()
        )
    assert spreads["unit-variance"] >= 0.05
    assert spreads["default"] < 0.01


def test_the_network_gets_the_depth(config: Config) -> None:
    levels = {
        depth: len(
            build_model(
                config.replace(**{"network.depth": depth}), EmbeddingScale(384, 20)
            ).network.down
        )
        for depth in (0.25, 1.0)
    }
    assert levels == {0.25: 1, 1.0: 4}


@pytest.mark.parametrize(
    ("fusion", "channels", "stacked"),
    [("early", 3, 6), ("early", 1, 2), ("none", 3, 3), ("none", 1, 1)],
)
def test_the_network_gets_the_stacks_channels(
    config: Config, fusion: str, channels: int, stacked: int
) -> None:
    built = build_model(
        config.replace(**{"fusion.name": fusion, "data.channels": channels}),
        EmbeddingScale(384, 384),
    )
    first = next(
        module for module in built.network.modules() if isinstance(module, torch.nn.Conv2d)
    )
    assert first.in_channels == stacked
    assert isinstance(built, ImageSegmenter) == (fusion == "none")
    assert built(torch.rand(2, channels, 32, 32), torch.rand(2, 384)).logits.shape == (2, 1, 32, 32)


def test_normalisation_is_per_half_and_grey_takes_the_colours_mean(config: Config) -> None:
    changes = {
        "data.channels": 1,
        "normalize.image_mean": [0.2, 0.4, 0.6],
        "normalize.image_std": [0.5],
        "normalize.pseudo_mean": 0.1,
    }
    normalize = build_model(config.replace(**changes), EmbeddingScale(384, 384)).normalize
    stack = torch.tensor([0.4, 0.1]).reshape(1, 2, 1, 1)
    assert normalize(stack).abs().max() < 1e-6  # both halves are at their means


def test_words_without_a_scale_are_refused(config: Config) -> None:
    with pytest.raises(UsageError, match="a model with words, and no scale"):
        build_model(config, None)


@pytest.mark.parametrize(
    ("name", "size", "reason"),
    [
        ("monai:Nope", 32, "MONAI has no network 'Nope': did you mean"),
        ("monai:EfficientNet", 32, "EfficientNet cannot be built from a name"),
        ("monai:DenseNet121", 32, r"DenseNet121 (gives no logit a pixel|cannot be built)"),
        ("monai:UNETR", 72, r"the size must be a multiple of 16: try data\.size=64"),
        (
            "monai:SwinUNETR",
            72,
            r"data\.size is 72 in a training of monai:SwinUNETR; "
            "height and width must be at least 64 px and multiples of 32: try 64×64",
        ),
        (
            "transunet",
            40,
            r"data\.size is 40 in a training of transunet; "
            "height and width must be at least 32 px and multiples of 16: try 32×32",
        ),
        ("missformer", 48, r"data\.size is 48 .* multiples of 32"),
    ],
)
def test_a_network_that_cannot_be_trained_is_refused_before_the_images_are_read(
    config: Config, name: str, size: int, reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        check_network(
            config.replace(**{"network.name": name, "network.width": 12, "data.size": size})
        )


def test_a_package_that_a_network_lacks_is_named_before_the_images_are_read(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"SwinUNETR needs einops"):
        check_network(config.replace(**{"network.name": "monai:SwinUNETR", "data.size": 64}))


class Counting(torch.nn.Module):
    """Somebody's own, whose constructor reads a number off a tensor."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(in_channels, int(torch.ones(1).item()), 1)


def test_a_network_that_shapes_alone_cannot_build_passes(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.NETWORKS, "counting", Counting)
    check_network(config.replace(**{"network.name": "counting"}))


@pytest.mark.parametrize("name", ["unet", "lite", "transunet", "missformer", "monai:UNETR"])
def test_the_check_draws_no_random_numbers(config: Config, name: str) -> None:
    before = torch.get_rng_state()
    check_network(config.replace(**{"network.name": name, "network.width": 64}))
    assert torch.equal(torch.get_rng_state(), before)
