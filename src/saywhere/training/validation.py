"""The validation split at the network's size, after each epoch; from the decoded store."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from saywhere.config import EvaluateConfig
from saywhere.data.sampler import Sampler
from saywhere.fusion.stack import spread
from saywhere.losses import ReferringLoss
from saywhere.training.processes import Processes
from saywhere.training.setup import Material

N_SPREAD = 256
"""Rows that the spread is taken over."""


@dataclass(frozen=True)
class Validation:
    """Dice at the network's size, for selection; `evaluate` measures at the original size.

    Attributes:
        dice_mean: mean over rows, [0, 1].
        dice_pooled: over the pixels of all rows together, [0, 1].
        loss: mean total loss per row.
        spread: of the pseudo-image between prompts; None where there is no pseudo-image, or all
            prompts are alike.
        dice_per_image: mean over the rows of each image, [0, 1], in the store's order.
    """

    dice_mean: float
    dice_pooled: float
    loss: float
    spread: float | None
    dice_per_image: list[float]


class Measured(NamedTuple):
    """What one batch of validation rows gave, on the processor."""

    first: int
    """its first row"""
    overlap: Tensor
    total: Tensor
    loss: Tensor
    """times its rows, since the last batch may be smaller"""
    pseudo_image: Tensor | None


@torch.no_grad()
def validate(
    model: Any,
    material: Material,
    config: EvaluateConfig,
    loss: ReferringLoss,
    device: torch.device,
    memory_format: torch.memory_format = torch.contiguous_format,
    processes: Processes | None = None,
) -> Validation:
    """Measure a model on the validation rows, with the prompts of `text.evaluate_prompts`.

    It draws no random number, so that a training goes on the same with and without it.

    Args:
        model: image and embedding → Segmentation; left in eval mode.
        material: its validation images, masks and prompts are used.
        config: batch size and threshold.
        loss: the training's own.
        device: where the model is.
        memory_format: of the images.
        processes: that share the batches; None: this one takes all.

    Returns:
        The measures of all rows, equal in each process.
    """
    model.eval()
    processes = processes or Processes()
    numbers = material.table.numbers(material.validation_prompts)
    mine = []
    for part in islice(Sampler(len(numbers), config.batch_size), processes.rank, None, processes.n):
        pixels, masks = material.validation.pixels(part)
        image = pixels.to(device).float() / 255
        image = image.to(memory_format=memory_format)
        target = masks.to(device).float()
        segmentation = model(image, material.table.embeddings[numbers[part]].to(device))
        value = loss(segmentation, target, image, target).total * len(image)
        mask = (segmentation.logits.float().sigmoid() > config.threshold).float()
        # Double: single precision counts pixels exactly to 16 million only.
        overlap = (mask * target).sum((1, 2, 3)).double()
        total = (mask.sum((1, 2, 3)) + target.sum((1, 2, 3))).double()
        words = segmentation.pseudo_image if part[0] < N_SPREAD else None
        words = None if words is None else words.float().cpu()
        mine.append(Measured(part[0], overlap.cpu(), total.cpu(), value.cpu(), words))
    return _together(sorted(processes.gathered(mine), key=attrgetter("first")), material, numbers)


def _together(batches: list[Measured], material: Material, numbers: np.ndarray) -> Validation:
    """In the rows' order, so that the number of processes changes not even a last bit."""
    both = torch.cat([batch.overlap for batch in batches])
    either = torch.cat([batch.total for batch in batches])
    losses = torch.stack([batch.loss for batch in batches])
    pseudo_images = [one.pseudo_image for one in batches if one.pseudo_image is not None]
    per_row = _dice(both, either)
    return Validation(
        dice_mean=float(per_row.mean()),
        dice_pooled=float(_dice(both.sum(), either.sum())),
        loss=float(losses.sum() / len(numbers)),
        spread=_spread(pseudo_images, numbers),
        dice_per_image=_per_image(
            per_row.numpy(), np.asarray(material.validation.decoded.image_of_row)
        ),
    )


def _dice(both: Tensor, either: Tensor) -> Tensor:
    """Both empty: 1, as `metrics.functional` has it."""
    return torch.where(either > 0, 2 * both / either.clamp_min(1), torch.ones_like(either))


def _per_image(per_row: np.ndarray, image_of_row: np.ndarray) -> list[float]:
    """Rows of one image are no independent cases: they count as one."""
    _, image = np.unique(image_of_row, return_inverse=True)
    means: np.ndarray = np.bincount(image, per_row) / np.bincount(image)
    return [float(mean) for mean in means]


def _spread(pseudo_images: list[Tensor], prompts: np.ndarray) -> float | None:
    """Between prompts: where all prompts are alike there is none to measure."""
    if not pseudo_images or len(set(prompts[:N_SPREAD].tolist())) < 2:
        return None
    return float(spread(torch.cat(pseudo_images)[:N_SPREAD]))
