"""Comparators: a prompt that joins a network's features, as in most text-guided segmentation.

A feature map has no picture of the prompt that could turn with the image. So these fusions cannot
fuse before the augmentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from saywhere.errors import UsageError
from saywhere.types import Stages

PROBE_PX = 64
"""Side of the empty picture that shows how many channels each map has: every network takes it."""


class FeatureConditioner(nn.Module):
    """Change a feature map by the prompt, and keep its shape.

    A fusion of features is one subclass; `config.fusions.FUSIONS` names it.

    Args:
        n_channels: of the map.
        n_embedding: numbers of a sentence's vector, or of a token's.
    """

    reads_tokens: ClassVar[bool] = False
    """Does it read a sentence's tokens, rather than its one vector?"""

    def __init__(self, n_channels: int, n_embedding: int) -> None:
        super().__init__()

    @staticmethod
    def stages(of: Stages) -> tuple[str, ...]:
        """Names of the maps that it changes. Here: the bottleneck's alone."""
        return (of.bottleneck,)

    def forward(self, feature: Tensor, embedding: Tensor) -> Tensor:
        """Condition one map.

        Args:
            feature: (batch, channel, height, width).
            embedding: (batch, embedding), scaled; or (batch, token, embedding), padded with zero
                rows, where `reads_tokens`.

        Returns:
            a map of the same shape.
        """
        raise NotImplementedError


class ConditionedNetwork(nn.Module):
    """A network and what conditions its features: stack and embedding in, logits out.

    Args:
        network: any network whose `forward` takes an `edit` (`types.FeatureEdit`).
        conditioners: by the stage whose map each changes.
    """

    def __init__(self, network: nn.Module, conditioners: Mapping[str, FeatureConditioner]) -> None:
        super().__init__()
        self.network = network
        self.conditioners = nn.ModuleDict(
            {_key(stage): conditioner for stage, conditioner in conditioners.items()}
        )

    @property
    def judges_presence(self) -> bool:
        """Has the network a head that answers for presence as well?"""
        return getattr(self.network, "judges_presence", False)

    def forward(self, stack: Tensor, embedding: Tensor) -> Any:
        """Segment what the prompts name.

        Args:
            stack: (batch, in_channels, height, width).
            embedding: as `FeatureConditioner.forward` takes it.

        Returns:
            What the network answers: logits (batch, 1, height, width), and those of presence where
            it has a head.
        """

        def edit(stage: str, feature: Tensor) -> Tensor:
            key = _key(stage)
            if key not in self.conditioners:
                return feature
            return self.conditioners[key](feature, embedding)

        return self.network(stack, edit)

    def pretrained_parameters(self) -> list[nn.Parameter]:
        """Those of the network that started from published weights."""
        # A user's own network need not have any.
        pretrained = getattr(self.network, "pretrained_parameters", list)
        return list(pretrained())


def condition(
    network: nn.Module,
    fusion: str,
    conditioner: type[FeatureConditioner],
    n_embedding: int,
    in_channels: int,
) -> ConditionedNetwork:
    """Put a fusion's conditioners at the stages of a network.

    Args:
        network: with a method `stages()`, and an `edit` in its `forward`.
        fusion: its name, for the error.
        conditioner: the fusion's class.
        n_embedding: numbers of a sentence's vector, or of a token's.
        in_channels: of the stack.

    Raises:
        UsageError: the network does not name its stages.
    """
    find = getattr(network, "stages", None)
    if find is None:
        raise UsageError(
            f"{type(network).__name__} does not name its stages",
            allowed=f"{fusion} needs a network with a method stages() that names its bottleneck "
            "and decoder, and hands their maps to the argument edit of its forward",
            remedy="use unet, unetpp, transunet, missformer or lite",
        )
    stages = conditioner.stages(find())
    channels = stage_channels(network, in_channels)
    unmet = [stage for stage in stages if stage not in channels]
    if unmet:
        raise UsageError(
            f"{type(network).__name__} names the stage {unmet[0]!r}, but its forward hands no such "
            "map to its edit",
            allowed=f"it hands over {', '.join(channels) or 'none'}",
            remedy="call edit(stage, feature) there, and go on with what it returns",
        )
    return ConditionedNetwork(
        network, {stage: conditioner(channels[stage], n_embedding) for stage in stages}
    )


@torch.no_grad()
def stage_channels(network: nn.Module, in_channels: int) -> dict[str, int]:
    """Count the channels of each map that a network hands over, by one empty picture.

    A network with a method `stage_channels` is asked instead: on the meta device, where models are
    built to compare shapes, torch would load its compiler for the picture, which takes a second.

    Args:
        network: its `forward` takes an `edit` (`types.FeatureEdit`).
        in_channels: of the stack.

    Returns:
        Stage → channels.
    """
    if (named := getattr(network, "stage_channels", None)) is not None:
        return dict(named())
    channels: dict[str, int] = {}

    def look(stage: str, feature: Tensor) -> Tensor:
        channels[stage] = feature.shape[1]
        return feature

    was_training = network.training
    # In evaluation mode, so that batch norm does not learn from an empty picture.
    network.eval()(torch.zeros(1, in_channels, PROBE_PX, PROBE_PX), look)
    network.train(was_training)
    return channels


def _key(stage: str) -> str:
    """A `ModuleDict` takes no dots in its keys."""
    # No two stages of a network of ours differ in this alone.
    return stage.replace(".", "_")


# The parts' names up to version 0.1 → their names now.
_PARTS = {
    "say": "scale_and_shift",
    "ask": "query",
    "tell": "output",
    "norm_map": "norm_feature",
    "norm_words": "norm_tokens",
}
_JOINT = re.compile(r"network\.(?P<stage>.+)\.joint\.(?P<part>[^.]+)(?P<rest>.*)")


def current_names(names: list[str]) -> dict[str, str]:
    """What the weights of a conditioned model are called now.

    Up to version 0.1 the conditioners replaced modules inside the network: `network.up.0.stage.…`
    was the module, `network.up.0.joint.…` what the prompt made of its map.

    Args:
        names: of all weights of a checkpoint, or of its optimizer's moments.

    Returns:
        name → name now; empty for a checkpoint that is of today, or has no conditioners.
    """
    matches = [match for match in map(_JOINT.fullmatch, names) if match]
    stages = {match["stage"] for match in matches}
    if not stages:
        return {}
    return {name: _current(name, stages) for name in names if name.startswith("network.")}


def _current(name: str, stages: set[str]) -> str:
    if match := _JOINT.fullmatch(name):
        part = _PARTS.get(match["part"], match["part"])
        return f"network.conditioners.{_key(match['stage'])}.{part}{match['rest']}"
    inner = name.removeprefix("network.")
    for stage in stages:
        # Once only: a network may have a `stage` of its own further down.
        inner = inner.replace(f"{stage}.stage.", f"{stage}.", 1)
    return f"network.network.{inner}"
