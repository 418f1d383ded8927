"""Seed grid → pseudo-image: three transposed convolutions, each doubling the side (arXiv
2510.12482).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from saywhere.fusion.projection import Projection

MOST = 512  # prompts that the start is computed on


class Generator(nn.Module):
    """ConvTranspose2d 1→16→8→C, kernel 4, stride 2, padding 1, ReLU between, sigmoid at the end:
    [0, 1].

    Args:
        channel: of the pseudo-image.
    """

    def __init__(self, channel: int) -> None:
        super().__init__()
        self.channels = channel
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(1, 16, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(8, channel, 4, stride=2, padding=1),
        )

    def forward(
        self, seed_grid: Float[Tensor, "batch 1 seed_height seed_width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """Seeds → pseudo-images in [0, 1], eight times as high and wide."""
        return self.layers(seed_grid).sigmoid()


@torch.no_grad()
def start_unit_variance(
    projection: Projection, generator: Generator, embedding: Float[Tensor, "prompt embedding"]
) -> None:
    """Rescale each layer once, so that its output has zero mean and unit variance over these
    prompts (cf. LSUV, arXiv 1511.06422).

    With PyTorch's start the pseudo-image hardly depends on the prompt (spread 0.0005): the network
    learns to ignore it
    before the generator learns to speak. Needs at least two prompts that differ; with fewer there
    is nothing to tell apart.
    Of more than MOST prompts, evenly spaced ones are taken: their pictures lie in memory all at
    once.
    """
    if not differ(embedding):
        return
    last = projection.layers[-1]
    assert isinstance(last, nn.Linear)
    # The last bits of a float32 sum depend on the number of threads,
    # and equal trainings must start equal.
    projection.double()
    generator.double()
    hidden = projection.layers[:-1](chosen(embedding).double())
    seeds = _unit_variance(last, hidden, per_output=False)
    start_layers(generator, seeds.unflatten(1, (1, *projection.seed_grid)))
    projection.float()
    generator.float()


def differ(embedding: Tensor) -> bool:
    """Are there two prompts at least that differ?

    Args:
        embedding: (prompt, embedding) or (prompt, token, embedding).
    """
    return len(embedding) >= 2 and float(embedding.std(0, correction=0).max()) >= 1e-6


def chosen(embedding: Tensor) -> Tensor:
    """Evenly spaced ones of many prompts, `MOST` at most.

    Args:
        embedding: (prompt, …).
    """
    # Evenly spaced and not drawn: equal trainings must start equal.
    n_prompts = len(embedding)
    return embedding[torch.linspace(0, n_prompts - 1, min(n_prompts, MOST)).long()]


@torch.no_grad()
def start_layers(generator: Generator, seeds: Tensor) -> None:
    """Rescale a generator's layers, see `start_unit_variance`.

    Args:
        generator: changed in place.
        seeds: (prompt, 1, height, width), of the generator's type.
    """
    value = seeds
    for layer in generator.layers:
        value = (
            _unit_variance(layer, value, per_output=True)
            if isinstance(layer, nn.ConvTranspose2d)
            else layer(value)
        )


def _unit_variance(
    layer: nn.Linear | nn.ConvTranspose2d, value: Tensor, *, per_output: bool
) -> Tensor:
    """Set the bias to remove the mean over prompts and places, the weight to make the variance
    *between prompts* one.
    """
    assert layer.bias is not None
    # The old bias would be part of the mean that is measured.
    layer.bias.zero_()
    output = layer(value)
    dims = tuple(d for d in range(output.ndim) if not (per_output and d == 1))
    between = (
        (output - output.mean(0, keepdim=True))
        .pow(2)
        .mean(dims, keepdim=True)
        .sqrt()
        # An output that no prompt changes has no spread to divide by.
        .clamp_min(1e-8)
    )
    # A transposed convolution counts its outputs along the weight's second axis.
    layer.weight.div_(between.reshape((1, -1, 1, 1) if per_output else ()))
    scaled = output / between
    mean = scaled.mean(dims if per_output else 0, keepdim=True)
    layer.bias.copy_(-mean.flatten())
    return scaled - mean  # what the layer gives now; to ask it would double the time
