"""Ways for a pseudo-image into a pretrained encoder that need a module, not only filters."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from saywhere.networks.first_filters import image_channels

MODULES = ("adapter", "stem")


class Adapter(nn.Module):
    """1×1 convolution from the stack's channels to the stem's three, started so that it passes the
    image and nothing else.
    """

    def __init__(self, stem: nn.Module, in_channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(in_channels, 3, kernel_size=1, bias=False)
        with torch.no_grad():
            self.mix.weight.zero_()
            for channel in range(3):
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
