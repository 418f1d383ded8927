"""One geometry for the stack and the mask; photometric changes for the image alone.

Drawing and applying are apart: `draw` gives plain numbers, one row a sample, that can be printed,
stored, replayed and
inverted; applying them is deterministic and differentiable. The only file that imports kornia.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import kornia
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from saywhere.config import AugmentConfig
from saywhere.seeds import generator, torch_generator
from saywhere.types import Image

Rows = np.ndarray
"""float32 (batch,)."""


class Geometry(NamedTuple):
    """What was done to each sample: flips first, then rotation (degrees, counter-clockwise), scale
    and translation about the centre.

    Each field holds one number a sample; translation is in shares of the side, to the right and
    down.
    """

    horizontal_flip: Rows
    vertical_flip: Rows
    degrees: Rows
    scale: Rows
    translate_right: Rows
    translate_down: Rows

    @classmethod
    def still(cls, batch: int) -> Geometry:
        """Nothing is moved."""
        zero = np.zeros(batch, np.float32)
        return cls(zero, zero, zero, np.ones(batch, np.float32), zero, zero)

    @classmethod
    def alike(cls, batch: int, **changes: int | float) -> Geometry:
        """The same for every sample: still, but for what is named."""
        return cls.still(batch)._replace(
            **{name: np.full(batch, value, np.float32) for name, value in changes.items()}
        )

    @property
    def is_still(self) -> bool:
        moved = [
            self.horizontal_flip,
            self.vertical_flip,
            self.degrees,
            self.scale - 1,
            self.translate_right,
            self.translate_down,
        ]
        return not any(rows.any() for rows in moved)

    def record(self) -> list[dict[str, float]]:
        """One plain dictionary a sample: print it, store it, replay it with `from_record`."""
        return [dict(zip(self._fields, row)) for row in zip(*(rows.tolist() for rows in self))]

    @classmethod
    def from_record(cls, record: Sequence[dict[str, float]]) -> Geometry:
        """The inverse of `record`."""
        return cls(*(np.array([row[name] for row in record], np.float32) for name in cls._fields))

    def matrix(self, height: int, width: int) -> Float[Tensor, "batch 3 3"]:
        """Pixel coordinates before → after, homogeneous (x, y, 1),
        pixel centres at whole numbers.
        """
        n = len(self.degrees)
        centre = torch.tensor([(width - 1) / 2, (height - 1) / 2], dtype=torch.float64).expand(n, 2)
        shift = torch.from_numpy(
            np.stack([self.translate_right * width, self.translate_down * height], 1)
        ).double()
        scale = torch.from_numpy(self.scale).double()[:, None].expand(n, 2)
        turn = kornia.geometry.transform.get_affine_matrix2d(
            shift, centre, scale, torch.from_numpy(-self.degrees).double()
        )
        mirror = torch.eye(3, dtype=torch.float64).repeat(n, 1, 1)
        for axis, flipped in enumerate((self.horizontal_flip, self.vertical_flip)):
            is_flipped = torch.from_numpy(flipped > 0.5)
            mirror[is_flipped, axis, axis] = -1
            mirror[is_flipped, axis, 2] = 2 * centre[0, axis]
        return turn @ mirror

    def __call__(
        self, picture: Float[Tensor, "batch anything height width"], mode: str = "bilinear"
    ) -> Float[Tensor, "batch anything height width"]:
        """Move a stack (`bilinear`) or a mask (`nearest`); what comes in from outside is 0.

        Gradients flow through.
        """
        return self._warp(picture, self.matrix(*picture.shape[-2:]), mode)

    def undo(
        self, picture: Float[Tensor, "batch anything height width"], mode: str = "bilinear"
    ) -> Float[Tensor, "batch anything height width"]:
        """Move back, up to interpolation and what left the frame."""
        return self._warp(picture, torch.linalg.inv(self.matrix(*picture.shape[-2:])), mode)

    def _warp(self, picture: Tensor, matrix: Tensor, mode: str) -> Tensor:
        if self.is_still:
            return picture
        height, width = picture.shape[-2:]
        affine = matrix[:, :2].to(picture.device, torch.float32)
        return kornia.geometry.transform.warp_affine(
            picture, affine, (height, width), mode=mode, padding_mode="zeros", align_corners=True
        )


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


class Augmentation:
    """Draws geometries and photometries: a function of (seed, step, sample), in any process.

    `config`: the ranges; None for the paper's.
    """

    def __init__(self, config: AugmentConfig | None = None) -> None:
        self.config = config = config or AugmentConfig()
        self.has_geometry = config.name != "none"

    def draw(self, seed: int, step: int, samples: Sequence[int]) -> Geometry:
        """The geometry of each sample at this step. `samples` are row numbers."""
        if not self.has_geometry:
            return Geometry.still(len(samples))
        return Geometry(
            *np.array(
                [self._draw_one(generator(seed, "geometry", step, i)) for i in samples], np.float32
            ).T
        )

    def draw_photometry(self, seed: int, step: int, samples: Sequence[int]) -> Photometry:
        """The photometry of each sample at this step; identity where the augmentation is `none`."""
        c, on = self.config, self.has_geometry
        spans = np.array([c.brightness, c.contrast, c.saturation, c.gamma]) * on
        draws = np.array(
            [generator(seed, "photometry", step, i).uniform(-spans, spans) for i in samples]
            if spans.any()
            else np.zeros((len(samples), 4))
        )
        brightness, contrast, saturation, gamma = draws.astype(np.float32).T
        blur = np.array(
            [generator(seed, "blur", step, i).uniform(0, c.blur * on) for i in samples]
            if c.blur * on
            else np.zeros(len(samples)),
            np.float32,
        )
        return Photometry(
            brightness,
            1 + contrast,
            1 + saturation,
            1 + gamma,
            blur,
            c.noise * on,
            [(seed, step, int(i)) for i in samples],
        )

    def _draw_one(self, random: np.random.Generator) -> tuple[float, ...]:
        c = self.config
        flips = (random.random(2) < (c.horizontal_flip, c.vertical_flip)).astype(float)
        is_turned = random.random() < c.affine
        degrees, scale = random.uniform(-c.degrees, c.degrees), random.uniform(*c.scale)
        shift = random.uniform(-c.translate, c.translate, 2)
        return (*flips, degrees, scale, *shift) if is_turned else (*flips, 0.0, 1.0, 0.0, 0.0)
