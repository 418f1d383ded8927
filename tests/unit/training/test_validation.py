"""Validation against MONAI's Dice, from the decoded store."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from monai.metrics import DiceMetric

from saywhere.config import Config
from saywhere.data.dataset import Dataset
from saywhere.data.rows import Rows
from saywhere.losses import ReferringLoss
from saywhere.modeling.build import build_model
from saywhere.training.setup import Material, gather
from saywhere.training.validation import validate
from saywhere.types import Segmentation


@pytest.fixture(scope="module")
def material(config: Config) -> Material:
    return gather(config)


def measured(config: Config, material: Material, model: Any) -> Any:
    return validate(
        model, material, config.evaluate, ReferringLoss(config.loss), torch.device("cpu")
    )


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_dice_is_monais_whatever_the_batch(
    config: Config, material: Material, batch_size: int
) -> None:
    model = build_model(config, material.scale, material.table.embeddings)
    found = measured(config.replace(**{"evaluate.batch_size": batch_size}), material, model)
    store = material.validation.decoded
    metric = DiceMetric(reduction="none")
    numbers = material.table.numbers([row.prompts["plain"][0] for row in material.validation_rows])
    with torch.no_grad():
        logits = model(
            store.images[store.image_of_row].float() / 255, material.table.embeddings[numbers]
        ).logits
    answer = (logits.sigmoid() > 0.5).float()
    assert found.dice_mean == pytest.approx(
        float(metric(answer, store.masks.float()).mean()), abs=1e-6
    )
    flat = [tensor.reshape(1, 1, -1, 1) for tensor in (answer, store.masks.float())]
    assert found.dice_pooled == pytest.approx(float(metric(*flat)), abs=1e-6)
    embeddings = material.table.embeddings[numbers]
    pseudo = model.generate(embeddings).detach().numpy()  # type: ignore[union-attr, operator]
    assert found.spread == pytest.approx(float(np.std(pseudo, axis=0).mean()), abs=1e-6)


class Silent(torch.nn.Module):
    """Finds nothing, anywhere; shows a constant picture."""

    def __init__(self, pseudo: bool = True) -> None:
        super().__init__()
        self.pseudo = pseudo

    def forward(self, image: torch.Tensor, embedding: torch.Tensor) -> Segmentation:
        return Segmentation(
            torch.full_like(image, -20.0), torch.full_like(image, 0.5) if self.pseudo else None
        )


def test_nothing_found_where_nothing_is_counts_as_agreement(
    config: Config, material: Material
) -> None:
    decoded = material.validation.decoded
    without_masks = dataclasses.replace(decoded, masks=torch.zeros_like(decoded.masks))
    rows = Dataset.of_rows(material.validation.rows, size=config.data.size, decoded=without_masks)
    empty = dataclasses.replace(material, validation=rows)
    found = measured(config, empty, Silent())
    assert (found.dice_mean, found.dice_pooled) == (1.0, 1.0)


def test_an_image_only_model_has_no_spread_and_a_deaf_one_none_to_speak_of(
    config: Config, material: Material
) -> None:
    assert measured(config, material, Silent(pseudo=False)).spread is None
    assert measured(config, material, Silent()).spread == 0.0


def test_where_all_rows_say_the_same_there_is_no_spread(config: Config, material: Material) -> None:
    prompt = material.validation_rows[0].prompts["plain"]
    assert (
        measured(
            config,
            dataclasses.replace(
                material, validation_prompts=list(prompt) * len(material.validation_rows)
            ),
            Silent(),
        ).spread
        is None
    )


def test_rows_of_one_image_count_as_one_image(config: Config, material: Material) -> None:
    model = build_model(config, material.scale, material.table.embeddings)
    found = measured(config, material, model)
    decoded = material.validation.decoded
    assert len(found.dice_per_image) == len(np.unique(decoded.image_of_row)) == 4
    twice = dataclasses.replace(
        decoded,
        masks=decoded.masks.repeat(2, 1, 1, 1),
        image_of_row=np.tile(decoded.image_of_row, 2),
    )
    rows = Rows([*material.validation.rows] * 2)
    doubled = dataclasses.replace(
        material,
        validation=Dataset.of_rows(rows, size=config.data.size, decoded=twice),
        validation_prompts=material.validation_prompts * 2,
    )
    assert measured(config, doubled, model).dice_per_image == pytest.approx(found.dice_per_image)


def test_it_draws_no_random_number(config: Config, material: Material) -> None:
    model = build_model(config, material.scale, material.table.embeddings)
    before = torch.get_rng_state()
    measured(config, material, model)
    assert torch.equal(torch.get_rng_state(), before)
