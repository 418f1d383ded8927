"""What happens to the words when the image turns: five answers, one interface."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch

from saywhere.captions.grid import PlaceRule
from saywhere.captions.lungs import LungRule
from saywhere.config import AugmentConfig, Config
from saywhere.errors import ConfigError
from saywhere.prompt_policies import POLICIES, open_policy
from saywhere.prompt_policies.recaption import Recaption
from saywhere.training.setup import gather
from saywhere.training.trainer import train
from saywhere.transforms.augmentation import Augmentation
from saywhere.transforms.geometry import Geometry

SIZE = 48
CORNERS = {
    "top left": (8, 8),
    "top right": (8, 40),
    "bottom left": (40, 8),
    "bottom right": (40, 40),
}


def mask_at(place: str) -> torch.Tensor:
    row, column = CORNERS[place]
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[..., row - 6 : row + 6, column - 6 : column + 6] = 1
    return mask


def geometry(**changes: float) -> Geometry:
    still = Geometry.still(1)
    return still._replace(
        **{name: np.full(1, value, np.float32) for name, value in changes.items()}
    )


MOVES = [
    {},
    {"horizontal_flip": 1},
    {"vertical_flip": 1},
    {"horizontal_flip": 1, "vertical_flip": 1},
    {"degrees": 90},
    {"degrees": -90},
    {"horizontal_flip": 1, "degrees": 90},
    {"vertical_flip": 1, "degrees": -80},
    {"degrees": 20},
    {"degrees": 180},
]


@pytest.mark.parametrize("move", MOVES, ids=str)
@pytest.mark.parametrize("place", CORNERS)
@pytest.mark.parametrize("arm", ["swap", "recaption"])
def test_the_words_say_where_the_turned_target_lies(
    arm: str, place: str, move: dict[str, float]
) -> None:
    """Against the mask itself, turned by kornia."""
    turned = geometry(**move)(mask_at(place), mode="nearest")
    rows, columns = np.nonzero(turned[0, 0].numpy())
    vertical = "top" if rows.mean() < SIZE / 2 else "bottom"
    horizontal = "left" if columns.mean() < SIZE / 2 else "right"
    expected = f"{vertical} {horizontal}"
    speaker = Recaption(PlaceRule()) if arm == "recaption" else POLICIES[arm]()
    prompt = f"one polyp, located in {place} of the image"
    (said,) = speaker.prompts_after([prompt], geometry(**move), turned)
    assert said == f"one polyp, located in {expected} of the image"
    assert said in speaker.sentences(prompt)


def test_untouched_words_stay_and_still_images_too() -> None:
    moved = geometry(horizontal_flip=1)
    assert POLICIES["untouched"]().prompts_after(["left"], moved, mask_at("top left")) == ["left"]
    assert POLICIES["untouched"]().geometry(moved) is moved
    assert POLICIES["still"]().geometry(moved).is_still
    assert [name for name in POLICIES if POLICIES[name].pseudo_image_turns] == ["fuse-first"]


SAID = "fusion.arm = 'swap' has words for flips and quarter turns only"
TURNED = "a rotation (augment.degrees = 90) is said as the nearest quarter turn"


@pytest.mark.parametrize(
    ("augment", "unsaid"),
    [
        ({}, f"{SAID}: {TURNED}, augment.scale and augment.translate are not said"),
        ({"translate": 0.0}, f"{SAID}: {TURNED}, augment.scale is not said"),
        ({"degrees": 0.0, "scale": (1.0, 1.0)}, f"{SAID}: augment.translate is not said"),
        ({"affine": 0.0}, ""),
        ({"name": "none"}, ""),
    ],
)
def test_swap_says_which_of_the_geometry_it_has_no_words_for(
    augment: dict[str, object], unsaid: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "saywhere"):
        open_policy("swap", AugmentConfig.model_validate(augment), ["prompt"], [])
    assert caplog.messages == [unsaid] * bool(unsaid)


def test_a_target_that_left_the_frame_keeps_its_words() -> None:
    assert Recaption(PlaceRule()).prompts_after(
        ["top left"], geometry(), torch.zeros(1, 1, SIZE, SIZE)
    ) == ["top left"]


def test_thirds_of_lungs_are_written_in_the_sets_own_words() -> None:
    speaker = Recaption(LungRule(upper=0.3, lower=0.6, tall=0.4, least=0.003))
    prompt, half = (
        "bilateral pulmonary infection, two infected areas, lower left lung and lower right lung.",
        "infection, left lung",
    )
    said = speaker.prompts_after(
        [prompt, half], Geometry.still(2), torch.cat([mask_at("top left"), mask_at("bottom right")])
    )
    assert said == [
        "unilateral pulmonary infection, one infected area, upper left lung.",
        "infection, bottom right lung",
    ]
    assert said[0] in speaker.sentences(prompt)
    assert said[1] in speaker.sentences(half)
    assert speaker.facts()["place_rule"]["upper"] == 0.3


@pytest.mark.parametrize("arm", ["swap", "recaption"])
def test_every_sentence_of_a_training_is_embedded_beforehand(config: Config, arm: str) -> None:
    material = gather(config.replace(**{"fusion.arm": arm}))
    augmentation = Augmentation(config.augment)
    changed = 0
    for step in range(6):
        batch = material.training.batch(step)
        turned = augmentation.draw(0, step, batch.rows)
        said = material.policy.prompts_after(
            batch.prompts, turned, turned(batch.mask, mode="nearest")
        )
        new = material.training.reworded(batch, said)
        expected = material.table.embeddings[
            [material.table.prompts.index(prompt) for prompt in said]
        ]
        assert torch.equal(new.embedding, expected)
        changed += sum(a != b for a, b in zip(said, batch.prompts))
    assert changed > 10


@pytest.mark.parametrize("arm", list(POLICIES))
def test_each_arm_trains(arm: str, config: Config, tmp_path: Path) -> None:
    run = train(
        config.replace(**{"fusion.arm": arm, "train.epochs": 1, "train.steps_per_epoch": 2}),
        tmp_path / "run",
    )
    assert f'"name": "{arm}"' in (run / "run.json").read_text()


def test_recaption_records_how_well_its_rule_fits(config: Config) -> None:
    material = gather(config.replace(**{"fusion.arm": "recaption"}))
    levels = config.training_levels
    policy = open_policy("recaption", config.augment, levels, material.training.rows)
    facts = policy.facts()["place_rule"]
    assert (
        facts["n"] > len(material.training.rows) / 2
    )  # "above the middle" names two places, to a rule
    assert facts["agreement"] > 0.8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fusion.name": "none", "fusion.arm": "swap"}, "leave fusion.arm out"),
        (
            {"fusion.name": "film", "fusion.arm": "fuse-first"},
            "no pseudo-image to transform: try 'untouched'",
        ),
    ],
)
def test_an_arm_that_a_fusion_cannot_have_is_refused(changes: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Config().replace(**changes)
