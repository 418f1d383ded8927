"""Are the words followed where they decide?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import f1_score

from saywhere.data.mosaic import NINE
from saywhere.engine.predict import Segmenter
from saywhere.engine.probe import mosaic
from saywhere.engine.probe.mosaic import WORDS, probe_mosaic


def test_it_measures_every_kind_of_words_and_writes_what_it_found(trained: Path, tmp_path: Path) -> None:
    summary = probe_mosaic(trained, tmp_path / "probe", n_cases=5)
    assert json.loads((tmp_path / "probe/mosaic.json").read_text()) == summary
    assert tuple(summary["dice_mean"]) == WORDS
    assert all(0 <= found["low"] <= found["mean"] <= found["high"] <= 1 for found in summary["dice_mean"].values())
    assert min(Image.open(tmp_path / "probe/mosaic.png").size) > 32


def test_its_dice_is_that_of_scikit_learn_on_the_named_tile(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def upper_left(segmenter: Segmenter, image: torch.Tensor, prompts: list[str]) -> np.ndarray:
        masks = np.zeros((len(prompts), *image.shape[-2:]), bool)
        masks[:, : image.shape[-2] // 2, : image.shape[-1] // 2] = True
        return masks

    monkeypatch.setattr(mosaic, "_masks", upper_left)
    segmenter = Segmenter(trained)
    image, targets, prompts = mosaic._draw(segmenter, 8, 3)
    expected = np.mean([f1_score(target.ravel(), mask.ravel()) for target, mask in zip(targets, upper_left(segmenter, image, prompts["right"]))])
    assert probe_mosaic(trained, tmp_path, n_cases=8, seed=3)["dice_mean"]["right"]["mean"] == pytest.approx(expected, abs=1e-9)


def test_right_words_name_the_tile_that_holds_the_target_and_others_do_not(trained: Path) -> None:
    _, targets, prompts = mosaic._draw(Segmenter(trained), 12, 0)
    for target, right, other in zip(targets, prompts["right"], prompts["another tile's"]):
        row, column = (int(values.mean() >= side / 2) for values, side in zip(np.nonzero(target), target.shape))
        vertical, horizontal = ("upper", "top") if row == 0 else ("lower", "bottom"), "left" if column == 0 else "right"
        assert horizontal in right
        assert any(word in right for word in vertical)
        assert not (horizontal in other and any(word in other for word in vertical))


def test_an_image_only_run_has_one_answer(image_only: Path, tmp_path: Path) -> None:
    assert list(probe_mosaic(image_only, tmp_path, n_cases=4)["dice_mean"]) == ["right"]


def test_equal_seeds_draw_equal_mosaics(trained: Path) -> None:
    first, second = (mosaic._draw(Segmenter(trained), 4, 7) for _ in range(2))
    assert torch.equal(first[0], second[0])
    found: Any = first[2]
    assert found == second[2]


def test_nine_images_are_asked_for_by_their_nine_places(trained: Path, tmp_path: Path) -> None:
    assert probe_mosaic(trained, tmp_path, n_cases=4, side=3)["side"] == 3
    _, targets, prompts = mosaic._draw(Segmenter(trained), 30, 0, 3)
    for target, right in zip(targets, prompts["right"]):
        row, column = (int(np.median(values) * 3 / side) for values, side in zip(np.nonzero(target), target.shape))
        assert any(name in right for name in NINE[3 * row + column]), right
