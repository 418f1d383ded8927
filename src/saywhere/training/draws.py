"""What a step needs beside its batch: geometry, photometry, mixing and noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from saywhere.config import AugmentConfig, TrainConfig
from saywhere.phases import phase
from saywhere.seeds import torch_generator
from saywhere.training.setup import Material
from saywhere.transforms.augmentation import Augmentation
from saywhere.transforms.cutmix import Mixing, draw_cutmix
from saywhere.transforms.geometry import Geometry
from saywhere.transforms.photometry import Photometry


@dataclass(frozen=True)
class StepDraws:
    """The random draws of one step.

    Attributes:
        geometry: moves the stack and the mask together, as the prompt policy has it.
        photometry: changes the image's grey levels, in the original frame.
        mixing: CutMix and photometry, as the model applies them to the stack.
        noise: (batch, scaled), added to the scaled embedding; None for no noise.
    """

    geometry: Geometry
    photometry: Photometry
    mixing: Mixing
    noise: Tensor | None


class StepSampler:
    """Draws each step's numbers: a function of (seed, step, sample), in any process."""

    def __init__(self, config: AugmentConfig, material: Material, train: TrainConfig) -> None:
        """Hold what is drawn from.

        Args:
            config: the ranges.
            material: its policy, scale and σ of the noise are used.
            train: its seed and the samples of a step are used.
        """
        self.config, self.material = config, material
        self.seed = train.seed
        self.n_samples = train.batch_size * train.parts
        self.augmentation = Augmentation(config)

    @phase("augment")
    def draw(
        self, step: int, rows: Sequence[int], device: torch.device, first: int = 0
    ) -> StepDraws:
        """Draw for one batch of a step.

        Args:
            step: from 0.
            rows: the batch's row numbers.
            device: where the noise goes.
            first: place of the batch's first sample in the whole step.

        Returns:
            The draws, one sample per row.
        """
        drawn = self.augmentation.draw(self.seed, step, rows)
        photometry = self.augmentation.draw_photometry(self.seed, step, rows)
        cutmix = draw_cutmix(self.config, self.seed, step, len(rows), first)
        return StepDraws(
            geometry=self.material.policy.geometry(drawn),
            photometry=photometry,
            mixing=Mixing(cutmix, photometry, self.config.words == "naive"),
            noise=self._noise(step, slice(first, first + len(rows)), device),
        )

    def _noise(self, step: int, places: slice, device: torch.device) -> Tensor | None:
        if self.material.scale is None or not self.material.noise_std:
            return None
        # Drawn on the CPU, so that every device is given the same numbers.
        numbers = torch_generator(self.seed, "embedding noise", step)
        # Of the whole step in every process, so that a sample's noise is the same in any.
        draws = torch.randn((self.n_samples, self.material.scale.dims[1]), generator=numbers)
        return (self.material.noise_std * draws[places]).to(device)
