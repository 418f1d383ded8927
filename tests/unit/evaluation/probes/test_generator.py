"""Does the generator alone say where? The area under the curve is scikit-learn's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import f1_score, roc_auc_score

from saywhere.config import Config
from saywhere.errors import ConfigError
from saywhere.evaluation.probes.generator import auc, best_threshold, probe_generator
from saywhere.inference.segmenter import Segmenter
from saywhere.modeling.referring import ReferringSegmenter


@pytest.mark.parametrize("levels", [2, 5, 10**6])
def test_auc_is_scikit_learns_with_ties_and_without(levels: int) -> None:
    random = np.random.default_rng(levels)
    for _ in range(20):
        mask = random.random((9, 7)) < 0.3
        guess = random.integers(0, levels, mask.shape) / levels + 0.2 * mask
        assert auc(guess, mask) == pytest.approx(
            roc_auc_score(mask.ravel(), guess.ravel()), abs=1e-12
        )


def test_the_best_threshold_is_the_one_that_scikit_learns_f1_likes_best() -> None:
    random = np.random.default_rng(0)
    masks = random.random((6, 8, 9)) < 0.3
    guesses = random.random(masks.shape) * 0.6 + 0.3 * masks
    threshold, dices = best_threshold(guesses, masks)
    tried = {}
    for t in np.linspace(guesses.min(), guesses.max(), 51):
        pairs = zip(masks, guesses >= t)
        tried[t] = [f1_score(mask.ravel(), guess.ravel()) for mask, guess in pairs]
    best = max(tried, key=lambda t: np.mean(tried[t]))
    assert threshold == pytest.approx(best)
    assert dices == pytest.approx(tried[best])


def test_an_empty_and_a_full_mask_have_none() -> None:
    assert auc(np.zeros((3, 3)), np.zeros((3, 3), bool)) is None
    assert auc(np.zeros((3, 3)), np.ones((3, 3), bool)) is None


def test_it_learns_where_and_writes_what_it_found(
    config: Config, trained: Path, tmp_path: Path
) -> None:
    model = Segmenter(trained).model
    assert isinstance(model, ReferringSegmenter)
    summary = probe_generator(config, tmp_path / "probe", steps=200, trained=model)
    assert json.loads((tmp_path / "probe/generator.json").read_text()) == summary
    found = summary["pseudo_image"]
    assert list(found) == ["before", "alone", "jointly trained"]
    assert found["alone"]["auc"]["mean"] > max(0.6, found["before"]["auc"]["mean"] + 0.05)
    assert summary["prompt_sets"]["plain"] == found
    assert set(summary["prompt_sets"]) == {"plain", "place", "taught", "unseen"}
    assert found["alone"]["dice"]["mean"] > found["before"]["dice"]["mean"]
    for name in ("generator.png", "generator_sets.png"):
        assert min(Image.open(tmp_path / "probe" / name).size) > 32


def test_a_model_without_words_has_no_generator(config: Config, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a model with fusion 'none' has no generator"):
        probe_generator(config.replace(**{"fusion.name": "none"}), tmp_path)


def test_a_split_that_is_not_there_is_said(config: Config, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no rows of split 'tset'"):
        probe_generator(config.replace(**{"data.test_split": "tset"}), tmp_path, steps=1)
