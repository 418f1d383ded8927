"""Comparators: words that join a network's features instead of its input (what most text-guided segmentation does).

A map has no picture of the words that could turn with the image: these fusions cannot fuse before the augmentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from saywhere.errors import UsageError, nearest
from saywhere.types import Stages

_SAID: ContextVar[Tensor] = ContextVar("said")
HEADS, WIDTH = 4, 64


@contextmanager
def saying(words: Tensor) -> Iterator[None]:
    """While this is open, joined networks hear `words`: (batch, word) vectors, or (batch, token, word) for `cross-attention`."""
    token = _SAID.set(words)
    try:
        yield
    finally:
        _SAID.reset(token)


class Joint(nn.Module):
    """What a fusion of features is: built with a map's channels and the numbers of a word vector, it changes a map by the words, and keeps its shape."""

    reads_tokens: ClassVar[bool] = False
    """Are its words the sentence's tokens (batch, token, word), padded with zero rows, rather than one vector (batch, word)?"""

    def __init__(self, n_channels: int, n_words: int) -> None:
        super().__init__()

    @staticmethod
    def places(stages: Stages) -> tuple[str, ...]:
        """Of a network's stages, those whose maps it changes: the bottleneck."""
        return (stages.bottleneck,)


class LateConcat(Joint):
    """The sentence, repeated at each place, beside the map's channels; a 1×1 convolution brings them back to as many as before."""

    def __init__(self, n_channels: int, n_words: int) -> None:
        super().__init__(n_channels, n_words)
        self.mix = nn.Conv2d(n_channels + n_words, n_channels, kernel_size=1)
        with torch.no_grad():  # the map passes unchanged, the words are heard from the first step
            self.mix.weight[:, :n_channels, 0, 0] = torch.eye(n_channels)

    def forward(self, feature: Tensor, words: Tensor) -> Tensor:
        """(batch, channel, height, width), (batch, word) → the same shape as the map."""
        tiled = words.to(feature.dtype)[..., None, None].expand(-1, -1, *feature.shape[-2:])
        return self.mix(torch.cat([feature, tiled], dim=1))


class Film(Joint):
    """Scale and shift of each channel by the sentence (Perez 2018, arXiv 1709.07871)."""

    def __init__(self, n_channels: int, n_words: int) -> None:
        super().__init__(n_channels, n_words)
        self.say = nn.Linear(n_words, 2 * n_channels)

    @staticmethod
    def places(stages: Stages) -> tuple[str, ...]:
        """Every decoder stage."""
        return stages.decoder

    def forward(self, feature: Tensor, words: Tensor) -> Tensor:
        """(batch, channel, height, width), (batch, word) → the same shape as the map."""
        scale, shift = self.say(words)[..., None, None].chunk(2, dim=1)
        return feature * (1 + scale) + shift


class CrossAttention(Joint):
    """Each place asks the sentence's tokens, and adds what it hears (as LViT- and LanGuideMedSeg-like methods do)."""

    reads_tokens = True

    def __init__(self, n_channels: int, n_words: int) -> None:
        super().__init__(n_channels, n_words)
        self.ask, self.tell = nn.Linear(n_channels, WIDTH), nn.Linear(WIDTH, n_channels)
        self.norm_map, self.norm_words = nn.LayerNorm(n_channels), nn.LayerNorm(n_words)
        self.attention = nn.MultiheadAttention(
            WIDTH, HEADS, kdim=n_words, vdim=n_words, batch_first=True
        )

    @staticmethod
    def places(stages: Stages) -> tuple[str, ...]:
        """The bottleneck and the deepest decoder stage."""
        return stages.bottleneck, stages.decoder[0]

    def forward(self, feature: Tensor, words: Tensor) -> Tensor:
        """(batch, channel, height, width), (batch, token, word) padded with zero rows → the same shape as the map."""
        places = feature.flatten(2).transpose(1, 2)  # (batch, height*width, channel)
        is_padding = ~words.any(-1)
        tokens = self.norm_words(words)
        heard, _ = self.attention(
            self.ask(self.norm_map(places)),
            tokens,
            tokens,
            key_padding_mask=is_padding,
            need_weights=False,
        )
        return feature + self.tell(heard).transpose(1, 2).reshape(feature.shape)


JOINTS: dict[str, type[Joint]] = {
    "late-concat": LateConcat,
    "film": Film,
    "cross-attention": CrossAttention,
}


class Joined(nn.Module):
    """A network's module, and what the words make of its output."""

    def __init__(self, stage: nn.Module, joint: nn.Module, channels_last: bool) -> None:
        super().__init__()
        self.stage, self.joint, self.channels_last = stage, joint, channels_last

    def forward(self, *inputs: Any) -> Tensor:
        """The module's map, changed by the words that are being said."""
        feature = self.stage(*inputs)
        if not self.channels_last:
            return self.joint(feature, _SAID.get())
        return self.joint(feature.permute(0, 3, 1, 2), _SAID.get()).permute(0, 2, 3, 1)


def join(network: nn.Module, name: str, n_words: int, in_channels: int) -> list[Joint]:
    """Put the joints of a fusion into the network, in place, where its `places` are; returns them.

    Raises UsageError for a network that does not name its stages.
    """
    if name not in JOINTS:
        raise UsageError(f"no fusion {name!r} of features", remedy=nearest(name, JOINTS))
    find = getattr(network, "stages", None)
    if find is None:
        rule = (
            f"{name} needs a network with a method stages() that names its bottleneck and decoder"
        )
        raise UsageError(
            f"{type(network).__name__} does not name its stages",
            allowed=rule,
            remedy="use unet, unetpp, transunet, missformer or lite",
        )
    stages: Stages = find()
    places = JOINTS[name].places(stages)
    channels = _channels(network, places, stages.channels_last, in_channels)
    joints: list[Joint] = []
    for place in places:
        parent, _, child = place.rpartition(".")
        joint = JOINTS[name](channels[place], n_words)
        setattr(
            network.get_submodule(parent),
            child,
            Joined(network.get_submodule(place), joint, stages.channels_last),
        )
        joints.append(joint)
    return joints


@torch.no_grad()
def _channels(
    network: nn.Module, places: tuple[str, ...], channels_last: bool, in_channels: int
) -> dict[str, int]:
    """Of each map, as one small picture shows."""
    found: dict[str, int] = {}
    handles = []
    for place in places:

        def look(module: nn.Module, inputs: Any, output: Tensor, place: str = place) -> None:
            found[place] = output.shape[-1 if channels_last else 1]

        handles.append(network.get_submodule(place).register_forward_hook(look))
    was_training = network.training
    network.eval()(torch.zeros(1, in_channels, 64, 64))
    network.train(was_training)
    for handle in handles:
        handle.remove()
    return found
