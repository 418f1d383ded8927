"""Is what the words name in this image? One number, read off a network's deepest map."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from saywhere.errors import UsageError
from saywhere.fusion.conditioning import stage_channels
from saywhere.types import FeatureEdit, Stages, unedited

HIDDEN = 64
DROPOUT = 0.2
_NETWORK, _HEAD = "network.", "head."
"""How names of a model's weights begin, and how those of a head go on."""


class PresenceHead(nn.Module):
    """Mean and maximum of each channel of a map, one hidden layer, one logit.

    Where words and image are fused before the network, its deepest map holds both.

    Args:
        n_channels: of the map.
    """

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2 * n_channels, HIDDEN),
            nn.ReLU(),
            nn.Dropout(DROPOUT),
            nn.Linear(HIDDEN, 1),
        )

    def forward(self, feature: Tensor) -> Tensor:
        """Judge a batch of maps.

        Args:
            feature: (batch, channel, height, width).

        Returns:
            (batch,): logits; above 0 more likely there than not.
        """
        pooled = torch.cat([feature.mean((2, 3)), feature.amax((2, 3))], dim=1)
        return self.layers(pooled)[:, 0]


class WithPresence(nn.Module):
    """A network, and a head on the deepest map that it hands out.

    Args:
        network: stack (batch, in_channels, height, width) → logits (batch, 1, height, width), with
            `stages()` and an `edit` in its `forward`.
        in_channels: of the stack.

    Raises:
        UsageError: the network does not name its stages.
    """

    judges_presence = True

    def __init__(self, network: nn.Module, in_channels: int) -> None:
        super().__init__()
        find = getattr(network, "stages", None)
        if find is None:
            raise UsageError(
                f"{type(network).__name__} does not name its stages",
                allowed="loss.presence needs a network with a method stages(), which hands its "
                "deepest map to the argument edit of its forward",
                remedy="use unet, unetpp, transunet, missformer or lite, or set loss.presence = 0",
            )
        self.network = network
        self._stages: Stages = find()
        self.stage = self._stages.bottleneck
        self.head = PresenceHead(stage_channels(network, in_channels)[self.stage])

    def stages(self) -> Stages:
        """Names of the network's maps."""
        return self._stages

    def forward(self, stack: Tensor, edit: FeatureEdit = unedited) -> tuple[Tensor, Tensor]:
        """Segment, and judge.

        Args:
            stack: (batch, in_channels, height, width).
            edit: changes a map before the network and the head go on with it.

        Returns:
            Logits (batch, 1, height, width), and those of presence (batch,).
        """
        deepest: list[Tensor] = []

        def look(stage: str, feature: Tensor) -> Tensor:
            edited = edit(stage, feature)
            if stage == self.stage:
                deepest.append(edited)
            return edited

        logits = self.network(stack, edit=look)
        return logits, self.head(deepest[0])

    def pretrained_parameters(self) -> list[nn.Parameter]:
        """Those of the network that started from published weights."""
        # A user's own network need not have any.
        pretrained = getattr(self.network, "pretrained_parameters", list)
        return list(pretrained())


def answered(network: nn.Module, *inputs: Tensor) -> tuple[Tensor, Tensor | None]:
    """Run a network, with or without a head.

    Args:
        network: of a model.
        inputs: the stack, normalised, (batch, in_channels, height, width); the scaled embedding
            (batch, embedding) beside it where the network's features are conditioned on it.

    Returns:
        Logits (batch, 1, height, width); those of presence (batch,), None without a head.
    """
    return network(*inputs) if judges(network) else (network(*inputs), None)


def judges(network: nn.Module) -> bool:
    """Tell whether a network answers for presence as well.

    Args:
        network: of a model.

    Returns:
        True for one with a head.
    """
    return getattr(network, "judges_presence", False)


def has_head(weights: Mapping[str, Tensor]) -> bool:
    """Tell whether a model's weights hold those of a presence head.

    Args:
        weights: name → tensor.

    Returns:
        True for those of a network with a head.
    """
    return f"{_NETWORK}{_HEAD}layers.0.weight" in weights


def with_head_of(model: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Fit another model's weights to a model that has a presence head, or has none.

    Args:
        model: that the weights are meant for.
        weights: name → tensor, of a model that may differ in its head alone.

    Returns:
        The weights under this model's names. A head that was not trained is the model's own, fresh
        one; one that the model lacks is left out.
    """
    own = model.state_dict()
    if has_head(own) == has_head(weights):
        return dict(weights)
    inner = f"{_NETWORK}network."
    if has_head(own):
        head = {name: value for name, value in own.items() if name.startswith(_NETWORK + _HEAD)}
        return {_renamed(name, _NETWORK, inner): value for name, value in weights.items()} | head
    return {
        _renamed(name, inner, _NETWORK): value
        for name, value in weights.items()
        if not name.startswith(_NETWORK + _HEAD)
    }


def _renamed(name: str, before: str, after: str) -> str:
    return after + name.removeprefix(before) if name.startswith(before) else name
