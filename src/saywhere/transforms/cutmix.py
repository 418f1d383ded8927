"""CutMix, and what it and photometric changes do to the pseudo-image.

The paper leaves open how prompt, pseudo-image and mask go along. `registered`: colour and blur are
the image's alone, since a prompt has no colour; a pasted patch brings its own part of the
pseudo-image and of the mask. `naive`: the other way about, for comparison.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from saywhere.config import AugmentConfig
from saywhere.seeds import generator
from saywhere.transforms.photometry import Photometry
from saywhere.types import PseudoImage, Stack


class CutMix(NamedTuple):
    """Each sample takes a box of the next one (Yun 2019).

    Attributes:
        box: (batch, 4): top, bottom, left, right, in shares of the side; an empty box changes
            nothing.
    """

    box: np.ndarray

    @property
    def is_still(self) -> bool:
        """True where every box is empty."""
        return not (self.box[:, 1] > self.box[:, 0]).any()

    def __call__(self, picture: Tensor) -> Tensor:
        """Paste the boxes. Gradients flow to both samples.

        Args:
            picture: (batch, channel, height, width), stack or mask.

        Returns:
            The same shape.
        """
        if self.is_still:
            return picture
        height, width = picture.shape[-2:]
        inside = torch.zeros(
            (len(picture), 1, height, width), dtype=torch.bool, device=picture.device
        )
        for sample, (top, bottom, left, right) in enumerate(self.box):
            rows = slice(round(top * height), round(bottom * height))
            columns = slice(round(left * width), round(right * width))
            inside[sample, :, rows, columns] = True
        # The next sample of the batch lends its box; the last one borrows from the first.
        return torch.where(inside, picture.roll(-1, 0), picture)


class Mixing:
    """One batch's CutMix and photometry, as the fusion applies them.

    It is no dataclass: mixed precision would take that for a collection of tensors.
    """

    def __init__(self, cutmix: CutMix, photometry: Photometry, is_naive: bool) -> None:
        """Hold one step's draws.

        Args:
            cutmix: boxes, one per sample.
            photometry: grey levels, blur and noise.
            is_naive: photometry for the pseudo-image too, CutMix for the image alone.
        """
        self.cutmix = cutmix
        self.photometry = photometry
        self.is_naive = is_naive

    def of_words(self, pseudo_image: PseudoImage) -> PseudoImage:
        """Change the pseudo-image before it is stacked.

        Args:
            pseudo_image: (batch, channel, height, width), [0, 1], original frame.

        Returns:
            The same shape; unchanged unless naive.
        """
        return self.photometry(pseudo_image) if self.is_naive else pseudo_image

    def of_stack(self, stack: Stack) -> Stack:
        """Mix the stack of image and pseudo-image.

        Args:
            stack: (batch, 2*channel, height, width), augmented frame.

        Returns:
            The same shape.
        """
        if not self.is_naive:
            return self.cutmix(stack)
        image, words = stack.chunk(2, dim=1)
        return torch.cat([self.cutmix(image), words], dim=1)


def draw_cutmix(config: AugmentConfig, seed: int, step: int, batch: int, first: int = 0) -> CutMix:
    """Draw the boxes of a step, a function of (seed, step, place in the batch).

    Args:
        config: with probability `cutmix` a box whose area is uniform on [0, 0.5] of the frame.
        seed: of the training.
        step: from 0.
        batch: number of samples.
        first: place of the first one in the whole step.

    Returns:
        One box per sample.
    """
    box = np.zeros((batch, 4))
    # By place in the batch and not by row: a box is pasted from the next place's image.
    for sample in range(batch if config.name != "none" else 0):
        random = generator(seed, "cutmix", step, first + sample)
        if random.random() < config.cutmix:
            # The root, since it is the area that is to be uniform.
            side = np.sqrt(random.uniform(0, 0.5))
            # The box lies wholly inside, so that its area is the drawn one.
            top, left = random.uniform(0, 1 - side, 2)
            box[sample] = top, top + side, left, left + side
    return CutMix(box)
