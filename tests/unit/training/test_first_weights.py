"""Weights that start another training: from smaller pictures they are interpolated, in words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from saywhere.config import Config
from saywhere.errors import BadCheckpoint
from saywhere.modeling.build import build_model
from saywhere.runs import checkpoint
from saywhere.runs.checkpoint import Checkpoint
from saywhere.training.first_weights import fitted, of_size
from saywhere.training.trainer import train


@pytest.fixture
def few(config: Config) -> Config:
    return config.replace(**{"train.epochs": 1, "train.steps_per_epoch": 3})


def at_size(config: Config, size: int) -> Config:
    return config.replace(**{"data.size": size})


def test_a_model_goes_on_with_larger_pictures_and_says_so(
    few: Config, trained: Path, tmp_path: Path
) -> None:
    told: list[dict[str, Any]] = []
    size = few.data.size + 16
    run = train(at_size(few, size), tmp_path / "larger", start=trained, listen=told.append)
    said = [event["message"] for event in told if event["event"] == "warning"]
    assert any(
        f"pictures of {few.data.size} px: its pseudo-image is interpolated" in m for m in said
    )
    saved = checkpoint.load(run)
    assert saved.config.data.size == size
    assert len(saved.model["projection.layers.0.bias"]) == (size // 8) ** 2


def test_all_that_has_no_place_on_the_grid_is_taken_as_it_is(few: Config, trained: Path) -> None:
    first = checkpoint.load(trained)
    model = untrained(at_size(few, few.data.size + 8), first)
    weights = fitted(model, first, trained)
    model.load_state_dict(weights)
    for name, value in first.model.items():
        if not name.startswith("projection."):
            torch.testing.assert_close(weights[name], value, atol=0, rtol=0)


def test_smaller_pictures_are_refused_with_what_would_do(few: Config, trained: Path) -> None:
    size = few.data.size
    first = replace(checkpoint.load(trained), config=at_size(few, size + 16))
    message = rf"pictures of {size + 16} px, and data\.size is {size}.*{size + 16} px or more"
    with pytest.raises(BadCheckpoint, match=message):
        fitted(untrained(few, first), first, trained)


def test_the_same_size_says_nothing(few: Config, trained: Path) -> None:
    first = checkpoint.load(trained)
    assert of_size(few.data.size, first) == ""
    assert of_size(few.data.size + 8, first) != ""
    wordless = few.replace(**{"fusion.name": "none", "fusion.words_first": 0})
    assert of_size(few.data.size + 8, replace(first, config=wordless)) == ""


def untrained(config: Config, like: Checkpoint) -> torch.nn.Module:
    """A fresh model, whose text branch takes embeddings as the other one's does."""
    return build_model(config, checkpoint.empty_scale(like), restored=True)
