"""The pseudo-image: its size, its parameters, and that words show in it before the first step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from place_prompts import MEANING, PROMPTS
from saywhere.config import Config
from saywhere.fusion.generator import Generator, start_unit_variance
from saywhere.fusion.projection import Projection
from saywhere.fusion.stack import spread
from saywhere.text.whitening import EmbeddingScale, fit


@pytest.fixture(scope="module")
def vectors(minilm: Any) -> np.ndarray:
    return minilm.embed(PROMPTS)


def text_branch(scale: EmbeddingScale, config: Config) -> tuple[Projection, Generator]:
    torch.manual_seed(config.train.seed)
    side = config.data.size // 8
    return Projection(config.fusion.projection, scale.dims[1], (side, side)), Generator(
        config.data.channels
    )


@pytest.mark.parametrize(("channel", "n_parameters"), [(3, 2_715), (1, 2_457)])
def test_parameter_counts_are_the_papers(channel: int, n_parameters: int) -> None:
    assert sum(parameter.numel() for parameter in Generator(channel).parameters()) == n_parameters


@pytest.mark.parametrize("size", [224, 112, 96])
@pytest.mark.parametrize("channel", [1, 3])
def test_the_pseudo_image_has_the_images_size(size: int, channel: int) -> None:
    pseudo_image = Generator(channel)(
        Projection("mlp", 5, (size // 8, size // 8))(torch.randn(2, 5))
    )
    assert pseudo_image.shape == (2, channel, size, size)
    assert pseudo_image.min() >= 0
    assert pseudo_image.max() <= 1


def test_it_is_three_transposed_convolutions_and_a_sigmoid() -> None:
    generator = Generator(3)
    seed_grid = torch.randn(2, 1, 4, 5)
    first, second, third = (
        layer for layer in generator.layers if isinstance(layer, nn.ConvTranspose2d)
    )
    value: Tensor = seed_grid
    for layer in (first, second, third):
        value = torch.nn.functional.conv_transpose2d(
            value, layer.weight, layer.bias, stride=2, padding=1
        )
        value = value.relu() if layer is not third else value.sigmoid()
    torch.testing.assert_close(generator(seed_grid), value)
    assert [tuple(layer.weight.shape) for layer in (first, second, third)] == [
        (1, 16, 4, 4),
        (16, 8, 4, 4),
        (8, 3, 4, 4),
    ]


@pytest.mark.parametrize("projection_name", ["mlp", "linear"])
def test_the_default_configs_words_show_before_the_first_step_and_pytorchs_start_is_deaf(
    vectors: np.ndarray, projection_name: str
) -> None:
    config = Config().replace(**{"fusion.projection": projection_name})
    assert config.fusion.start == "unit-variance"
    scale = fit(vectors, MEANING, config.text.scale)
    scaled = scale(torch.from_numpy(vectors))
    projection, generator = text_branch(scale, config)
    assert spread(generator(projection(scaled))) < 0.01
    start_unit_variance(projection, generator, scaled)
    pseudo_image = generator(projection(scaled))
    assert spread(pseudo_image) >= 0.05
    assert abs(pseudo_image.mean() - 0.5) < 0.05, (
        "a start that is not half grey leans on the sigmoid's end"
    )


def test_each_layer_starts_with_unit_variance_between_prompts(vectors: np.ndarray) -> None:
    scale = fit(vectors, MEANING, "within")
    scaled = scale(torch.from_numpy(vectors))
    projection, generator = text_branch(scale, Config())
    start_unit_variance(projection, generator, scaled)
    value = projection(scaled)
    assert value.var(0, correction=0).mean().item() == pytest.approx(1, abs=1e-3)
    for layer in generator.layers:
        value = layer(value)
        if isinstance(layer, nn.ConvTranspose2d):
            per_channel = value.var(0, correction=0).mean((1, 2))
            torch.testing.assert_close(
                per_channel, torch.ones_like(per_channel), rtol=1e-3, atol=1e-3
            )
            assert value.mean((0, 2, 3)).abs().max() < 1e-3


@pytest.mark.parametrize("n", [1, 3])
def test_prompts_that_do_not_differ_leave_the_start_alone(n: int) -> None:
    torch.manual_seed(0)
    projection = Projection("mlp", 5, (4, 4))
    generator = Generator(1)
    before = [
        parameter.clone() for parameter in (*projection.parameters(), *generator.parameters())
    ]
    start_unit_variance(projection, generator, torch.ones(n, 5))
    assert all(
        torch.equal(old, new)
        for old, new in zip(before, (*projection.parameters(), *generator.parameters()))
    )
