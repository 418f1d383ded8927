"""`early-tokens`."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from saywhere.fusion.early_tokens import WIDTH, EarlyTokens, TokenGrid, positions
from saywhere.fusion.pseudo_image import PseudoImageParts
from saywhere.fusion.stack import spread


def pictures(parts: PseudoImageParts, tokens: Tensor) -> Tensor:
    with torch.no_grad():
        return parts.generator(parts.projection(tokens))


@pytest.mark.parametrize("n_channels", [1, 3])
def test_it_makes_an_image_of_the_images_size_and_range(n_channels: int) -> None:
    picture = pictures(EarlyTokens().build(12, n_channels, 32, "mlp"), torch.randn(2, 5, 12))
    assert picture.shape == (2, n_channels, 32, 32)
    assert 0 <= picture.min() <= picture.max() <= 1


def test_each_place_is_what_a_softmax_over_its_tokens_gives() -> None:
    torch.manual_seed(0)
    grid = TokenGrid(12, (2, 3)).eval()
    tokens = torch.randn(1, 4, 12)
    normed = torch.nn.functional.layer_norm(
        tokens[0], (12,), grid.norm_tokens.weight, grid.norm_tokens.bias
    )
    attention = grid.attention
    place = grid.queries[4] + grid.positions[4]
    bias_q, bias_k, bias_v = attention.in_proj_bias.chunk(3)
    query = attention.q_proj_weight @ place + bias_q
    keys = normed @ attention.k_proj_weight.T + bias_k
    values = normed @ attention.v_proj_weight.T + bias_v
    n_each = WIDTH // attention.num_heads
    heads = []
    for start in range(0, WIDTH, n_each):
        part = slice(start, start + n_each)
        shares = (keys[:, part] @ query[part] / math.sqrt(n_each)).softmax(0)
        heads.append(shares @ values[:, part])
    answer = attention.out_proj(torch.cat(heads)) + place
    expected = answer + grid.mix(answer) + grid.offset[4]
    # The fifth place in reading order: second row, second column.
    torch.testing.assert_close(grid(tokens)[0, :, 1, 1], expected, rtol=1e-4, atol=1e-5)


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    grid = TokenGrid(12, (2, 3)).eval()
    tokens = torch.rand(2, 5, 12)
    padded = torch.cat([tokens, torch.zeros(2, 3, 12)], 1)
    torch.testing.assert_close(grid(padded), grid(tokens), rtol=1e-4, atol=1e-6)


def test_no_two_places_have_one_code() -> None:
    code = positions((28, 28), WIDTH)
    assert code.shape == (784, WIDTH)
    assert code.abs().max() <= 1
    distances = torch.cdist(code, code) + torch.eye(784)
    assert distances.min() > 0.05


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_its_start_makes_prompts_differ_more_than_pytorchs_does(seed: int) -> None:
    torch.manual_seed(seed)
    tokens = torch.randn(16, 6, 12)
    parts = EarlyTokens().build(12, 3, 32, "mlp")
    before = spread(pictures(parts, tokens))
    EarlyTokens().start(parts, tokens)
    assert spread(pictures(parts, tokens)) > 2 * before
    assert next(parts.projection.parameters()).dtype == torch.float32


def test_its_start_leaves_prompts_alone_that_are_all_one() -> None:
    parts = EarlyTokens().build(12, 3, 32, "mlp")
    before = [each.clone() for part in parts for each in part.parameters()]
    EarlyTokens().start(parts, torch.ones(4, 6, 12))
    after = [each for part in parts for each in part.parameters()]
    assert all(torch.equal(one, other) for one, other in zip(before, after))
