"""Does the generator alone say where? The area under the curve is scikit-learn's."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from saywhere.config import Config
from saywhere.engine.predict import Segmenter
from saywhere.engine.probe.generator import auc, probe_generator
from saywhere.errors import ConfigError
from saywhere.model import ReferringSegmenter


@pytest.mark.parametrize("levels", [2, 5, 10**6])
def test_auc_is_scikit_learns_with_ties_and_without(levels: int) -> None:
    random = np.random.default_rng(levels)
    for _ in range(20):
        mask = random.random((9, 7)) < 0.3
        guess = random.integers(0, levels, mask.shape) / levels + 0.2 * mask
        assert auc(guess, mask) == pytest.approx(roc_auc_score(mask.ravel(), guess.ravel()), abs=1e-12)


def test_an_empty_and_a_full_mask_have_none() -> None:
    assert auc(np.zeros((3, 3)), np.zeros((3, 3), bool)) is None
    assert auc(np.zeros((3, 3)), np.ones((3, 3), bool)) is None


def test_it_learns_where_and_writes_what_it_found(config: Config, trained: Path, tmp_path: Path) -> None:
    model = Segmenter(trained).model
    assert isinstance(model, ReferringSegmenter)
    summary = probe_generator(config, tmp_path / "probe", steps=200, trained=model)
    assert json.loads((tmp_path / "probe/generator.json").read_text()) == summary
    found = summary["pseudo_image"]
    assert list(found) == ["before", "alone", "jointly trained"]
    assert found["alone"]["auc"]["mean"] > max(0.6, found["before"]["auc"]["mean"] + 0.05)
    picture = Image.open(tmp_path / "probe/generator.png")
    assert min(picture.size) > 32


def test_a_model_without_words_has_no_generator(config: Config, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a model with fusion 'none' has no generator"):
        probe_generator(config.replace(**{"fusion.name": "none"}), tmp_path)


def test_a_split_that_is_not_there_is_said(config: Config, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no rows of split 'tset'"):
        probe_generator(config.replace(**{"data.test_split": "tset"}), tmp_path, steps=1)
