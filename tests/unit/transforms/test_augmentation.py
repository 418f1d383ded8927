"""One geometry for stack and mask, against torch, SciPy and NumPy; photometry against Pillow."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image as PillowImage
from PIL import ImageEnhance
from scipy import ndimage
from torch import Tensor

from saywhere.config import AugmentConfig
from saywhere.transforms.augmentation import Augmentation
from saywhere.transforms.geometry import Geometry
from saywhere.transforms.photometry import Photometry

EVERYTHING = AugmentConfig(affine=1.0)


def picture(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def smooth(size: int = 64, channel: int = 1, batch: int = 1) -> Tensor:
    noise = picture(batch, channel, size, size).numpy()
    blurred = ndimage.gaussian_filter(noise, (0, 0, 4, 4))
    return torch.from_numpy((blurred - blurred.min()) / (blurred.max() - blurred.min()))


def one(**moved: float) -> Geometry:
    """A geometry of one sample."""
    return Geometry.still(1)._replace(
        **{name: np.array([value], np.float32) for name, value in moved.items()}
    )


def blob(size: int = 64) -> Tensor:
    row, column = np.mgrid[:size, :size]
    return torch.from_numpy(
        ((row - 20) ** 2 / 81 + (column - 36) ** 2 / 196 < 1).astype(np.float32)
    )[None, None]


@pytest.mark.parametrize(("name", "axis"), [("horizontal_flip", -1), ("vertical_flip", -2)])
@pytest.mark.parametrize("shape", [(32, 32), (24, 40), (17, 23)])
def test_a_flip_is_torchs(name: str, axis: int, shape: tuple[int, int]) -> None:
    stack = picture(1, 6, *shape)
    mask = (picture(1, 1, *shape, seed=1) < 0.3).float()
    torch.testing.assert_close(one(**{name: 1})(stack), stack.flip(axis), rtol=0, atol=1e-4)
    assert torch.equal(one(**{name: 1})(mask, "nearest"), mask.flip(axis))


@pytest.mark.parametrize("quarters", [1, 2, 3, -1])
@pytest.mark.parametrize("size", [32, 33])
def test_a_positive_turn_is_counter_clockwise_as_numpys_rot90(quarters: int, size: int) -> None:
    stack = picture(1, 6, size, size)
    mask = (picture(1, 1, size, size, seed=1) < 0.3).float()
    geometry = one(degrees=90.0 * quarters)
    torch.testing.assert_close(
        geometry(stack), torch.rot90(stack, quarters, (-2, -1)), rtol=0, atol=1e-4
    )
    np.testing.assert_array_equal(
        geometry(mask, "nearest").numpy(), np.rot90(mask.numpy(), quarters, (-2, -1))
    )


@pytest.mark.parametrize(
    "moved",
    [
        {"degrees": 30.0},
        {"scale": 1.5},
        {"scale": 0.5},
        {"translate_right": 0.125},
        {"translate_down": -0.1},
        {
            "horizontal_flip": 1.0,
            "degrees": -20.0,
            "scale": 0.8,
            "translate_right": 0.1,
            "translate_down": 0.05,
        },
    ],
    ids=lambda moved: "+".join(moved),
)
def test_it_moves_as_scipys_affine_transform(moved: dict[str, float]) -> None:
    """Reference: the inverse mapping, in rows and columns, written out from the docstring: flips,
    turn, scale, shift about the centre.
    """
    height, width = 48, 64
    image = ndimage.gaussian_filter(picture(height, width).numpy(), 2)
    get = {
        "horizontal_flip": 0.0,
        "vertical_flip": 0.0,
        "degrees": 0.0,
        "scale": 1.0,
        "translate_right": 0.0,
        "translate_down": 0.0,
    } | moved
    angle = np.deg2rad(get["degrees"])
    centre = np.array([(height - 1) / 2, (width - 1) / 2])
    flip = np.diag([1 - 2 * get["vertical_flip"], 1 - 2 * get["horizontal_flip"]])
    counter_clockwise = np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )  # (down, right): up is −down
    forward = get["scale"] * counter_clockwise @ flip
    shift = np.array([get["translate_down"] * height, get["translate_right"] * width])
    backward = np.linalg.inv(forward)
    expected = ndimage.affine_transform(
        image, backward, centre - backward @ (centre + shift), order=1, mode="constant"
    )
    found = one(**moved)(torch.from_numpy(image)[None, None].float())[0, 0].numpy()
    reached = ndimage.affine_transform(
        np.ones_like(image),
        backward,
        centre - backward @ (centre + shift),
        order=1,
        mode="constant",
    )
    inside = ndimage.binary_erosion(
        reached > 0.999, iterations=2, border_value=1
    )  # at the border SciPy and grid_sample fade differently
    assert inside.mean() > 0.15
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-4)
    outside = ndimage.binary_erosion(reached == 0, iterations=2)
    assert not found[outside].any()


def test_a_translation_to_the_right_and_down_moves_right_and_down() -> None:
    point = torch.zeros(1, 1, 40, 80)
    point[0, 0, 10, 20] = 1
    moved = one(translate_right=0.25, translate_down=0.5)(point, "nearest")
    assert moved.nonzero().tolist() == [[0, 0, 30, 40]]


def test_stack_and_mask_agree() -> None:
    """A mask that travels as a channel of the stack lands where the mask itself lands."""
    samples = list(range(60))
    geometry = Augmentation(EVERYTHING).draw(3, 5, samples)
    mask = blob().expand(60, 1, 64, 64)
    stack = torch.cat([picture(60, 5, 64, 64), mask], 1)
    agreement = (
        ((geometry(stack)[:, 5:] >= 0.5) == (geometry(mask, "nearest") >= 0.5))
        .float()
        .mean((1, 2, 3))
    )
    assert agreement.min() >= 0.99
    assert geometry(mask, "nearest").mean((1, 2, 3)).std() > 0.01, "nothing was moved"


def test_the_mask_stays_zero_or_one() -> None:
    geometry = Augmentation(EVERYTHING).draw(0, 0, list(range(20)))
    assert set(geometry((picture(20, 1, 40, 40) < 0.5).float(), "nearest").unique().tolist()) == {
        0.0,
        1.0,
    }


def test_what_comes_in_from_outside_is_black() -> None:
    moved = one(scale=0.5)(torch.ones(1, 3, 32, 32))
    assert moved[..., 0].max() == 0
    assert moved[0, 0, 16, 16] == pytest.approx(1)


def test_undone_it_is_as_before_inside() -> None:
    geometry = Augmentation(AugmentConfig(affine=1.0, scale=(0.8, 1.25))).draw(
        1, 1, list(range(20))
    )
    stack = smooth(batch=1).expand(20, 1, 64, 64)
    back = geometry.undo(geometry(stack))
    reached = geometry.undo(geometry(torch.ones_like(stack))) > 0.999
    reached = torch.nn.functional.max_pool2d((~reached).float(), 5, 1, 2) == 0
    assert reached.float().mean() > 0.4
    assert (back - stack)[reached].abs().max() < 0.05
    assert (back - stack)[reached].abs().mean() < 0.005


def test_undo_of_flips_is_exact() -> None:
    mask = (picture(1, 1, 24, 40) < 0.5).float()
    geometry = one(horizontal_flip=1, vertical_flip=1)
    assert torch.equal(geometry.undo(geometry(mask, "nearest"), "nearest"), mask)


def test_a_record_goes_through_json_and_replays_to_the_bit() -> None:
    geometry = Augmentation(EVERYTHING).draw(2, 7, [4, 9, 11])
    stack = picture(3, 6, 32, 32)
    record = json.loads(json.dumps(geometry.record()))
    assert record[0].keys() == set(Geometry._fields)
    assert torch.equal(Geometry.from_record(record)(stack), geometry(stack))


def test_stillness_changes_nothing() -> None:
    stack = picture(2, 6, 16, 16)
    assert torch.equal(Geometry.still(2)(stack), stack)
    assert Geometry.still(2).is_still
    assert not one(translate_down=0.1).is_still


def test_a_draw_does_not_depend_on_the_batch_around_it() -> None:
    augmentation = Augmentation(
        AugmentConfig(brightness=0.2, contrast=0.2, saturation=0.2, gamma=0.2, noise=0.1)
    )
    together = augmentation.draw(1, 5, [3, 7, 2]).record()
    alone = augmentation.draw(1, 5, [7]).record()
    assert together[1] == alone[0]
    image = picture(3, 3, 16, 16)
    lit = augmentation.draw_photometry(1, 5, [3, 7, 2])(image)
    single = augmentation.draw_photometry(1, 5, [7])(image[1:2])
    torch.testing.assert_close(lit[1:2], single)


def test_every_seed_step_and_sample_has_its_own_draw() -> None:
    augmentation = Augmentation(EVERYTHING)
    keys = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    assert (
        len({augmentation.draw(seed, step, [sample]).degrees.item() for seed, step, sample in keys})
        == 4
    )


def test_another_process_draws_the_same() -> None:
    code = (
        "from saywhere.transforms.augmentation import *; import json; "
        "drawn = Augmentation(AugmentConfig(affine=1.0)).draw(1, 5, [3, 7]); "
        "print(json.dumps(drawn.record()))"
    )
    there = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(there) == Augmentation(EVERYTHING).draw(1, 5, [3, 7]).record()


def test_draws_keep_to_the_configured_ranges_and_probabilities() -> None:
    config = AugmentConfig()
    geometry = Augmentation(config).draw(0, 0, list(range(2_000)))
    turned = geometry.degrees != 0
    assert (
        np.abs(geometry.degrees).max(),
        geometry.scale.min(),
        geometry.scale.max(),
    ) == pytest.approx((90, 0.5, 1.5), abs=0.5)
    assert np.abs(geometry.translate_right).max() == pytest.approx(0.125, abs=1e-3)
    assert np.abs(geometry.translate_down).max() == pytest.approx(0.125, abs=1e-3)
    for share in (geometry.horizontal_flip.mean(), geometry.vertical_flip.mean(), turned.mean()):
        assert share == pytest.approx(0.5, abs=0.04)
    assert np.array_equal(turned, geometry.scale != 1)
    assert abs(np.corrcoef(geometry.horizontal_flip, geometry.vertical_flip)[0, 1]) < 0.08


def test_none_is_still_and_leaves_the_light_alone() -> None:
    augmentation = Augmentation(AugmentConfig(name="none", brightness=0.5, noise=0.3))
    assert augmentation.draw(0, 0, [1, 2]).is_still
    image = picture(2, 3, 8, 8)
    assert torch.equal(augmentation.draw_photometry(0, 0, [1, 2])(image), image)


def light(**changed: float) -> Photometry:
    rows = {
        "brightness": 0.0,
        "contrast": 1.0,
        "saturation": 1.0,
        "gamma": 1.0,
        "blur": 0.0,
    } | changed
    return Photometry(
        **{name: np.array([value], np.float32) for name, value in rows.items()},
        noise=0.0,
        noise_keys=[(0, 0, 0)],
    )


@pytest.fixture
def photograph() -> tuple[Tensor, PillowImage.Image]:
    pixels = (smooth(48, 3).numpy()[0].transpose(1, 2, 0) * 255).round().astype(np.uint8)
    return torch.from_numpy(pixels.transpose(2, 0, 1))[None].float() / 255, PillowImage.fromarray(
        pixels
    )


def as_tensor(image: PillowImage.Image) -> Tensor:
    return torch.from_numpy(np.asarray(image).transpose(2, 0, 1).copy())[None].float() / 255


@pytest.mark.parametrize("factor", [0.6, 0.9, 1.3])
def test_contrast_is_pillows(photograph: tuple[Tensor, PillowImage.Image], factor: float) -> None:
    image, pillow = photograph
    torch.testing.assert_close(
        light(contrast=factor)(image),
        as_tensor(ImageEnhance.Contrast(pillow).enhance(factor)),
        rtol=0,
        atol=1.6 / 255,
    )


@pytest.mark.parametrize("factor", [0.0, 0.6, 1.5])
def test_saturation_is_pillows(photograph: tuple[Tensor, PillowImage.Image], factor: float) -> None:
    image, pillow = photograph
    torch.testing.assert_close(
        light(saturation=factor)(image),
        as_tensor(ImageEnhance.Color(pillow).enhance(factor)),
        rtol=0,
        atol=1.6 / 255,
    )


@pytest.mark.parametrize("shift", [-0.3, 0.2])
def test_brightness_adds(photograph: tuple[Tensor, PillowImage.Image], shift: float) -> None:
    image = photograph[0]
    np.testing.assert_allclose(
        light(brightness=shift)(image).numpy(),
        np.clip(image.numpy() + np.float32(shift), 0, 1),
        atol=1e-6,
    )


@pytest.mark.parametrize("exponent", [0.7, 1.4])
def test_gamma_is_a_power(photograph: tuple[Tensor, PillowImage.Image], exponent: float) -> None:
    image = photograph[0]
    np.testing.assert_allclose(
        light(gamma=exponent)(image).numpy(),
        np.power(image.numpy(), np.float32(exponent)),
        atol=1e-5,
    )


def test_blur_is_scipys_gaussian(photograph: tuple[Tensor, PillowImage.Image]) -> None:
    image, _ = photograph
    found = light(blur=1.7)(image)[0, 0].numpy()
    expected = ndimage.gaussian_filter(image[0, 0].numpy(), 1.7, mode="mirror", radius=6)
    assert np.abs(found - expected).max() < 1e-5
    assert np.array_equal(light(blur=0.0)(image).numpy(), image.numpy())


def test_noise_has_the_configured_deviation_and_other_values_at_each_sample() -> None:
    noisy = Augmentation(AugmentConfig(noise=0.1)).draw_photometry(0, 0, [1, 2])(
        torch.full((2, 1, 64, 64), 0.5)
    )
    assert (noisy - 0.5).numpy().std() == pytest.approx(0.1, rel=0.05)
    assert not torch.equal(noisy[0], noisy[1])


@pytest.mark.parametrize(
    ("name", "middle"), [("brightness", 0), ("contrast", 1), ("saturation", 1), ("gamma", 1)]
)
def test_each_kind_of_light_is_drawn_within_its_own_range_and_no_other_moves(
    name: str, middle: float
) -> None:
    drawn = Augmentation(AugmentConfig(**{name: 0.3})).draw_photometry(0, 0, list(range(500)))
    span = getattr(drawn, name) - middle
    assert (span.min(), span.max()) == pytest.approx((-0.3, 0.3), abs=0.01)
    others = {"brightness": 0, "contrast": 1, "saturation": 1, "gamma": 1}
    assert all(
        (getattr(drawn, other) == still).all() for other, still in others.items() if other != name
    )


@pytest.mark.parametrize("channel", [1, 3])
def test_light_stays_in_range_and_touches_the_image_alone(channel: int) -> None:
    config = AugmentConfig(brightness=0.9, contrast=0.9, saturation=0.9, gamma=0.9, noise=0.5)
    image = picture(30, channel, 16, 16)
    before = image.clone()
    lit = Augmentation(config).draw_photometry(0, 0, list(range(30)))(image)
    assert torch.equal(image, before), "changed in place"
    assert not torch.equal(lit, image)
    assert torch.isfinite(lit).all()
    assert lit.min() >= 0
    assert lit.max() <= 1


def test_the_gradient_flows_back_through_the_geometry() -> None:
    """The adjoint, to first order: the gradient of a weighted sum is the weights, moved back."""
    geometry = one(horizontal_flip=1)
    weights = picture(1, 1, 16, 16)
    stack = picture(1, 1, 16, 16).requires_grad_()
    (geometry(stack) * weights).sum().backward()
    torch.testing.assert_close(stack.grad, weights.flip(-1), rtol=0, atol=1e-4)
