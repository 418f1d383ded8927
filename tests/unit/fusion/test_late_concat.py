"""`late-concat`."""

from __future__ import annotations

import torch
from torch import nn

from saywhere.fusion.late_concat import LateConcat


def test_it_is_a_convolution_over_map_and_tiled_sentence_that_starts_as_the_map() -> None:
    layer = LateConcat(4, 12)
    feature = torch.rand(2, 4, 3, 3)
    sentence = torch.randn(2, 12)
    tiled = sentence.reshape(2, 12, 1, 1).repeat(1, 1, 3, 3)
    expected = nn.functional.conv2d(
        torch.cat([feature, tiled], 1), layer.mix.weight, layer.mix.bias
    )
    torch.testing.assert_close(layer(feature, sentence), expected)
    assert layer.mix.bias is not None
    nothing = layer(feature, torch.zeros(2, 12)) - layer.mix.bias.reshape(1, -1, 1, 1)
    torch.testing.assert_close(nothing, feature)
