"""Does the mask turn with its image?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from saywhere.config import Config
from saywhere.data.manifest import Manifest
from saywhere.data.rows import Rows
from saywhere.errors import ConfigError
from saywhere.evaluation.probes import invariance
from saywhere.evaluation.probes.invariance import LATE_WAYS, TRANSFORMS, WAYS, probe_invariance
from saywhere.runs import checkpoint
from saywhere.training.trainer import train


def test_it_compares_the_ways_and_writes_what_it_found(
    trained: Path, image_only: Path, tmp_path: Path
) -> None:
    summary = probe_invariance(trained, tmp_path / "probe", image_only=image_only, n_cases=5)
    assert json.loads((tmp_path / "probe/invariance.json").read_text()) == summary
    assert list(summary["agreement"]) == list(TRANSFORMS)
    for ways in summary["agreement"].values():
        assert list(ways) == [*WAYS, "image only"]
        assert all(
            0 <= found["low"] <= found["mean"] <= found["high"] <= 1 for found in ways.values()
        )
    assert summary["n"] == 5
    assert min(Image.open(tmp_path / "probe/invariance.png").size) > 32


def test_an_answer_that_follows_its_stack_pixel_by_pixel_agrees_wholly(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Follows(torch.nn.Module):
        """Foreground where the pseudo-image is bright: turns as the words do."""

        def forward(self, stack: torch.Tensor) -> torch.Tensor:
            return stack[:, -1:] - 0.5

    original = checkpoint.build_from

    def replaced(*inputs: Any) -> Any:
        model = original(*inputs)
        model.network = Follows()
        model.normalize = torch.nn.Identity()
        return model

    monkeypatch.setattr(checkpoint, "build_from", replaced)
    found = probe_invariance(trained, tmp_path, n_cases=8)["agreement"]
    for flip in ("horizontal flip", "vertical flip", "both flips"):
        assert found[flip][WAYS[0]]["mean"] == pytest.approx(1, abs=1e-6)
        assert found[flip][WAYS[1]]["mean"] < 0.9  # words left behind do not turn


def test_image_only_runs_and_empty_splits_are_refused(
    image_only: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="this run is image only"):
        probe_invariance(image_only, tmp_path)
    monkeypatch.setattr(invariance, "manifest_of", lambda data: Manifest(data.manifest, Rows(), ""))
    with pytest.raises(ConfigError, match="no rows of split 'test'"):
        probe_invariance(trained, tmp_path)


def test_late_fusions_have_words_that_stay_as_they_were(config: Config, tmp_path: Path) -> None:
    run = train(
        config.replace(**{"fusion.name": "film", "train.epochs": 1, "train.steps_per_epoch": 2}),
        tmp_path / "film",
    )
    summary = probe_invariance(run, tmp_path / "probe", n_cases=3)
    assert summary["fusion"] == "film"
    assert {tuple(ways) for ways in summary["agreement"].values()} == {LATE_WAYS}
    assert min(Image.open(tmp_path / "probe/invariance_chart.png").size) > 100
