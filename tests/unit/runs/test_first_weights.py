"""`network.weights`: a training that starts from a file of published weights.

The file is a small random one that the test makes.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch

import saywhere
from saywhere.config import Config
from saywhere.errors import BadCheckpoint, MissingFile, UsageError
from saywhere.hub import bundle
from saywhere.hub.metadata import About
from saywhere.modeling.build import build_model
from saywhere.text.whitening import EmbeddingScale
from saywhere.training.trainer import train
from vit_file import DEPTH, WIDTH, published, write


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return write(tmp_path, published())


@pytest.fixture
def chosen(config: Config, weights: Path) -> Config:
    changes = {
        "network.name": "transunet",
        "network.width": WIDTH,
        "network.depth": DEPTH,
        "network.weights": str(weights),
    }
    return config.replace(**changes, **{"train.epochs": 1, "train.steps_per_epoch": 2})


def test_the_model_starts_from_the_file_and_learns_it_at_the_pretrained_rate(
    chosen: Config, weights: Path
) -> None:
    network = build_model(chosen, EmbeddingScale(384, 20)).network
    kernel = torch.from_numpy(published()["block2/unit1/conv2/kernel"]).permute(3, 2, 0, 1)
    assert torch.equal(network.encoder.stages[1][0].convolve[3].weight, kernel)
    assert network.pretrained_parameters()
    assert not build_model(
        chosen.replace(**{"network.weights": None}), EmbeddingScale(384, 20)
    ).network.pretrained_parameters()


def test_a_run_keeps_the_files_digest_and_answers_without_the_file(
    chosen: Config, weights: Path, manifest: Path, tmp_path: Path
) -> None:
    run = train(chosen, tmp_path / "run")
    facts = json.loads((run / "run.json").read_text())
    assert facts["weights"] == {
        "file": "vit.npz",
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
    }
    assert train(chosen, run, resume=True) == run
    weights.unlink()
    assert saywhere.load(run).segment(
        next((manifest.parent / "images").iterdir()), "upper left"
    ).mask.shape == (32, 32)
    passed_on = bundle.write(run, tmp_path / "spot", "spot", About(title="Spots"))
    assert passed_on["config"]["network"]["weights"] is None
    assert passed_on["run"]["weights"] == facts["weights"]


def test_another_file_under_the_same_name_is_not_resumed(
    chosen: Config, weights: Path, tmp_path: Path
) -> None:
    run = train(chosen, tmp_path / "run")
    arrays = published()
    arrays["gn_root/bias"] += 1
    write(weights.parent, arrays)
    with pytest.raises(UsageError, match=r"network\.weights has changed since this run began"):
        train(chosen, run, resume=True)


def test_what_cannot_be_read_leaves_no_run_behind(
    chosen: Config, weights: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        MissingFile, match=r"no file .*nowhere\.npz in network\.weights: name the published"
    ):
        train(chosen.replace(**{"network.weights": "nowhere.npz"}), tmp_path / "run")
    with pytest.raises(UsageError, match="but unet reads no such file; only transunet does"):
        train(chosen.replace(**{"network.name": "unet"}), tmp_path / "run")
    with pytest.raises(BadCheckpoint, match=r"this network's is \(8, 2, 7, 7\) \(width 8"):
        train(chosen.replace(**{"network.width": 8}), tmp_path / "run")
    assert not (tmp_path / "run").exists()
