"""Photometric changes: grey levels, blur and noise, for the image alone and never for the mask."""

from __future__ import annotations

import math
from dataclasses import dataclass

import kornia
import numpy as np
import torch
from torch import Tensor

from saywhere.seeds import torch_generator
from saywhere.types import Image

Rows = np.ndarray
"""One float32 number per sample, shape (batch,)."""


@dataclass(frozen=True)
class Photometry:
    """What was done to each image's grey levels; identity: brightness 0, contrast 1, saturation 1,
    gamma 1, blur 0, noise 0.
    """

    brightness: Rows
    contrast: Rows
    saturation: Rows
    gamma: Rows
    blur: Rows
    """σ in pixels"""
    noise: float
    noise_keys: list[tuple[int, int, int]]
    """(seed, step, sample), one a row"""

    def __call__(self, image: Image) -> Image:
        """Image in [0, 1] → image in [0, 1]."""
        if self.brightness.any():
            image = kornia.enhance.adjust_brightness(image, self._rows(self.brightness, image))
        if (self.contrast != 1).any():
            image = kornia.enhance.adjust_contrast_with_mean_subtraction(
                image, self._rows(self.contrast, image)
            )
        if image.shape[1] == 3 and (self.saturation != 1).any():
            image = kornia.enhance.adjust_saturation_with_gray_subtraction(
                image, self._rows(self.saturation, image)
            )
        if (self.gamma != 1).any():
            image = kornia.enhance.adjust_gamma(image, self._rows(self.gamma, image))
        if self.blur.any():
            sigma = self._rows(self.blur, image).clamp_min(1e-3)  # a kernel of one pixel
            side = 2 * math.ceil(3 * float(self.blur.max())) + 1
            image = kornia.filters.gaussian_blur2d(
                image, (side, side), torch.stack([sigma, sigma], 1)
            )
        if self.noise:
            draws = torch.stack(
                [
                    torch.randn(
                        image.shape[1:], generator=torch_generator(key[0], "image noise", *key[1:])
                    )
                    for key in self.noise_keys
                ]
            )
            image = (image + self.noise * draws.to(image.device)).clamp(0, 1)
        return image

    @staticmethod
    def _rows(rows: Rows, image: Image) -> Tensor:
        return torch.from_numpy(rows).to(image.device)
