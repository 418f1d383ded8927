"""Losses against MONAI called directly, and against NumPy."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from monai.losses import DiceCELoss, DiceLoss
from PIL import Image as PillowImage
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_sample_weight
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from saywhere.config import LossConfig
from saywhere.errors import UsageError
from saywhere.losses import ReferringLoss, SegmentationLoss, roi_loss
from saywhere.types import Segmentation


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def logits() -> Tensor:
    return 6 * random(3, 1, 16, 20) - 3


@pytest.fixture
def target() -> Tensor:
    return (random(3, 1, 16, 20, seed=1) < 0.2).float()


@pytest.fixture
def image() -> Tensor:
    return random(3, 3, 16, 20, seed=2)


@pytest.fixture
def pseudo_image() -> Tensor:
    return random(3, 3, 16, 20, seed=3)


def test_dice_is_monais_on_logits(logits: Tensor, target: Tensor) -> None:
    assert SegmentationLoss("dice")(logits, target) == DiceLoss(sigmoid=True)(logits, target)


def test_dice_ce_is_dice_and_cross_entropy_on_logits(logits: Tensor, target: Tensor) -> None:
    expected = DiceLoss(sigmoid=True)(logits, target) + binary_cross_entropy_with_logits(
        logits, target
    )
    torch.testing.assert_close(SegmentationLoss("dice_ce")(logits, target), expected)


def test_a_perfect_mask_costs_nothing(target: Tensor) -> None:
    for name in ("dice", "dice_ce"):
        assert SegmentationLoss(name)(100 * (2 * target - 1), target) == pytest.approx(0, abs=1e-5)


def test_paper_code_softmax_has_no_cross_entropy(logits: Tensor, target: Tensor) -> None:
    """Softmax over one channel is 1 everywhere, and its logarithm 0: Dice alone is left."""
    probability = logits.sigmoid()
    vanished = torch.nn.functional.cross_entropy(
        probability, torch.zeros(3, 16, 20, dtype=torch.long)
    )
    assert vanished == 0
    expected = DiceLoss()(probability, target) + vanished
    assert SegmentationLoss("paper_code_softmax")(logits, target) == expected


def test_paper_code_sigmoid_is_monais_loss_on_probabilities(logits: Tensor, target: Tensor) -> None:
    assert SegmentationLoss("paper_code_sigmoid")(logits, target) == DiceCELoss()(
        logits.sigmoid(), target
    )


@pytest.mark.parametrize(
    ("logit", "cost"),
    [(100.0, 0.618), (0.0, 1.592), (-100.0, 2.191)],
    ids=["perfect", "undecided", "inverse"],
)
def test_the_double_sigmoid_costs_what_was_measured_on_the_public_code(
    logit: float, cost: float
) -> None:
    target = torch.zeros(1, 1, 100, 100)
    target[..., :20] = 1  # foreground 20 %
    assert SegmentationLoss("paper_code_sigmoid")(
        logit * (2 * target - 1), target
    ).item() == pytest.approx(cost, abs=5e-3)


def test_paper_roi_is_the_mean_over_the_frame(
    pseudo_image: Tensor, image: Tensor, target: Tensor
) -> None:
    expected = np.abs(pseudo_image.numpy() - image.numpy() * target.numpy()).mean()
    assert roi_loss("paper", pseudo_image, image, target).item() == pytest.approx(
        expected, rel=1e-6
    )


def test_balanced_roi_averages_inside_and_outside_apart(
    pseudo_image: Tensor, image: Tensor, target: Tensor
) -> None:
    target[2] = 0  # no region: the surroundings alone
    costs = []
    for p, i, m in zip(
        pseudo_image.numpy(),
        image.numpy(),
        np.broadcast_to(target.numpy(), image.shape).astype(bool),
    ):
        inside, outside = np.abs(p - i)[m], np.abs(p)[~m]
        costs.append((inside.mean() + outside.mean()) / 2 if m.any() else outside.mean())
    assert roi_loss("balanced", pseudo_image, image, target).item() == pytest.approx(
        np.mean(costs), rel=1e-5
    )


def test_balanced_roi_of_a_full_frame_is_finite(pseudo_image: Tensor, image: Tensor) -> None:
    """Half of the inside's mean: there is no outside."""
    full = torch.ones(3, 1, 16, 20)
    expected = np.abs((pseudo_image - image).numpy()).mean() / 2
    assert roi_loss("balanced", pseudo_image, image, full).item() == pytest.approx(
        expected, rel=1e-5
    )


def test_roi_mask_is_cross_entropy_with_balanced_classes_as_sklearn_weighs_them(
    pseudo_image: Tensor, image: Tensor, target: Tensor
) -> None:
    expected = []
    for guess, mask in zip(pseudo_image, target):
        truth = mask.expand_as(guess).numpy().ravel() > 0
        expected.append(
            log_loss(
                truth,
                guess.double().numpy().ravel(),
                sample_weight=compute_sample_weight("balanced", truth),
            )
        )
    assert roi_loss("mask", pseudo_image, image, target).item() == pytest.approx(
        np.mean(expected), rel=1e-5
    )


def test_a_blurred_mask_is_what_eight_times_fewer_pixels_show() -> None:
    """Pillow's box average and bilinear enlargement; the blurred mask itself has the least loss."""
    mask = torch.zeros(1, 1, 32, 48)
    mask[..., 5:20, 9:30] = 1
    small = PillowImage.fromarray(mask[0, 0].numpy()).resize((6, 4), PillowImage.Resampling.BOX)
    blurred = torch.from_numpy(np.array(small.resize((48, 32), PillowImage.Resampling.BILINEAR)))[
        None, None
    ].clamp(1e-4, 1 - 1e-4)
    costs = [
        roi_loss("blurred-mask", guess, torch.zeros(1, 1, 32, 48), mask).item()
        for guess in (blurred, mask * 0.98 + 0.01, blurred * 0.9)
    ]
    assert costs[0] == min(costs)
    truth, guess = blurred.numpy().ravel().astype(float), blurred.numpy().ravel().astype(float)
    entropy = -(truth * np.log(guess) + (1 - truth) * np.log(1 - guess))
    inside = mask.numpy().ravel() > 0
    assert costs[0] == pytest.approx(
        (entropy[inside].mean() + entropy[~inside].mean()) / 2, abs=2e-3
    )


def test_black_is_nearly_optimal_for_paper_and_not_for_balanced(image: Tensor) -> None:
    """The trap: a region of 1 % makes a black pseudo-image cost 1 % of the frame."""
    mask = torch.zeros(3, 1, 16, 20)
    mask[..., :2, :2] = 1
    black = torch.zeros_like(image)
    target = image * mask
    worst = torch.ones_like(image)
    ratio = {
        name: (
            roi_loss(name, black, image, mask) / roi_loss(name, worst - target, image, mask)
        ).item()
        for name in ("paper", "balanced")
    }
    assert ratio["paper"] < 0.02
    assert ratio["balanced"] > 0.2


def test_the_total_is_segmentation_and_weighted_roi(
    logits: Tensor, target: Tensor, image: Tensor, pseudo_image: Tensor
) -> None:
    mask = target.flip(-1)  # the original frame's
    loss = ReferringLoss(LossConfig(roi="paper", roi_weight=0.3))(
        Segmentation(logits, pseudo_image), target, image, mask
    )
    expected = DiceCELoss(sigmoid=True)(logits, target) + 0.3 * torch.nn.functional.l1_loss(
        pseudo_image, image * mask
    )
    torch.testing.assert_close(loss.total, expected)
    torch.testing.assert_close(loss.segmentation + 0.3 * loss.roi, expected)


@pytest.mark.parametrize(
    ("progress", "is_on"), [(0.0, False), (0.49, False), (0.5, True), (1.0, True)]
)
def test_roi_counts_only_after_its_share_of_the_training(
    progress: float,
    is_on: bool,
    logits: Tensor,
    target: Tensor,
    image: Tensor,
    pseudo_image: Tensor,
) -> None:
    loss = ReferringLoss(LossConfig(roi="paper", roi_after=0.5))(
        Segmentation(logits, pseudo_image), target, image, target, progress
    )
    assert loss.roi > 0  # watched all the time
    assert (loss.total != loss.segmentation).item() is is_on


@pytest.mark.parametrize("form", ["none", "balanced"])
def test_without_a_pseudo_image_or_a_weight_the_segmentation_is_all(
    form: str, logits: Tensor, target: Tensor, image: Tensor
) -> None:
    pseudo_image = None if form == "balanced" else image
    loss = ReferringLoss(LossConfig(roi=form))(
        Segmentation(logits, pseudo_image), target, image, target
    )  # type: ignore[arg-type]
    assert loss.total == loss.segmentation
    assert loss.roi == 0


def test_the_gradient_of_roi_reaches_the_pseudo_image_and_that_of_dice_the_logits(
    logits: Tensor, target: Tensor, image: Tensor, pseudo_image: Tensor
) -> None:
    logits.requires_grad_()
    pseudo_image.requires_grad_()
    ReferringLoss(LossConfig())(
        Segmentation(logits, pseudo_image), target, image, target
    ).total.backward()
    assert logits.grad is not None
    assert pseudo_image.grad is not None
    assert logits.grad.abs().min() > 0
    assert pseudo_image.grad.abs().min() > 0


@pytest.mark.parametrize("name", ["dice", "dice_ce", "paper_code_softmax", "paper_code_sigmoid"])
def test_an_empty_target_costs_something_finite(name: str, logits: Tensor) -> None:
    value = SegmentationLoss(name)(logits, torch.zeros(3, 1, 16, 20))
    assert torch.isfinite(value)
    assert value > 0.5


@pytest.mark.parametrize("shape", [(2, 2, 8, 8), (2, 1, 4, 4), (2, 8, 8)])
def test_an_output_that_is_not_one_logit_a_pixel_is_refused(shape: tuple[int, ...]) -> None:
    found = re.escape(
        f"the network's output is of shape {shape}; it must be one logit a pixel, (2, 1, 8, 8): "
        "build the network with one output channel"
    )
    with pytest.raises(UsageError, match=found):
        SegmentationLoss("dice_ce")(torch.zeros(shape), torch.zeros(2, 1, 8, 8))
    with pytest.raises(UsageError, match="the network's output is a tuple"):
        SegmentationLoss("dice")((torch.zeros(2, 1, 8, 8),), torch.zeros(2, 1, 8, 8))
