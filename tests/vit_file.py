"""A small random file in the layout of Google's R50+ViT-B_16.npz.

It fits a TransUNet of width 4 and depth 1/12.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

WIDTH = 4
DEPTH = 1 / 12
HIDDEN = 48


def published() -> dict[str, np.ndarray]:
    """The arrays of a R50+ViT of width 4; names and axes as in Google's file, typed by hand."""
    shapes: dict[str, tuple[int, ...]] = {
        "conv_root/kernel": (7, 7, 3, 4),
        "gn_root/scale": (1, 1, 1, 4),
        "gn_root/bias": (1, 1, 1, 4),
    }
    for block, (before, middle, after) in enumerate(
        [(4, 4, 16), (16, 8, 32), (32, 16, 64)], start=1
    ):
        unit = f"block{block}/unit1"
        kernels = {
            "conv1": (1, 1, before, middle),
            "conv2": (3, 3, middle, middle),
            "conv3": (1, 1, middle, after),
            "conv_proj": (1, 1, before, after),
        }
        norms = {"gn1": middle, "gn2": middle, "gn3": after, "gn_proj": after}
        shapes |= {f"{unit}/{name}/kernel": shape for name, shape in kernels.items()}
        shapes |= {
            f"{unit}/{name}/{kind}": (1, 1, 1, n)
            for name, n in norms.items()
            for kind in ("scale", "bias")
        }
    shapes |= {
        "embedding/kernel": (1, 1, 64, HIDDEN),
        "embedding/bias": (HIDDEN,),
        "Transformer/posembed_input/pos_embedding": (1, 197, HIDDEN),
    }
    layer = "Transformer/encoderblock_0"
    for part in ("query", "key", "value"):
        shapes |= {
            f"{layer}/MultiHeadDotProductAttention_1/{part}/kernel": (HIDDEN, 12, 4),
            f"{layer}/MultiHeadDotProductAttention_1/{part}/bias": (12, 4),
        }
    shapes |= {
        f"{layer}/MultiHeadDotProductAttention_1/out/kernel": (12, 4, HIDDEN),
        f"{layer}/MultiHeadDotProductAttention_1/out/bias": (HIDDEN,),
    }
    shapes |= {
        f"{layer}/MlpBlock_3/Dense_0/kernel": (HIDDEN, 4 * HIDDEN),
        f"{layer}/MlpBlock_3/Dense_0/bias": (4 * HIDDEN,),
    }
    shapes |= {
        f"{layer}/MlpBlock_3/Dense_1/kernel": (4 * HIDDEN, HIDDEN),
        f"{layer}/MlpBlock_3/Dense_1/bias": (HIDDEN,),
    }
    for norm in (f"{layer}/LayerNorm_0", f"{layer}/LayerNorm_2", "Transformer/encoder_norm"):
        shapes |= {f"{norm}/scale": (HIDDEN,), f"{norm}/bias": (HIDDEN,)}
    shapes |= {"head/kernel": (HIDDEN, 10), "head/bias": (10,)}  # the classifier: not ours
    random = np.random.default_rng(0)
    return {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def write(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    np.savez(folder / "vit.npz", **arrays)
    return folder / "vit.npz"
