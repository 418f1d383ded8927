"""AdamW over three groups (the rest · text branch · pretrained weights), and its learning rate as
a function of the step.
"""

from __future__ import annotations

import math

import torch

from saywhere.config import OptimizerConfig
from saywhere.modeling.model import Model


def build_optimizer(
    model: Model, config: OptimizerConfig, *, fused: bool = True
) -> torch.optim.AdamW:
    """Make the optimiser; each group carries `factor`, its rate relative to the base rate.

    Args:
        model: its trained parameters, text parameters and pretrained parameters are told apart.
        config: rates and weight decay.
        fused: one kernel for all weights. False for `16-mixed`: there the gradients must be
            unscaled before they are clipped, and a fused step would unscale them again.

    Returns:
        AdamW over the groups that have parameters.
    """
    text = {id(p) for p in model.text_parameters()}
    # Only some networks come with pretrained weights.
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
    optimizer: torch.optim.Optimizer, config: OptimizerConfig, step: int, n_steps: int
) -> float:
    """Set every group's rate for a step.

    Args:
        optimizer: made by `build_optimizer`.
        config: base rate and schedule.
        step: from 0.
        n_steps: of the whole training.

    Returns:
        The base rate.
    """
    rate = config.learning_rate * schedule(config, step / max(1, n_steps))
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
    return rate


def schedule(config: OptimizerConfig, progress: float) -> float:
    """Compute the share of the full rate at a point of the training.

    Args:
        config: `cosine` falls to 0 (Loshchilov 2017); `one-cycle` rises for the first 30 %.
        progress: share of the training that is done, [0, 1].

    Returns:
        A factor in [0, 1].
    """
    warmup = 0.3 if config.schedule == "one-cycle" else config.warmup
    if progress < warmup:
        # The very first step would otherwise have a rate of 0, and be lost.
        return max(progress / warmup, 0.04)
    if config.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))
