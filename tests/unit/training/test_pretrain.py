"""Words that learn alone, before the network sees them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.metrics import roc_auc_score

from saywhere.config import Config
from saywhere.modeling.build import build_model
from saywhere.modeling.referring import ReferringSegmenter
from saywhere.training import loop, trainer
from saywhere.training.pretrain import train_words
from saywhere.training.setup import Material, gather


@pytest.fixture(scope="module")
def material(config: Config) -> Material:
    return gather(config)


@pytest.fixture
def model(config: Config, material: Material) -> ReferringSegmenter:
    model = build_model(config, material.scale, material.table.embeddings)
    assert isinstance(model, ReferringSegmenter)
    return model


def area(model: ReferringSegmenter, material: Material) -> float:
    """Of the pseudo-images of a batch as a guess of where the lesion is, by scikit-learn."""
    batch = material.training.batch(500)
    with torch.no_grad():
        guess = model.generate(batch.embedding)
    return float(roc_auc_score(batch.mask.flatten().numpy() > 0, guess.mean(1).flatten().numpy()))


def test_the_pseudo_image_says_where_before_any_network_is_trained(
    model: ReferringSegmenter, material: Material
) -> None:
    network = [p.clone() for p in model.network.parameters()]
    assert area(model, material) < 0.65
    train_words(model, material.training, 300, noise_std=material.noise_std)
    assert area(model, material) > 0.85
    assert all(torch.equal(was, now) for was, now in zip(network, model.network.parameters()))


def test_equal_seeds_give_equal_words_and_other_noise_gives_others(
    config: Config, material: Material
) -> None:
    found = []
    for _ in range(2):
        model = build_model(config, material.scale, material.table.embeddings)
        train_words(model, material.training, 2, noise_std=material.noise_std)
        found.append(model.generator.state_dict())
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_training_begins_with_it_once_and_a_resumed_one_does_not(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    messages: list[str] = []

    def listen(event: dict[str, Any]) -> None:
        messages.append(str(event.get("message")))

    monkeypatch.setattr(
        loop, "train_words", lambda model, samples, steps, **options: asked.append(steps)
    )
    changed = config.replace(**{"fusion.words_first": 7, "train.epochs": 1})
    run = trainer.train(changed, tmp_path / "run", listen=listen)
    assert asked == [7]
    assert "first 7 steps of the text branch alone (fusion.words_first)" in messages
    trainer.train(config.replace(**{"fusion.words_first": 7, "train.epochs": 1}), run, resume=True)
    assert asked == [7]
