"""Four images in one, and words that name a tile."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from saywhere.captions.templates import PLACES
from saywhere.data.dataset import Dataset
from saywhere.data.decoded_cache import Store
from saywhere.data.manifest_row import Row
from saywhere.data.mosaic import NINE, Mosaics, draw, tile, unseen_wording, wordings
from saywhere.text.directions import OPPOSITES, contradict

SIZE = 32


@pytest.fixture
def four() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (4, 3, SIZE, SIZE), dtype=torch.uint8, generator=random)
    return images, (torch.rand(4, 1, SIZE, SIZE, generator=random) < 0.3).to(torch.uint8)


@pytest.mark.parametrize("target", range(4))
def test_tiles_lie_in_reading_order_at_half_their_side(
    four: tuple[Tensor, Tensor], target: int
) -> None:
    images, masks = four
    image, _ = tile(images, masks, target)
    assert (image.shape, image.dtype) == ((3, SIZE, SIZE), torch.uint8)
    halves = [
        np.asarray(Image.fromarray(picture.permute(1, 2, 0).numpy()).reduce(2))
        for picture in images
    ]  # Pillow's box average
    expected = np.vstack([np.hstack(halves[:2]), np.hstack(halves[2:])])
    assert np.abs(image.permute(1, 2, 0).numpy().astype(int) - expected).max() <= 1


def test_a_lesion_of_one_pixel_stays_in_its_tile() -> None:
    images = torch.zeros(4, 3, SIZE, SIZE, dtype=torch.uint8)
    masks = torch.zeros(4, 1, SIZE, SIZE, dtype=torch.uint8)
    masks[2, 0, 5, 7] = 1
    _, mask = tile(images, masks, 2)
    assert mask.nonzero().tolist() == [[0, SIZE // 2 + 2, 3]]
    _, mask = tile(images, masks, 2, mask_resize="nearest")
    assert not mask.any()


@pytest.mark.parametrize("target", range(4))
def test_the_mask_is_the_named_tiles_alone(four: tuple[Tensor, Tensor], target: int) -> None:
    images, masks = four
    _, mask = tile(images, masks, target, mask_resize="nearest")
    assert (mask.shape, mask.dtype) == ((1, SIZE, SIZE), torch.uint8)
    vertical, horizontal = PLACES[target].split()
    rows = slice(0, SIZE // 2) if vertical == "upper" else slice(SIZE // 2, None)
    columns = slice(0, SIZE // 2) if horizontal == "left" else slice(SIZE // 2, None)
    assert torch.equal(mask[:, rows, columns], masks[target, :, ::2, ::2])
    outside = mask.clone()
    outside[:, rows, columns] = 0
    assert not outside.any()
    assert mask.any()


def test_image_and_mask_stay_registered() -> None:
    """A lesion drawn into image and mask alike lies at one place in the mosaic."""
    masks = torch.zeros(4, 1, SIZE, SIZE, dtype=torch.uint8)
    masks[:, :, 6:14, 10:24] = 1
    image, mask = tile(masks.expand(4, 3, SIZE, SIZE) * 255, masks, 3)
    lesion = image[:1, SIZE // 2 :, SIZE // 2 :] > 127
    assert torch.equal(lesion, mask[:, SIZE // 2 :, SIZE // 2 :].bool())


@pytest.mark.parametrize("number", range(4))
def test_every_wording_names_its_tile_and_no_other_side(number: int) -> None:
    same = {
        "upper": {"upper", "top", "above"},
        "lower": {"lower", "bottom", "below"},
        "left": {"left"},
        "right": {"right"},
    }
    allowed = set.union(*(same[word] for word in PLACES[number].split()))
    for sentence in [*wordings("polyp", number), unseen_wording(number)]:
        tokens = set(re.findall("[a-z]+", sentence))
        assert tokens & set(OPPOSITES) <= allowed, sentence
        assert len(tokens & allowed) == 2, sentence


def test_wordings_are_many_distinct_and_the_unseen_one_is_not_among_them() -> None:
    sentences = [sentence for number in range(4) for sentence in wordings("polyp", number)]
    assert len(set(sentences)) == len(sentences) >= 300
    assert sum("polyp" in sentence for sentence in sentences) > 0.7 * len(sentences)
    assert not {unseen_wording(number) for number in range(4)} & set(sentences)


@pytest.mark.parametrize("number", range(4))
def test_a_contradiction_names_the_tile_across(number: int) -> None:
    across = set(wordings("polyp", 3 - number))
    assert {contradict(sentence) for sentence in wordings("polyp", number)} == across


@pytest.mark.parametrize("target", range(9))
def test_nine_tiles_fill_a_size_that_is_no_multiple_of_three(target: int) -> None:
    images = torch.arange(10, 19, dtype=torch.uint8).reshape(9, 1, 1, 1).expand(9, 3, SIZE, SIZE)
    image, mask = tile(images, torch.ones(9, 1, SIZE, SIZE, dtype=torch.uint8), target, side=3)
    thirds = (slice(0, 11), slice(11, 21), slice(21, SIZE))
    for number in range(9):
        place = (slice(None), thirds[number // 3], thirds[number % 3])
        assert (image[place] == 10 + number).all()
        assert (mask[place] == (number == target)).all()


def test_a_ninth_is_area_averaged() -> None:
    images = torch.randint(
        0, 256, (9, 3, 36, 36), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )
    image, _ = tile(images, torch.zeros(9, 1, 36, 36, dtype=torch.uint8), 0, side=3)
    expected = np.asarray(Image.fromarray(images[4].permute(1, 2, 0).numpy()).reduce(3)).astype(
        int
    )  # Pillow's box average
    assert np.abs(image[:, 12:24, 12:24].permute(1, 2, 0).numpy() - expected).max() <= 1


def test_wordings_of_nine_tiles_are_distinct_and_speak_of_no_quarters() -> None:
    sentences = [sentence for number in range(9) for sentence in wordings("polyp", number, 3)]
    assert len(set(sentences)) == len(sentences) >= 300
    assert not [
        sentence for sentence in sentences if re.search("quadrant|quarter|half|corner", sentence)
    ]
    assert not {unseen_wording(number, 3) for number in range(9)} & set(sentences)
    for number, names in enumerate(NINE):
        for sentence in wordings("polyp", number, 3):
            assert any(name in sentence for name in names), sentence


@pytest.fixture
def dataset(four: tuple[Tensor, Tensor]) -> Dataset:
    images, masks = four
    decoded = Store(images, torch.ones_like(masks), np.arange(4))
    rows = [Row(str(number), Path(f"{number}.png")) for number in range(4)]
    return Dataset.of_rows(rows, size=SIZE, decoded=decoded)


def test_right_words_name_the_tile_that_holds_the_target_and_others_do_not(
    dataset: Dataset,
) -> None:
    drawn = draw(dataset, 30, 0, ["polyp"] * len(dataset))
    for mask, right, other in zip(drawn.masks[:, 0].numpy(), drawn.right, drawn.contradictory):
        row, column = (int(values.mean() >= SIZE / 2) for values in np.nonzero(mask))
        vertical = ("upper", "top") if row == 0 else ("lower", "bottom")
        horizontal = "left" if column == 0 else "right"
        assert horizontal in right
        assert any(word in right for word in vertical)
        assert not (horizontal in other and any(word in other for word in vertical))


def test_nine_images_are_asked_for_by_their_nine_places(dataset: Dataset) -> None:
    drawn = draw(dataset, 30, 0, ["polyp"] * len(dataset), 3)
    for mask, right in zip(drawn.masks[:, 0].numpy(), drawn.right):
        row, column = (int(np.median(values) * 3 / SIZE) for values in np.nonzero(mask))
        assert any(name in right for name in NINE[3 * row + column]), right


def test_equal_seeds_draw_equal_mosaics_and_others_do_not(dataset: Dataset) -> None:
    first, second, third = (draw(dataset, 6, seed, ["polyp"] * len(dataset)) for seed in (7, 7, 8))
    assert isinstance(first, Mosaics)
    assert torch.equal(first.images, second.images)
    assert torch.equal(first.masks, second.masks)
    assert first[2:] == second[2:]
    assert not torch.equal(first.images, third.images)
