"""`film`."""

from __future__ import annotations

import torch

from saywhere.fusion.film import Film


def test_it_scales_and_shifts_each_channel() -> None:
    layer = Film(4, 12)
    feature = torch.rand(2, 4, 3, 3)
    sentence = torch.randn(2, 12)
    numbers = sentence @ layer.scale_and_shift.weight.T + layer.scale_and_shift.bias
    scaled = torch.einsum("bchw,bc->bchw", feature, 1 + numbers[:, :4])
    torch.testing.assert_close(layer(feature, sentence), scaled + numbers[:, 4:, None, None])
