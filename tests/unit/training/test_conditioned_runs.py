"""Runs whose prompts join the network's features: trained, resumed, evaluated, opened."""

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

CONDITIONED = [name for name, fusion in FUSIONS.items() if fusion.joins == "features"]


@pytest.mark.parametrize("fusion", CONDITIONED)
def test_a_late_fusion_goes_through_the_whole_house(
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
    assert one.pseudo_image is None
    assert np.abs(one.probability - other.probability).max() > 1e-6
    np.testing.assert_allclose(both[0].probability, one.probability, atol=1e-5)
    np.testing.assert_allclose(both[1].probability, other.probability, atol=1e-5)
