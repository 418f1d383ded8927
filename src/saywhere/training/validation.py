"""The validation split at the network's size, after each epoch; from the decoded store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saywhere.config import Config
from saywhere.fusion.stack import spread
from saywhere.losses import ReferringLoss
from saywhere.training.setup import Material

N_SPREAD = 256  # rows that the spread is taken over


@dataclass(frozen=True)
class Validation:
    """Dice at the network's size (for selection; `evaluate` measures at the original size). Spread None: image only, or all prompts alike."""

    dice_mean: float
    dice_pooled: float
    loss: float
    spread: float | None


@torch.no_grad()
def validate(
    model: Any, material: Material, config: Config, loss: ReferringLoss, device: torch.device
) -> Validation:
    """With the words of `text.evaluate_prompts`."""
    model.eval()
    overlap, total, values, pseudo_images = [], [], [], []
    numbers = material.table.numbers(material.validation_prompts)
    store, size = material.validation, config.evaluate.batch_size
    for start in range(0, len(numbers), size):
        image = store.images[store.image_of_row[start : start + size]].to(device).float() / 255
        if config.train.channels_last:
            image = image.to(memory_format=torch.channels_last)
        target = store.masks[start : start + size].to(device).float()
        segmentation = model(
            image, material.table.embeddings[numbers[start : start + size]].to(device)
        )
        values.append(loss(segmentation, target, image, target).total * len(image))
        found = (segmentation.logits.float().sigmoid() > config.evaluate.threshold).float()
        overlap.append(
            (found * target).sum((1, 2, 3)).double()
        )  # exact: single precision counts to 16 million only
        total.append((found.sum((1, 2, 3)) + target.sum((1, 2, 3))).double())
        if segmentation.pseudo_image is not None and start < N_SPREAD:
            pseudo_images.append(segmentation.pseudo_image.float())
    both, either = torch.cat(overlap), torch.cat(total)
    loss_mean = float(torch.stack(values).sum() / len(numbers))
    return Validation(
        float(_dice(both, either).mean()),
        float(_dice(both.sum(), either.sum())),
        loss_mean,
        _spread(pseudo_images, numbers),
    )


def _dice(both: Tensor, either: Tensor) -> Tensor:
    """Both empty: 1, as `metrics.functional` has it."""
    return torch.where(either > 0, 2 * both / either.clamp_min(1), torch.ones_like(either))


def _spread(pseudo_images: list[Tensor], prompts: np.ndarray) -> float | None:
    """Between prompts: where all rows say the same there is none to speak of."""
    if not pseudo_images or len(set(prompts[:N_SPREAD].tolist())) < 2:
        return None
    return float(spread(torch.cat(pseudo_images)[:N_SPREAD]))
