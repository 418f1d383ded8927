"""Runs of each fusion but the paper's: trained, resumed, evaluated, opened."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from saywhere import load
from saywhere.config import Config
from saywhere.config.fusions import FUSIONS
from saywhere.data.manifest import read_manifest
from saywhere.evaluation.evaluate import evaluate
from saywhere.evaluation.probes.invariance import probe_invariance
from saywhere.training.trainer import train

OTHERS = [name for name in FUSIONS if name not in ("early", "none")]
BESIDE_EARLY = [name for name in OTHERS if FUSIONS[name].joins == "image"]


@pytest.mark.parametrize("fusion", OTHERS)
def test_every_fusion_goes_through_the_whole_house(
    fusion: str, config: Config, manifest: Path, tmp_path: Path
) -> None:
    small = config.replace(**{"fusion.name": fusion, "train.epochs": 2, "train.steps_per_epoch": 4})
    run = train(small, tmp_path / "run")
    assert train(small, run, resume=True) == run
    evaluate(run)
    words = json.loads((run / "evaluation/summary.json").read_text())["words"]
    assert {"right", "shuffled", "contradictory"} <= set(words)
    segmenter = load(run)
    assert segmenter.hears_words
    assert probe_invariance(run, tmp_path, n_cases=2)["fusion"] == fusion
    row = read_manifest(manifest).split("test")[0]
    one, other = (
        segmenter.segment(row.image, prompt)
        for prompt in ("upper left", "a much longer sentence about what lies lower right")
    )
    both = segmenter.segment_many([row.image] * 2, [one.prompt, other.prompt])
    assert (one.pseudo_image is None) == (FUSIONS[fusion].joins == "features")
    assert np.abs(one.probability - other.probability).max() > 1e-6
    np.testing.assert_allclose(both[0].probability, one.probability, atol=1e-5)
    np.testing.assert_allclose(both[1].probability, other.probability, atol=1e-5)


@pytest.mark.parametrize("policy", ["swap", "untouched", "still"])
@pytest.mark.parametrize("fusion", BESIDE_EARLY)
def test_a_pseudo_image_is_trained_by_every_policy_with_words_first_and_cutmix(
    fusion: str, policy: str, config: Config, tmp_path: Path
) -> None:
    changes = {
        "fusion.name": fusion,
        "fusion.arm": policy,
        "fusion.words_first": 2,
        "augment.cutmix": 0.5,
        "train.epochs": 1,
        "train.steps_per_epoch": 2,
    }
    run = train(config.replace(**changes), tmp_path / "run")
    assert np.isfinite(json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])["loss"])
