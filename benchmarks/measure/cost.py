"""What the words cost at the paper's size: parameters and arithmetic, counted on torch's meta
device: python benchmarks/measure/cost.py

Early fusion (768 numbers, the one fully connected layer, the generator, a network of 6 channels)
beside the network of 3 channels, 224 px; and the frozen encoder (BERT-base, 32 tokens), which works
once a sentence and never in a training step, since embeddings are kept. Writes
benchmarks/results/cost.json.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertModel

from saywhere.fusion.generator import Generator
from saywhere.fusion.projection import Projection
from saywhere.io.files import write_json
from saywhere.networks.cost import cost

RESULT = Path(__file__).parents[1] / "results" / "cost.json"
NETWORKS = {
    "UNet": "unet",
    "UNet++": "unetpp",
    "TransUNet": "transunet",
    "MISSFormer": "missformer",
}
CHANNELS = 3
EMBEDDING = 768
SEED_GRID = (28, 28)
TOKENS = 32


def main() -> dict[str, object]:
    """Per network the image alone and with words; the branch of the words; the encoder."""
    with torch.device("meta"), torch.no_grad():
        branch = nn.Sequential(Projection("linear", EMBEDDING, SEED_GRID), Generator(CHANNELS))
        words = _counted(branch, torch.empty(1, EMBEDDING))
        encoder = _counted(BertModel(BertConfig()), torch.zeros(1, TOKENS, dtype=torch.long))
    networks = {}
    for label, name in NETWORKS.items():
        image, stack = cost(name, CHANNELS), cost(name, 2 * CHANNELS)
        networks[label] = {
            "image": {"parameters": image.parameters, "gflop": round(image.gflop, 3)},
            "image and words": {
                "parameters": stack.parameters + words["parameters"],
                "gflop": round(stack.gflop + words["gflop"], 3),
            },
        }
    return {
        "command": "python benchmarks/measure/cost.py",
        "size_px": 224,
        "networks": networks,
        "words": words,
        "encoder": encoder,
    }


def _counted(network: nn.Module, given: torch.Tensor) -> dict[str, float]:
    with FlopCounterMode(display=False) as counter:
        network.eval()(given)
    return {
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "gflop": round(counter.get_total_flops() / 1e9, 3),
    }


if __name__ == "__main__":
    write_json(RESULT, main())
