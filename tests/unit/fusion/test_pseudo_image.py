"""`early`."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from saywhere.fusion.pseudo_image import Early, PseudoImageParts
from saywhere.fusion.stack import spread


def pictures(parts: PseudoImageParts, scaled: Tensor) -> Tensor:
    with torch.no_grad():
        return parts.generator(parts.projection(scaled))


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("projection", ["linear", "mlp"])
def test_it_makes_an_image_of_the_images_size_and_range(n_channels: int, projection: str) -> None:
    picture = pictures(Early().build(12, n_channels, 32, projection), torch.randn(2, 12))
    assert picture.shape == (2, n_channels, 32, 32)
    assert 0 <= picture.min() <= picture.max() <= 1


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_its_start_makes_prompts_differ_more_than_pytorchs_does(seed: int) -> None:
    torch.manual_seed(seed)
    scaled = torch.randn(16, 12)
    parts = Early().build(12, 3, 32, "mlp")
    before = spread(pictures(parts, scaled))
    Early().start(parts, scaled)
    assert spread(pictures(parts, scaled)) > 2 * before
