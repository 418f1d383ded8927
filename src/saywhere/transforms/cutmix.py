"""What changes a batch's values and not its places: colour, blur, CutMix; and what that does to the
words' picture.

The paper leaves open how prompt, pseudo-image and mask go along. `registered`: colour and blur are
the image's alone, for the words have no
colour; a pasted patch brings its own part of the pseudo-image and of the mask. `naive`: the other
way about, to compare with.
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
    """Each sample takes a box of the next one's (Yun 2019): (batch, 4) of top, bottom, left, right
    in shares of the side; an empty box changes nothing.
    """

    box: np.ndarray

    @property
    def is_still(self) -> bool:
        return not (self.box[:, 1] > self.box[:, 0]).any()

    def __call__(self, picture: Tensor) -> Tensor:
        """(batch, channel, height, width), stack or mask → the same shape.

        Gradients flow to both samples.
        """
        if self.is_still:
            return picture
        height, width = picture.shape[-2:]
        inside = torch.zeros(
            (len(picture), 1, height, width), dtype=torch.bool, device=picture.device
        )
        for sample, (top, bottom, left, right) in enumerate(self.box):
            inside[
                sample,
                :,
                round(top * height) : round(bottom * height),
                round(left * width) : round(right * width),
            ] = True
        return torch.where(inside, picture.roll(-1, 0), picture)


class Mixing:
    """One batch's CutMix and photometry, as the fusion applies them. (No dataclass: mixed precision
    would take it for a collection of tensors.)
    """

    def __init__(self, cutmix: CutMix, photometry: Photometry, is_naive: bool) -> None:
        self.cutmix, self.photometry, self.is_naive = cutmix, photometry, is_naive

    def of_words(self, pseudo_image: PseudoImage) -> PseudoImage:
        """The pseudo-image before it is stacked."""
        return self.photometry(pseudo_image) if self.is_naive else pseudo_image

    def of_stack(self, stack: Stack) -> Stack:
        """The stack of image and pseudo-image, in the augmented frame."""
        if not self.is_naive:
            return self.cutmix(stack)
        image, words = stack.chunk(2, dim=1)
        return torch.cat([self.cutmix(image), words], dim=1)


def draw_cutmix(config: AugmentConfig, seed: int, step: int, batch: int) -> CutMix:
    """Of each sample's place in the batch: with probability `augment.cutmix` a box whose area is
    uniform on [0, 0.5] of the frame.
    """
    box = np.zeros((batch, 4))
    for sample in range(batch if config.name != "none" else 0):
        random = generator(seed, "cutmix", step, sample)
        if random.random() < config.cutmix:
            side = np.sqrt(random.uniform(0, 0.5))
            top, left = random.uniform(0, 1 - side, 2)
            box[sample] = top, top + side, left, left + side
    return CutMix(box)
