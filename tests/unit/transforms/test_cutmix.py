"""What changes a batch's values and not its places."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from saywhere.config import AugmentConfig
from saywhere.transforms.augmentation import Augmentation
from saywhere.transforms.cutmix import CutMix, Mixing, draw_cutmix

MIXED = AugmentConfig(cutmix=1.0, brightness=0.5)


def picture(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def mixing(config: AugmentConfig, batch: int = 3) -> Mixing:
    rows = list(range(batch))
    return Mixing(
        draw_cutmix(config, 0, 1, batch),
        Augmentation(config).draw_photometry(0, 1, rows),
        config.words == "naive",
    )


def test_a_sample_takes_a_box_of_the_next_one() -> None:
    batch = picture(3, 2, 20, 40)
    box = np.array([[0.1, 0.5, 0.25, 0.75], [0, 0, 0, 0], [0, 1, 0, 1]])
    mixed = CutMix(box)(batch)
    expected = batch.numpy().copy()
    expected[0, :, 2:10, 10:30] = batch.numpy()[1, :, 2:10, 10:30]
    expected[2] = batch.numpy()[0]
    assert np.array_equal(mixed.numpy(), expected)


def test_image_words_and_mask_take_the_same_box() -> None:
    """A stack whose halves are the mask itself stays the mask's, however it is mixed."""
    mask = (picture(3, 1, 32, 32) > 0.5).float()
    found = mixing(MIXED)
    assert not found.cutmix.is_still
    target = found.cutmix(mask)
    assert not torch.equal(target, mask)
    assert torch.equal(found.of_stack(torch.cat([mask, mask], 1)), torch.cat([target, target], 1))


def test_the_naive_way_leaves_the_words_out_of_the_box_and_paints_them() -> None:
    found = mixing(MIXED.model_copy(update={"words": "naive"}))
    image = picture(3, 3, 16, 16)
    words = picture(3, 3, 16, 16) / 2
    stack = found.of_stack(torch.cat([image, words], 1))
    assert torch.equal(stack[:, :3], found.cutmix(image))
    assert torch.equal(stack[:, 3:], words)
    assert torch.equal(found.of_words(words), found.photometry(words))
    assert not torch.equal(found.of_words(words), words)


def test_words_have_no_colour() -> None:
    words = picture(3, 3, 16, 16)
    assert mixing(MIXED).of_words(words) is words


def test_boxes_are_drawn_as_often_as_asked_and_lie_inside() -> None:
    boxes = np.concatenate(
        [draw_cutmix(AugmentConfig(cutmix=0.3), 0, step, 8).box for step in range(250)]
    )
    area = (boxes[:, 1] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 2])
    assert np.mean(area > 0) == pytest.approx(0.3, abs=0.03)  # 2,000 draws: three standard errors
    assert area[area > 0].mean() == pytest.approx(0.25, abs=0.02)  # uniform on [0, 0.5]
    assert 0 <= boxes.min() <= boxes.max() <= 1


@pytest.mark.parametrize("config", [AugmentConfig(), AugmentConfig(name="none", cutmix=1.0)])
def test_without_cutmix_nothing_is_touched(config: AugmentConfig) -> None:
    batch = picture(2, 1, 8, 8)
    assert draw_cutmix(config, 0, 0, 2)(batch) is batch


def test_gradients_reach_both_samples() -> None:
    batch = picture(2, 1, 8, 8).requires_grad_()
    CutMix(np.array([[0, 0.5, 0, 1], [0, 0, 0, 0]]))(batch)[0].sum().backward()
    assert batch.grad is not None
    assert batch.grad.sum((1, 2, 3)).tolist() == [32, 32]
