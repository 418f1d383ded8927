"""Projection and generator alone: prompt → pseudo-image, before or without any network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from saywhere.data.training_set import TrainingSet
from saywhere.fusion.text_branch import TextBranch
from saywhere.losses import roi_loss
from saywhere.seeds import torch_generator

BATCH_SIZE = 32


def train_words(
    model: TextBranch,
    training: TrainingSet,
    steps: int,
    *,
    noise_std: float,
    roi: str = "mask",
    advance: Callable[[int], None] = lambda step: None,
) -> None:
    """Train projection and generator by the region-of-interest loss; AdamW, 1e-3, float32.

    A network that meets a pseudo-image which already says where has a reason to look at it: an
    image is otherwise learned faster than prompts, and what is learned last is not heard.

    Args:
        model: changed in place.
        training: its rows and prompts; batches of 32 without absent targets.
        steps: how many; 0 changes nothing.
        noise_std: σ of the noise on the scaled embedding.
        roi: name of the loss, see `losses.roi_loss`.
        advance: called with the number of each step that is done, from 1.
    """
    training = _without_absent(training)
    device = next(model.parameters()).device
    parameters = [*model.projection.parameters(), *model.generator.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3)
    for step in range(steps):
        batch = training.batch(step)
        # Drawn on the CPU, so that every device is given the same numbers.
        noise = torch.randn(
            (BATCH_SIZE, model.scale.dims[1]),
            generator=torch_generator(training.config.seed, "words first", step),
        )
        pseudo_image = model.generate(batch.embedding.to(device), (noise_std * noise).to(device))
        loss = roi_loss(roi, pseudo_image, batch.image.to(device), batch.mask.to(device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        advance(step + 1)


def _without_absent(training: TrainingSet) -> TrainingSet:
    """An absent target would be learned as a black pseudo-image, whatever its prompt says."""
    none = {"absent": 0.0, "denied": 0.0, "foreign": 0.0, "borrowed": 0.0}
    data = training.prompts.data.model_copy(update=none)
    # Each process takes the same steps.
    alone = {"batch_size": BATCH_SIZE, "accumulate": 1, "devices": 1, "nodes": 1}
    config = training.config.model_copy(update=alone)
    return replace(training, prompts=replace(training.prompts, data=data), config=config)
