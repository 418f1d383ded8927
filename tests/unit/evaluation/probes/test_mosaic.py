"""Are the words followed where they decide?"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import f1_score

from saywhere.evaluation.probes import mosaic
from saywhere.evaluation.probes.mosaic import LABELS, measure_mosaics, probe_mosaic
from saywhere.inference.segmenter import Segmenter


def test_it_measures_every_kind_of_words_and_writes_what_it_found(
    trained: Path, tmp_path: Path
) -> None:
    summary = probe_mosaic(trained, tmp_path / "probe", n_cases=5)
    assert json.loads((tmp_path / "probe/mosaic.json").read_text()) == summary
    assert list(summary["dice_mean"]) == list(LABELS.values())
    assert all(
        0 <= found["low"] <= found["mean"] <= found["high"] <= 1
        for found in summary["dice_mean"].values()
    )
    assert min(Image.open(tmp_path / "probe/mosaic.png").size) > 32


def test_its_dice_is_that_of_scikit_learn_on_the_named_tile(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upper_left(segmenter: Segmenter, image: torch.Tensor, prompts: list[str]) -> np.ndarray:
        masks = np.zeros((len(prompts), *image.shape[-2:]), bool)
        masks[:, : image.shape[-2] // 2, : image.shape[-1] // 2] = True
        return masks

    def kept(store: mosaic.mosaic.Store, *rest: object) -> mosaic.mosaic.Mosaics:
        found = draw(store, *rest)  # type: ignore[arg-type]
        drawn.append(found.masks.numpy())
        return found

    drawn: list[np.ndarray] = []
    draw = mosaic.mosaic.draw
    monkeypatch.setattr(mosaic.mosaic, "draw", kept)
    monkeypatch.setattr(mosaic, "_masks", upper_left)
    found = probe_mosaic(trained, tmp_path, n_cases=8, seed=3)["dice_mean"]["right"]["mean"]
    answer = upper_left(Segmenter(trained), torch.zeros(drawn[0].shape), [""] * 8)
    expected = np.mean(
        [f1_score(target.ravel(), mask.ravel()) for target, mask in zip(drawn[0], answer)]
    )
    assert found == pytest.approx(expected, abs=1e-9)


def test_an_image_only_run_has_one_answer(image_only: Path, tmp_path: Path) -> None:
    assert list(probe_mosaic(image_only, tmp_path, n_cases=4)["dice_mean"]) == ["right"]


def test_every_case_is_kept_with_its_words(trained: Path) -> None:
    measured = measure_mosaics(Segmenter(trained), 3)
    assert [case.id for case in measured.cases["empty"]] == ["mosaic-0", "mosaic-1", "mosaic-2"]
    assert {case.words for case in measured.cases["contradictory"]} == {"contradictory"}
    assert [case.prompt for case in measured.cases["right"]] == measured.prompts["right"]
    assert {"dice", "iou", "true_positive"} <= set(measured.cases["right"][0].to_json())


def test_nine_images_are_asked_for_where_nine_are_wanted(trained: Path, tmp_path: Path) -> None:
    assert probe_mosaic(trained, tmp_path, n_cases=4, side=3)["side"] == 3
