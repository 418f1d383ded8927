"""`early-film`: what it adds to `early`; a whole model of it is tested beside the assembler."""

from __future__ import annotations

import torch

from saywhere.fusion.early_film import EarlyFilm, NarrowFilm
from saywhere.types import Stages


def test_it_scales_and_shifts_each_channel_of_the_decoders_maps() -> None:
    torch.manual_seed(0)
    layer = EarlyFilm.conditioner(4, 12)
    assert isinstance(layer, NarrowFilm)
    assert layer.stages(Stages("deep", ("one", "two"))) == ("one", "two")
    feature = torch.rand(2, 4, 3, 3)
    embedding = torch.randn(2, 12)
    hidden = torch.nn.functional.gelu(layer.reduce[0](embedding))
    numbers = layer.film.scale_and_shift(hidden)
    expected = torch.empty_like(feature)
    for sample in range(2):
        for channel in range(4):
            scale = 1 + numbers[sample, channel]
            expected[sample, channel] = (
                scale * feature[sample, channel] + numbers[sample, 4 + channel]
            )
    torch.testing.assert_close(layer(feature, embedding), expected)
