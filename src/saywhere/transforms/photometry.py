"""Photometric changes: grey levels, blur and noise, for the image alone and never for the mask."""

from __future__ import annotations

import math
from dataclasses import dataclass

import kornia
import numpy as np
import torch
from torch import Tensor

from saywhere.phases import phase
from saywhere.seeds import torch_generator
from saywhere.types import Image

Rows = np.ndarray
"""One float32 number per sample, shape (batch,)."""


@dataclass(frozen=True)
class Photometry:
    """What was done to each image's grey levels.

    Attributes:
        brightness: added; 0 changes nothing.
        contrast: factor about the mean; 1 changes nothing.
        saturation: factor about grey, of colour images; 1 changes nothing.
        gamma: exponent; 1 changes nothing.
        blur: σ of a Gaussian, in pixels; 0 changes nothing.
        noise: σ of the noise on [0, 1], of all samples; 0 changes nothing.
        noise_keys: (seed, step, sample), one per row; the noise is a function of it.
    """

    brightness: Rows
    contrast: Rows
    saturation: Rows
    gamma: Rows
    blur: Rows
    noise: float
    noise_keys: list[tuple[int, int, int]]

    @classmethod
    def alike(cls, batch: int, noise: float = 0.0, **changes: float) -> Photometry:
        """Make one photometry for every sample.

        Args:
            batch: number of samples.
            noise: σ of the noise on [0, 1]; the draws differ from sample to sample.
            **changes: field → number; a field that is not named changes nothing.

        Returns:
            A photometry of so many samples.
        """
        still = {"brightness": 0.0, "contrast": 1.0, "saturation": 1.0, "gamma": 1.0, "blur": 0.0}
        rows = {
            name: np.full(batch, value, np.float32) for name, value in (still | changes).items()
        }
        return cls(**rows, noise=noise, noise_keys=[(0, 0, number) for number in range(batch)])

    @phase("augment")
    def __call__(self, image: Image) -> Image:
        """Change a batch.

        Args:
            image: (batch, channel, height, width), [0, 1].

        Returns:
            The same shape, [0, 1].
        """
        if self.brightness.any():
            image = kornia.enhance.adjust_brightness(image, self._rows(self.brightness, image))
        if (self.contrast != 1).any():
            image = kornia.enhance.adjust_contrast_with_mean_subtraction(
                image, self._rows(self.contrast, image)
            )
        # A grey image has no saturation.
        if image.shape[1] == 3 and (self.saturation != 1).any():
            image = kornia.enhance.adjust_saturation_with_gray_subtraction(
                image, self._rows(self.saturation, image)
            )
        if (self.gamma != 1).any():
            image = kornia.enhance.adjust_gamma(image, self._rows(self.gamma, image))
        if self.blur.any():
            image = self._blurred(image)
        return self._with_noise(image) if self.noise else image

    def _blurred(self, image: Image) -> Image:
        # A σ of 0 has no kernel: this one is a single pixel.
        sigma = self._rows(self.blur, image).clamp_min(1e-3)
        # Three σ on each side hold 99.7 % of a Gaussian. The size is odd, so that it has a middle.
        side = 2 * math.ceil(3 * float(self.blur.max())) + 1
        return kornia.filters.gaussian_blur2d(image, (side, side), torch.stack([sigma, sigma], 1))

    def _with_noise(self, image: Image) -> Image:
        # Drawn on the CPU, so that every device is given the same numbers.
        numbers = [torch_generator(seed, "image noise", *key) for seed, *key in self.noise_keys]
        draws = torch.stack([torch.randn(image.shape[1:], generator=one) for one in numbers])
        # Noise alone can leave [0, 1]; kornia clamps what it changed before.
        return (image + self.noise * draws.to(image.device)).clamp(0, 1)

    @staticmethod
    def _rows(rows: Rows, image: Image) -> Tensor:
        return torch.from_numpy(rows).to(image.device)
