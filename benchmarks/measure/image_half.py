"""Does it pay to keep the image's half of the first layer for the next prompt?
python benchmarks/measure/image_half.py [--rounds 30]

A convolution is linear: W · [image, pseudo-image] = W_image · image + W_text · pseudo-image. The
first term is the same for every prompt on a picture. Both ways take turns in one process and one
thread, and processor time counts.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn

from saywhere.networks.registry import build

NETWORKS = (("lite", 64, 160), ("unet", 16, 96), ("unet", 64, 224))
"""Name, width and pixels: the shipped models', a small one, the paper's."""


def main(rounds: int) -> None:
    """Print a line for each network."""
    torch.set_num_threads(1)
    for name, width, size in NETWORKS:
        network = build(name, in_channels=6, width=width, pretrained=False).eval()
        stack = torch.rand(1, 6, size, size)
        first = first_layer(network)
        with torch.inference_mode():
            text = half_of(first, slice(3, 6))
            image = half_of(first, slice(0, 3))(stack[:, :3])
            if first.bias is not None:
                image = image - first.bias[:, None, None]
            with half_kept(first, text, image):
                logits = first_way(network, first, stack)
                error = float((network(stack) - logits).abs().max() / logits.abs().max())
            seconds = alternate(
                partial(network, stack), partial(kept, network, first, text, image, stack), rounds
            )
        before, after = (statistics.median(way) for way in seconds)
        lowest = min(seconds[0]) / min(seconds[1])
        print(
            f"{name} {width} at {size} px: {before * 1e3:.1f} ms whole, {after * 1e3:.1f} ms with "
            f"the image's half kept: {before / after:.3f} × (of the lowest {lowest:.3f} ×); "
            f"logits differ by {error:.0e} of the largest"
        )


def first_layer(network: nn.Module) -> nn.Conv2d:
    """The convolution that reads image and pseudo-image."""
    layers = [one for one in network.modules() if isinstance(one, nn.Conv2d)]
    return next(one for one in layers if one.in_channels == 6)


def half_of(layer: nn.Conv2d, channels: slice) -> nn.Conv2d:
    """The same layer of some of its input channels; whatever it does at the border stays."""
    half = copy.deepcopy(layer)
    half.weight = nn.Parameter(layer.weight[:, channels].clone())
    half.in_channels = half.weight.shape[1]
    return half


@contextmanager
def half_kept(layer: nn.Conv2d, text: nn.Conv2d, image: Tensor) -> Iterator[None]:
    """Compute the pseudo-image's half alone, with the bias, and add the image's."""

    def forward(stack: Tensor) -> Tensor:
        return text(stack[:, 3:]) + image

    layer.forward = forward  # type: ignore[method-assign]
    try:
        yield
    finally:
        del layer.forward


def first_way(network: nn.Module, layer: nn.Conv2d, stack: Tensor) -> Tensor:
    """The network as it is, while its first layer is replaced."""
    replaced = layer.__dict__.pop("forward")
    try:
        logits: Tensor = network(stack)
        return logits
    finally:
        layer.forward = replaced  # type: ignore[method-assign]


def kept(
    network: nn.Module, layer: nn.Conv2d, text: nn.Conv2d, image: Tensor, stack: Tensor
) -> Tensor:
    """A prompt after the first one."""
    with half_kept(layer, text, image):
        logits: Tensor = network(stack)
        return logits


def alternate(
    whole: Callable[[], Tensor], half: Callable[[], Tensor], rounds: int
) -> tuple[list[float], list[float]]:
    """Processor seconds of each call, both ways in turn; the first round warms up."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for way, call in zip(seconds, (whole, half)):
            started = time.process_time()
            call()
            if number:
                way.append(time.process_time() - started)
    return seconds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    main(parser.parse_args().rounds)
