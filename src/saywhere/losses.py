"""The training's loss: segmentation in the augmented frame, plus λ · L1(pseudo-image, image · mask)
in the original frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from monai.losses import DiceCELoss, DiceLoss
from torch import Tensor, nn
from torch.nn.functional import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    interpolate,
)

from saywhere.config import LossConfig
from saywhere.errors import UsageError
from saywhere.types import Image, Mask, PseudoImage, Segmentation

SEED = 8
"""The generator enlarges its seed so many times."""


@dataclass
class Loss:
    """Scalars of one step.

    Attributes:
        total: segmentation + λ · roi + weight · presence; its gradient trains the model.
        segmentation: first term, detached.
        roi: second term without λ, detached; 0 without a pseudo-image.
        presence: third term without its weight, detached; None without a presence head.
    """

    total: Tensor
    segmentation: Tensor
    roi: Tensor
    presence: Tensor | None = None

    def parts(self) -> Tensor:
        """Put all terms side by side.

        Returns:
            (3,) or, with a presence head, (4,): in the order of the attributes, detached.
        """
        beside = [] if self.presence is None else [self.presence]
        return torch.stack([self.total.detach(), self.segmentation, self.roi, *beside])


class SegmentationLoss(nn.Module):
    """The first term.

    `dice_ce` and `dice` work on logits. `paper_code_*` work on sigmoided output, as the public code
    does, for comparison only: `paper_code_softmax` (MONAI 1.0: softmax over one channel, so that
    cross-entropy is 0 and Dice is left) and `paper_code_sigmoid` (recent MONAI: cross-entropy takes
    the probability for a logit, a double sigmoid).
    """

    def __init__(self, name: str) -> None:
        """Choose the loss.

        Args:
            name: value of `loss.name`.
        """
        super().__init__()
        self.name = name
        self.on_logits = not name.startswith("paper_code")
        if name in ("dice", "paper_code_softmax"):
            self.loss: nn.Module = DiceLoss(sigmoid=self.on_logits)
        else:
            self.loss = DiceCELoss(sigmoid=self.on_logits)

    def forward(self, logits: Any, target: Mask) -> Tensor:
        """Compute the loss of a batch.

        Args:
            logits: whatever the network gave.
            target: (batch, 1, height, width), 0 or 1, augmented frame.

        Returns:
            A scalar.

        Raises:
            UsageError: where the network's output is not one logit per pixel.
        """
        if not isinstance(logits, Tensor) or logits.shape != target.shape:
            is_tensor = isinstance(logits, Tensor)
            what = f"of shape {tuple(logits.shape)}" if is_tensor else f"a {type(logits).__name__}"
            raise UsageError(
                f"the network's output is {what}",
                allowed=f"it must be one logit a pixel, {tuple(target.shape)}",
                remedy="build the network with one output channel, at the size that came in",
            )
        return self.loss(logits if self.on_logits else logits.sigmoid(), target)


def roi_loss(name: str, pseudo_image: PseudoImage, image: Image, mask: Mask) -> Tensor:
    """Compare the pseudo-image with the image inside of its region of interest.

    `paper` is the mean of L1 over the frame. Where the region is small, black everywhere is nearly
    optimal, and the prompts fall silent. `balanced` averages the region and its surroundings apart,
    each counting half; a frame with an empty region counts its surroundings alone. `mask` is
    cross-entropy between the pseudo-image and the mask, averaged as in `balanced`: the prompt draws
    where, and no more; what is nowhere likelier than elsewhere becomes 0.5. `blurred-mask` is the
    same against the mask as the generator's 8 × smaller seed sees it.

    Args:
        name: value of `loss.roi`, but for `none`.
        pseudo_image: (batch, channel, height, width), [0, 1], original frame.
        image: of the same shape, [0, 1], original frame.
        mask: (batch, 1, height, width), 0 or 1, original frame.

    Returns:
        A scalar.
    """
    if name in ("mask", "blurred-mask"):
        drawn = mask if name == "mask" else _blurred(mask)
        difference = binary_cross_entropy(
            pseudo_image, drawn.expand_as(pseudo_image), reduction="none"
        )
    else:
        difference = (pseudo_image - image * mask).abs()
    if name == "paper":
        return difference.mean()
    inside = mask.expand_as(difference)
    # An empty region, or one that fills the frame, has a mean of 0 here instead of a NaN.
    area = inside.sum((1, 2, 3))
    within = (difference * inside).sum((1, 2, 3)) / area.clamp_min(1)
    around = (difference * (1 - inside)).sum((1, 2, 3)) / (inside[0].numel() - area).clamp_min(1)
    return torch.where(area > 0, (within + around) / 2, around).mean()


def _blurred(mask: Mask) -> Tensor:
    """Averaged over 8 × 8 pixels, and enlarged again: (batch, 1, height, width) in [0, 1]."""
    small = interpolate(mask, scale_factor=1 / SEED, mode="area")
    return interpolate(small, mask.shape[-2:], mode="bilinear", align_corners=False)


def presence_loss(presence: Tensor, target: Mask) -> Tensor:
    """Compare the answer "it is there" with the target; cross-entropy.

    The target is what is left after augmentation: a crop without the lesion holds none.

    Args:
        presence: (batch,), logits.
        target: (batch, 1, height, width), 0 or 1, augmented frame.

    Returns:
        A scalar.
    """
    is_there = target.flatten(1).amax(1) > 0
    return binary_cross_entropy_with_logits(presence.float(), is_there.float())


class ReferringLoss(nn.Module):
    """All terms. λ is `roi_weight` once `roi_after` of the training is done, 0 before."""

    def __init__(self, config: LossConfig) -> None:
        """Choose both terms.

        Args:
            config: names and weights.
        """
        super().__init__()
        self.config = config
        self.segmentation = SegmentationLoss(config.name)

    def forward(
        self,
        segmentation: Segmentation,
        target: Mask,
        image: Image,
        mask: Mask,
        progress: float = 1.0,
    ) -> Loss:
        """Compute the loss of a batch.

        Args:
            segmentation: the model's answer: logits (augmented frame), pseudo-image (original
                frame).
            target: (batch, 1, height, width), 0 or 1, augmented frame.
            image: (batch, channel, height, width), [0, 1], original frame.
            mask: (batch, 1, height, width), 0 or 1, original frame.
            progress: share of the training that is done, [0, 1].

        Returns:
            The total and its parts.
        """
        # In float32, also where the network ran in half precision.
        value = self.segmentation(segmentation.logits.float(), target)
        beside = self._presence(segmentation, target)
        weight = self.config.roi_weight if progress >= self.config.roi_after else 0.0
        shown = None if beside is None else beside.detach()
        if segmentation.pseudo_image is None or self.config.roi == "none":
            return Loss(self._sum(value, beside), value.detach(), value.new_zeros(()), shown)
        roi = roi_loss(self.config.roi, segmentation.pseudo_image.float(), image, mask)
        # Without weight, the text branch gets no gradient of this term at all.
        total = value + weight * roi if weight else value
        return Loss(self._sum(total, beside), value.detach(), roi.detach(), shown)

    def _presence(self, segmentation: Segmentation, target: Mask) -> Tensor | None:
        if segmentation.presence is None:
            return None
        return presence_loss(segmentation.presence, target)

    def _sum(self, value: Tensor, presence: Tensor | None) -> Tensor:
        # Nothing is added where there is no head: not even a last bit may differ.
        return value if presence is None else value + self.config.presence * presence
