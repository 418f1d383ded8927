"""What a network's maps look like on a picture: mean and spread of each channel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from saywhere.types import FeatureEdit, unedited


def staged_network(model: nn.Module) -> nn.Module | None:
    """Find the part of a model that hands its maps out.

    Args:
        model: any model.

    Returns:
        The first module with `stages()`, as the networks here have it; None where there is none,
        as in a network of one's own that names no stages.
    """
    return next((m for m in model.modules() if callable(getattr(type(m), "stages", None))), None)


class StageStatistics:
    """Statistics of one forward pass, filled while `watch` is open.

    Attributes:
        maps: stage → (batch, 2 · channels), the mean and the standard deviation over the map, of
            the first pass (mirroring at prediction makes four). The stack that the network takes
            is the stage "".
    """

    def __init__(self) -> None:
        self.maps: dict[str, Tensor] = {}

    def features(self) -> Tensor:
        """Put all statistics side by side.

        Returns:
            float32 (batch, feature), in an order that is the same each time.
        """
        return torch.cat([self.maps[stage] for stage in sorted(self.maps)], dim=1)

    def add(self, stage: str, feature: Tensor) -> None:
        """Take a map's statistics.

        Args:
            stage: its name.
            feature: (batch, channel, height, width).
        """
        if stage not in self.maps:
            self.maps[stage] = _statistics(feature)


@contextmanager
def watch(network: nn.Module) -> Iterator[StageStatistics]:
    """Collect the statistics of what a network hands out, and change nothing.

    Args:
        network: as `staged_network` finds it.

    Yields:
        Statistics; filled once the network has run.
    """
    statistics = StageStatistics()

    def before(module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        stack, *given = args
        statistics.add("", stack)
        inner: FeatureEdit = given[0] if given else kwargs.get("edit", unedited)

        def edit(stage: str, feature: Tensor) -> Tensor:
            edited = inner(stage, feature)
            statistics.add(stage, edited)
            return edited

        return (stack,), {**kwargs, "edit": edit}

    handle = network.register_forward_pre_hook(before, with_kwargs=True)
    try:
        yield statistics
    finally:
        handle.remove()


def _statistics(feature: Tensor) -> Tensor:
    """(batch, channel, height, width) → (batch, 2 · channel)."""
    # `torch.std_mean` takes ten times as long on a processor, a tenth of a whole prediction.
    values = feature.float().contiguous().flatten(2)
    mean = values.mean(2)
    deviation = (values - mean[..., None]).square().mean(2).sqrt()
    return torch.cat([mean, deviation], dim=1)
