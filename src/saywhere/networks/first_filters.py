"""How a pretrained stem, made for red, green and blue, takes the channels of a pseudo-image."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from saywhere.errors import UsageError, nearest

FILTERS = ("zero", "scale", "tile")
"""Strategies that only choose the filters."""
MODULES = ("adapter", "stem")
"""Strategies that put a module before the stem (`ChannelMix`) or beside it (`TwoStems`)."""
DEFAULT = "zero"
"""A pretrained network then begins as it was; random filters (`scale`) spoil its answers until they
are learned over.
"""


def widen(filters: Tensor, in_channels: int, strategy: str = DEFAULT) -> Tensor:
    """Filters for red, green and blue → filters for a stack, the image's channels first.

    One image channel takes the sum of the RGB filters: a grey image then gives exactly what it
    gives in RGB. Three channels keep them.

    Args:
        filters: (out, 3, k, k).
        in_channels: of the stack.
        strategy: of the pseudo-image's filters. `zero` leaves the pretrained network's answer as
            it is. `scale` draws them at the RGB filters' standard deviation, from torch's global
            random state, so that they need not grow first. `tile` repeats the image's filters and
            scales all by 3 / in_channels, as common libraries do silently.

    Returns:
        (out, in_channels, k, k).

    Raises:
        UsageError: there is no such strategy.
    """
    if strategy not in FILTERS:
        raise UsageError(f"first_filters is {strategy!r}", remedy=nearest(strategy, FILTERS))
    image = _for_image(filters, image_channels(in_channels))
    n_new = in_channels - image.shape[1]
    if n_new == 0:
        return image
    if strategy == "tile":
        return _cycle(filters, in_channels) * (3 / in_channels)
    shape = (filters.shape[0], n_new, *filters.shape[2:])
    new = (
        torch.randn(shape, dtype=filters.dtype) * filters.std()
        if strategy == "scale"
        else filters.new_zeros(shape)
    )
    return torch.cat([image, new], dim=1)


def image_channels(in_channels: int) -> int:
    """Of a stack's channels, how many are the image's: half of an even number, else all."""
    return in_channels // 2 if in_channels % 2 == 0 else in_channels


def _for_image(filters: Tensor, n_channels: int) -> Tensor:
    if n_channels == 1:
        return filters.sum(dim=1, keepdim=True)
    # Scaled, so that the sum over the channels stays as large as over three.
    return _cycle(filters, n_channels) * (3 / n_channels)


def _cycle(filters: Tensor, n_channels: int) -> Tensor:
    return filters[:, torch.arange(n_channels) % 3]


class ChannelMix(nn.Module):
    """1×1 convolution from the stack's channels to the stem's three, started so that it passes the
    image and nothing else.
    """

    def __init__(self, stem: nn.Module, in_channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(in_channels, 3, kernel_size=1, bias=False)
        with torch.no_grad():
            self.mix.weight.zero_()
            for channel in range(3):
                # A grey image's one channel goes to all three.
                self.mix.weight[channel, channel % image_channels(in_channels)] = 1.0
        self.stem = stem

    def new_parameters(self) -> list[nn.Parameter]:
        """Those that no pretraining has seen."""
        return list(self.mix.parameters())

    def forward(self, stack: Tensor) -> Tensor:
        """(batch, in_channels, height, width) → the stem's (batch, 32, height/2, width/2)."""
        return self.stem(self.mix(stack))


class TwoStems(nn.Module):
    """A stem for the image and a second one, of the same form, for the pseudo-image; their outputs
    are summed.
    """

    def __init__(self, stem: nn.Module, pseudo_stem: nn.Module, in_channels: int) -> None:
        super().__init__()
        self.n_image = image_channels(in_channels)
        self.stem, self.pseudo_stem = stem, pseudo_stem

    def new_parameters(self) -> list[nn.Parameter]:
        """Those that no pretraining has seen."""
        return list(self.pseudo_stem.parameters())

    def forward(self, stack: Tensor) -> Tensor:
        """(batch, in_channels, height, width) → the stem's (batch, 32, height/2, width/2)."""
        return self.stem(stack[:, : self.n_image]) + self.pseudo_stem(stack[:, self.n_image :])
