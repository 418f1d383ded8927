"""AdamW over three groups (the rest · text branch · pretrained weights) and its learning rate as a function of the step."""

from __future__ import annotations

import math

import torch

from saywhere.config import Config, OptimizerConfig
from saywhere.modeling.model import Model


def build_optimizer(
    model: Model, config: OptimizerConfig, *, fused: bool = True
) -> torch.optim.AdamW:
    """Each group carries `factor`, its rate relative to `optimizer.learning_rate`.

    One kernel for all weights (`fused`), but for `16-mixed`: there the gradients must be unscaled before they are clipped, and a fused step would do it again.
    """
    text = {id(p) for p in model.text_parameters()}
    pretrained = {id(p) for p in getattr(model.network, "pretrained_parameters", list)()} - text
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if id(p) not in pretrained | text], "factor": 1.0},
        {"params": [p for p in trained if id(p) in text], "factor": config.text_factor},
        {"params": [p for p in trained if id(p) in pretrained], "factor": config.pretrained_factor},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        fused=fused,
    )


def set_learning_rate(
    optimizer: torch.optim.Optimizer, config: Config, step: int, n_steps: int
) -> float:
    """Set every group's rate for this step; returns the base rate."""
    rate = config.optimizer.learning_rate * schedule(config.optimizer, step / max(1, n_steps))
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
    return rate


def schedule(config: OptimizerConfig, progress: float) -> float:
    """Share of the full rate at this share of the training; `cosine` falls to 0 (Loshchilov 2017), `one-cycle` rises for the first 30 %."""
    warmup = 0.3 if config.schedule == "one-cycle" else config.warmup
    if progress < warmup:
        return max(progress / warmup, 0.04)
    if config.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))
