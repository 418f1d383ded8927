"""What a stranger's model may ask for, measured before any memory is taken.

Weights are bounded by their file. What a configuration says beside them is not: an image-only
network of a few megabytes takes any `data.size`, and as many gigabytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from saywhere.config import Config, DataConfig
from saywhere.errors import BadCheckpoint

MAX_ACTIVATION_BYTES = 2**30
"""Of the largest output of a layer, of one image. A U-Net of 64 channels reaches it at 2,048 px;
a whole answer takes two to four times as much."""
UNMEASURED_PX = 512
"""Up to this size nothing is measured: every network whose weights fit is far below."""
MOST = {
    "data.size": 65_536,
    "evaluate.batch_size": 1_024,
    "evaluate.bootstrap": 1_000_000,
    "evaluate.surface_tolerance_px": 10_000,
    "text.variants": 16,
}
"""Numbers that cost time or memory once the model is used → the most that is taken."""
MAX_LIST = 100
"""Entries of a list: kinds of prompts, levels, nouns."""


def refuse_endless(model: nn.Module, config: Config, where: Path) -> None:
    """Refuse a model that would take more memory or time than any honest one.

    Args:
        model: of the configuration, on the meta device: it has shapes and no numbers.
        config: resolved.
        where: the checkpoint, for messages.

    Raises:
        BadCheckpoint: naming the key, its value and what is allowed.
    """
    document = config.model_dump(mode="json")
    for key, most in MOST.items():
        section, name = key.split(".")
        if document[section][name] > most:
            raise _too_much(f"{key} is {str(document[section][name])[:20]}", f"{most:,}", where)
    for section, table in document.items():
        for name, value in table.items():
            if isinstance(value, list) and len(value) > MAX_LIST:
                raise _too_much(
                    f"{section}.{name} has {len(value):,} entries", f"{MAX_LIST}", where
                )
    if config.data.size > UNMEASURED_PX:
        n_bytes = largest_output(model, config.data)
        if n_bytes > MAX_ACTIVATION_BYTES:
            raise _too_much(
                f"data.size is {config.data.size}: one layer takes {n_bytes / 2**30:,.1f} GiB",
                f"{MAX_ACTIVATION_BYTES / 2**30:g} GiB",
                where,
            )


def largest_output(model: nn.Module, data: DataConfig) -> int:
    """Measure a model on an image without numbers.

    Args:
        model: on the meta device.
        data: of its configuration.

    Returns:
        Bytes of the largest tensor that a layer gives for one image, in float32.
    """
    sizes = [0]

    def note(layer: nn.Module, inputs: Any, output: Any) -> None:
        tensors = output if isinstance(output, (tuple, list)) else [output]
        sizes.extend(t.numel() * t.element_size() for t in tensors if isinstance(t, Tensor))

    leaves = [layer for layer in model.modules() if not list(layer.children())]
    hooks = [leaf.register_forward_hook(note) for leaf in leaves]
    image = torch.empty(1, data.channels, data.size, data.size, device="meta")
    model.eval()
    try:
        with torch.inference_mode():
            model(image, _embedding(model))
    finally:
        for hook in hooks:
            hook.remove()
    return max(sizes)


def _embedding(model: nn.Module) -> Tensor:
    """Of one prompt, as `Segmenter.embeddings` makes it."""
    matrix = getattr(getattr(model, "scale", None), "matrix", None)
    if matrix is None:
        return torch.empty(1, 1, device="meta")
    n_embedding = matrix.shape[0]
    reads_tokens = getattr(model, "reads_tokens", False)
    shape = (1, 8, n_embedding) if reads_tokens else (1, n_embedding)
    return torch.empty(shape, device="meta")


def _too_much(problem: str, most: str, where: Path) -> BadCheckpoint:
    return BadCheckpoint(
        problem,
        where=where,
        allowed=f"a model takes at most {most}",
        remedy="use another model, or ask whoever made it",
    )
