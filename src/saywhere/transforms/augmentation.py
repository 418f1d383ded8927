"""Draws geometries and photometries; `geometry` and `photometry` apply them.

Drawing and applying are apart: a draw is plain numbers, a function of (seed, step, sample).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from saywhere.config import AugmentConfig
from saywhere.seeds import generator
from saywhere.transforms.geometry import Geometry
from saywhere.transforms.photometry import Photometry


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
