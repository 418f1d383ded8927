"""The fusion as MONAI transforms, checked against MONAI's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, Flipd, Rotated
from monai.utils import set_determinism

from saywhere.config import AugmentConfig
from saywhere.errors import UsageError
from saywhere.fusion import Augmentation, EarlyFusion, Geometry
from saywhere.modeling.early_fusion_monai import FuseWordsd, RandGeometryd
from saywhere.text.controls import open_place

PLACES = ["upper left", "upper right", "lower left", "lower right"]
SIZE = 32
FLIP = Augmentation(AugmentConfig(horizontal_flip=1.0, vertical_flip=0.0, affine=0.0))


@pytest.fixture(scope="module")
def fusion() -> EarlyFusion:
    return EarlyFusion.fit(PLACES, size=SIZE, channels=1, encoder=open_place())


def case() -> dict[str, Any]:
    random = np.random.default_rng(0)
    image = random.random((1, SIZE, SIZE), np.float32)
    return {
        "image": image,
        "label": (image > 0.7).astype(np.float32),
        "prompt": "upper left",
        "id": "a",
    }


def test_the_image_becomes_the_stack_and_the_rest_stays(fusion: EarlyFusion) -> None:
    given = case()
    found = FuseWordsd("image", fusion, pseudo_key="words")(given)
    expected = fusion(torch.from_numpy(given["image"])[None], ["upper left"])
    assert torch.equal(found["image"], expected.stack[0])
    assert torch.equal(found["words"], expected.pseudo_image[0])
    assert not found["image"].requires_grad
    assert found["label"] is given["label"]
    assert given["image"].shape == (1, SIZE, SIZE)


def test_stack_and_label_turn_as_monai_turns_them(fusion: EarlyFusion) -> None:
    stacked = FuseWordsd("image", fusion)(case())
    ours = RandGeometryd(["image", "label"], FLIP)(stacked)
    theirs = Flipd(["image", "label"], spatial_axis=1)(stacked)
    for key in ("image", "label"):
        np.testing.assert_allclose(np.asarray(ours[key]), np.asarray(theirs[key]), atol=1e-5)


def test_a_turn_is_monais_turn() -> None:
    row, column = np.mgrid[:SIZE, :SIZE] / SIZE
    smooth = {"image": np.sin(6 * row + 9 * column)[None].astype(np.float32)}
    turned = RandGeometryd(
        "image",
        Augmentation(
            AugmentConfig(horizontal_flip=0, vertical_flip=0, affine=1, translate=0, scale=(1, 1))
        ),
        "bilinear",
        geometry_key="g",
    )
    ours = turned.set_random_state(1)(smooth)
    radians = float(np.deg2rad(ours["g"]["degrees"]))
    theirs = [
        Rotated("image", sign * radians, padding_mode="zeros", align_corners=True)(smooth)
        for sign in (1, -1)
    ]
    inner = slice(8, -8)
    apart = [
        np.abs(np.asarray(other["image"]) - np.asarray(ours["image"]))[:, inner, inner].max()
        for other in theirs
    ]
    assert min(apart) < 1e-3 < max(apart)


def test_what_was_drawn_can_be_taken_back(fusion: EarlyFusion) -> None:
    gentle = Augmentation(AugmentConfig(affine=0.0, horizontal_flip=0.5, vertical_flip=1.0))
    turned = Compose(
        [
            FuseWordsd("image", fusion),
            RandGeometryd(["image", "label"], gentle, geometry_key="geometry"),
        ]
    ).set_random_state(4)(case())
    back = Geometry.from_record([turned["geometry"]]).undo(turned["label"][None], "nearest")[0]
    assert np.array_equal(back.numpy(), case()["label"])


def test_monais_seed_is_the_seed() -> None:
    def draw() -> list[dict[str, float]]:
        turn = Compose([RandGeometryd(["image", "label"], geometry_key="geometry")])
        return [turn(case())["geometry"] for _ in range(3)]

    set_determinism(7)
    first = draw()
    set_determinism(7)
    assert draw() == first
    set_determinism(8)
    assert draw() != first
    set_determinism(None)


def test_with_probability_zero_nothing_moves_and_labels_stay_two_valued() -> None:
    assert torch.equal(
        RandGeometryd(["image", "label"], prob=0.0)(case())["image"],
        torch.from_numpy(case()["image"]),
    )
    turned = RandGeometryd(
        ["image", "label"], Augmentation(AugmentConfig(affine=1.0))
    ).set_random_state(2)(case())
    assert set(turned["label"].unique().tolist()) <= {0.0, 1.0}


def test_meta_data_that_would_be_wrong_is_not_carried(fusion: EarlyFusion) -> None:
    given = case() | {"image": MetaTensor(torch.from_numpy(case()["image"]), affine=torch.eye(4))}
    assert type(FuseWordsd("image", fusion)(given)["image"]) is torch.Tensor


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt": 3}, r"a sentence is 3"),
        (
            {"image": np.zeros((SIZE, SIZE), np.float32)},
            r"a picture of shape \(32, 32\) in a MONAI transform of saywhere; "
            r"\(channel, height, width\)",
        ),
        ({"image": "a.png"}, r"a picture of type str"),
    ],
)
def test_what_cannot_be_stacked_is_said(
    fusion: EarlyFusion, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        FuseWordsd("image", fusion)(case() | change)


def test_a_missing_prompt_and_a_missing_mode_are_said(fusion: EarlyFusion) -> None:
    with pytest.raises(
        UsageError,
        match=r"a sample without 'text' in FuseWordsd; "
        "its keys are image, label, prompt, id: set prompt_key",
    ):
        FuseWordsd("image", fusion, prompt_key="text")(case())
    with pytest.raises(
        UsageError, match=r"2 modes and 1 keys in RandGeometryd; one mode, or one a key"
    ):
        RandGeometryd("image")
