from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from saywhere.errors import ConfigError
from saywhere.fusion.projection import Projection


@pytest.mark.parametrize(("name", "n_parameters"), [("mlp", 1_219_904), ("linear", 602_896)])
def test_parameter_counts_are_the_papers(name: str, n_parameters: int) -> None:
    assert (
        sum(parameter.numel() for parameter in Projection(name, 768, (28, 28)).parameters())
        == n_parameters
    )


@pytest.mark.parametrize("name", ["mlp", "linear"])
@pytest.mark.parametrize("seed_grid", [(28, 28), (14, 14), (12, 12), (4, 6)])
def test_a_vector_becomes_one_seed_grid(name: str, seed_grid: tuple[int, int]) -> None:
    assert Projection(name, 10, seed_grid)(torch.randn(2, 10)).shape == (2, 1, *seed_grid)


def test_linear_is_one_layer_laid_out_row_by_row() -> None:
    projection = Projection("linear", 10, (4, 6))
    embedding = torch.randn(2, 10)
    weight, bias = projection.parameters()
    torch.testing.assert_close(projection(embedding)[:, 0].flatten(1), embedding @ weight.T + bias)


def test_mlp_is_linear_layernorm_gelu_linear() -> None:
    projection = Projection("mlp", 10, (4, 6))
    embedding = torch.randn(2, 10)
    first_weight, first_bias, gain, shift, last_weight, last_bias = projection.parameters()
    normed = functional.layer_norm(
        functional.linear(embedding, first_weight, first_bias), (24,), gain, shift
    )
    expected = functional.linear(functional.gelu(normed), last_weight, last_bias)
    torch.testing.assert_close(projection(embedding).flatten(1), expected)


def test_an_unknown_projection_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'conv' in fusion\.projection; linear or mlp"):
        Projection("conv", 10, (4, 4))


@pytest.mark.parametrize("side", [7, 8, 12])
def test_a_linear_projection_grows_to_its_interpolated_seeds(side: int) -> None:
    small, large = Projection("linear", 10, (6, 6)), Projection("linear", 10, (side, side))
    large.load_state_dict(large.grown(small.state_dict()))
    embedding = torch.randn(3, 10)
    expected = functional.interpolate(
        small(embedding), (side, side), mode="bilinear", align_corners=False
    )
    torch.testing.assert_close(large(embedding), expected, atol=1e-5, rtol=1e-4)


def test_the_mlps_hidden_units_share_what_one_had_to_say() -> None:
    torch.manual_seed(0)
    small, large = Projection("mlp", 48, (28, 28)), Projection("mlp", 48, (36, 36))
    large.load_state_dict(large.grown(small.state_dict()))
    embedding = torch.randn(8, 48)
    expected = functional.interpolate(
        small(embedding), (36, 36), mode="bilinear", align_corners=False
    )
    # Units that repeat others move the mean and the spread that LayerNorm takes off, a little.
    off = (large(embedding) - expected).std() / expected.std()
    assert off < 0.05
    fresh = Projection("mlp", 48, (36, 36))
    assert (fresh(embedding) - expected).std() / expected.std() > 0.5


@pytest.mark.parametrize("name", ["mlp", "linear"])
def test_growing_to_the_same_grid_changes_nothing(name: str) -> None:
    projection = Projection(name, 10, (6, 6))
    grown = projection.grown(projection.state_dict())
    for key, value in projection.state_dict().items():
        torch.testing.assert_close(grown[key], value)
