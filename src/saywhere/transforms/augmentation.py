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
    """Draws geometries and photometries: a function of (seed, step, sample), in any process."""

    def __init__(self, config: AugmentConfig | None = None) -> None:
        """Hold the ranges.

        Args:
            config: the ranges; None for the paper's.
        """
        self.config = config or AugmentConfig()
        self.has_geometry = self.config.name != "none"

    def draw(self, seed: int, step: int, samples: Sequence[int]) -> Geometry:
        """Draw the geometry of a step.

        Args:
            seed: of the training.
            step: from 0.
            samples: row numbers.

        Returns:
            One geometry per sample; still where the augmentation is `none`.
        """
        if not self.has_geometry:
            return Geometry.still(len(samples))
        # A generator per sample: neither the batch nor the number of workers changes a draw.
        drawn = [self._draw_one(generator(seed, "geometry", step, i)) for i in samples]
        return Geometry(*np.array(drawn, np.float32).T)

    def draw_photometry(self, seed: int, step: int, samples: Sequence[int]) -> Photometry:
        """Draw the photometry of a step.

        Args:
            seed: of the training.
            step: from 0.
            samples: row numbers.

        Returns:
            One photometry per sample; identity where the augmentation is `none`.
        """
        c = self.config
        on = self.has_geometry
        # Times `on`, so that augmentation `none` leaves the grey levels alone too.
        spans = np.array([c.brightness, c.contrast, c.saturation, c.gamma]) * on
        draws = np.zeros((len(samples), 4))
        # Without a span there is nothing to draw, and making a generator per sample costs time.
        if spans.any():
            numbers = [generator(seed, "photometry", step, i) for i in samples]
            draws = np.array([random.uniform(-spans, spans) for random in numbers])
        blur = np.zeros(len(samples))
        if c.blur * on:
            # A purpose of its own: switching blur on changes no draw of the grey levels.
            numbers = [generator(seed, "blur", step, i) for i in samples]
            blur = np.array([random.uniform(0, c.blur) for random in numbers])
        brightness, contrast, saturation, gamma = draws.astype(np.float32).T
        return Photometry(
            brightness=brightness,
            contrast=1 + contrast,
            saturation=1 + saturation,
            gamma=1 + gamma,
            blur=blur.astype(np.float32),
            noise=c.noise * on,
            noise_keys=[(seed, step, int(i)) for i in samples],
        )

    def _draw_one(self, random: np.random.Generator) -> tuple[float, ...]:
        """The order of these draws is part of a seed's meaning: it may not change."""
        c = self.config
        flips = (random.random(2) < (c.horizontal_flip, c.vertical_flip)).astype(float)
        is_turned = random.random() < c.affine
        degrees = random.uniform(-c.degrees, c.degrees)
        scale = random.uniform(*c.scale)
        shift = random.uniform(-c.translate, c.translate, 2)
        # Drawn either way: another `affine` changes which samples turn, not how far.
        return (*flips, degrees, scale, *shift) if is_turned else (*flips, 0.0, 1.0, 0.0, 0.0)
