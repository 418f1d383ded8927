"""What the lite networks say of themselves."""

from __future__ import annotations

import pytest
import torch

from saywhere.networks.lite import Lite, Lite2


@pytest.mark.parametrize("network", [Lite, Lite2])
def test_the_channels_that_it_names_are_those_of_its_maps(network: type[Lite]) -> None:
    built = network(in_channels=3, width=8, pretrained=False)
    maps: dict[str, int] = {}

    def look(stage: str, feature: torch.Tensor) -> torch.Tensor:
        maps[stage] = feature.shape[1]
        return feature

    built.eval()(torch.zeros(1, 3, 64, 64), look)
    assert built.stage_channels() == maps
