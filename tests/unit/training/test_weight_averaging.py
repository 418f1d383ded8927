"""Weights between two runs: every number on the line from one to the other, and two of different
kinds refused.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from saywhere.errors import BadCheckpoint, UsageError
from saywhere.evaluation.evaluate import evaluate
from saywhere.runs import checkpoint
from saywhere.training.trainer import train
from saywhere.training.weight_averaging import blend
from small_run import once


@pytest.fixture(scope="session")
def tuned(trained: Path, config: Any, shared: Path) -> Path:
    """Trained on from `trained`, one epoch; its last weights, whether or not they are better."""

    def make() -> Path:
        run = train(config.replace(**{"train.epochs": 1}), shared / "tuned", start=trained)
        shutil.rmtree(run / "checkpoints/best")
        return run

    return once("tuned", make)


def test_every_weight_lies_between_and_the_words_scale_stays(
    trained: Path, tuned: Path, tmp_path: Path
) -> None:
    first, last = checkpoint.load(trained), checkpoint.load(tuned)
    found = checkpoint.load(blend(tuned, trained, 0.25, tmp_path / "blend"))
    assert found.config == last.config
    names = [
        name
        for name, value in last.model.items()
        if value.is_floating_point() and not name.startswith("scale.")
    ]
    assert any(not torch.equal(first.model[name], last.model[name]) for name in names)
    for name in names:
        torch.testing.assert_close(
            found.model[name], 0.75 * last.model[name] + 0.25 * first.model[name]
        )
    assert all(
        torch.equal(found.model[name], value)
        for name, value in last.model.items()
        if name not in names
    )
    assert found.optimizer == {}


def test_a_blend_is_a_run_like_any_other(trained: Path, tuned: Path, tmp_path: Path) -> None:
    folder = blend(tuned, trained, out=tmp_path / "blend")
    summary = evaluate(folder, words=["right"])
    assert 0 <= summary["words"]["right"]["dice_mean"]["mean"] <= 1
    facts = json.loads((folder / "run.json").read_text())
    assert facts["blended"] == {"of": str(tuned), "with": str(trained), "share": 0.5}
    assert facts["started_from"] == str(trained)
    again = blend(folder, trained, out=tmp_path / "blend")
    assert again.name == "blend-2"
    assert json.loads((again / "run.json").read_text())["blended"]["of"] == str(folder)


@pytest.mark.parametrize("share", [0, 1, -0.5, 1.5, float("nan")])
def test_a_share_that_is_none_is_refused(
    trained: Path, tuned: Path, tmp_path: Path, share: float
) -> None:
    with pytest.raises(UsageError, match=r"a share of .*more than 0.*less than 1"):
        blend(tuned, trained, share, tmp_path / "blend")
    assert not (tmp_path / "blend").exists()


def test_runs_of_different_kinds_are_refused(
    trained: Path, image_only: Path, config: Any, tmp_path: Path
) -> None:
    alone = train(config.replace(**{"train.epochs": 1, "text.scale": "whiten"}), tmp_path / "alone")
    for run, message in (
        (image_only, "is not the same in both"),
        (alone, "scale their embeddings differently|is not the same in both"),
    ):
        with pytest.raises(
            UsageError, match=r"was not trained from .*; it began with weights of its own"
        ):
            blend(run, trained, 0.5, tmp_path / "blend")
        told = shutil.copytree(
            run, tmp_path / f"told-{run.name}"
        )  # its facts say otherwise: the weights tell
        (told / "run.json").write_text(json.dumps({"started_from": str(trained)}))
        with pytest.raises((UsageError, BadCheckpoint), match=message):
            blend(told, trained, 0.5, tmp_path / "blend")
