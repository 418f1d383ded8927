"""A network and a fusion that are added as CONTRIBUTING.md says go through the whole house, and a
grid takes them up by a line.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from torch import Tensor, nn
from typer.testing import CliRunner

import saywhere
from saywhere.cli.main import app
from saywhere.config import Config, parse
from saywhere.config.fusions import FUSIONS, Fusion
from saywhere.errors import BadCheckpoint, ConfigError, UsageError
from saywhere.evaluation.evaluate import evaluate
from saywhere.experiments.grid import read_grid
from saywhere.experiments.runner import run_grid
from saywhere.networks.registry import NETWORKS
from saywhere.networks.stack_check import check_stack
from saywhere.text.encoder import ENCODERS
from saywhere.training.trainer import train

TWO_STEPS = {"train.epochs": 1, "train.steps_per_epoch": 2}


class Toy(nn.Module):
    """As step 1 asks, and no more."""

    multiple, smallest = 1, 8

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 1, 3, padding=1),
        )

    def forward(self, stack: Tensor) -> Tensor:
        check_stack(stack, "toy", self.in_channels, self.smallest)
        return self.layers(stack)


SHIFT = '''
from torch import Tensor, nn
from saywhere.fusion.conditioning import FeatureConditioner

class Shift(FeatureConditioner):
    """The sentence shifts the bottleneck's channels."""

    def __init__(self, n_channels: int, n_embedding: int) -> None:
        super().__init__(n_channels, n_embedding)
        self.shift = nn.Linear(n_embedding, n_channels)

    def forward(self, feature: Tensor, embedding: Tensor) -> Tensor:
        return feature + self.shift(embedding)[..., None, None]
'''
PLANE = '''
import torch
from torch import Tensor, nn
from saywhere.fusion.pseudo_image import PseudoImageParts

class Paint(nn.Module):
    def __init__(self, n_embedding: int, n_channels: int, size_px: int) -> None:
        super().__init__()
        self.channels, self.size_px = n_channels, size_px
        self.slope = nn.Linear(n_embedding, 3 * n_channels)

    def forward(self, scaled: Tensor) -> Tensor:
        scaled = scaled.mean(1) if scaled.ndim == 3 else scaled
        line = torch.linspace(-1, 1, self.size_px)
        a, b, c = self.slope(scaled).unflatten(1, (3, self.channels, 1, 1)).unbind(1)
        return a * line[:, None] + b * line + c

class Plane:
    """The prompt becomes a slope of grey: another pseudo-image than the paper's."""

    reads_tokens = False
    conditioner = None

    def build(self, n_embedding, n_channels, size_px, projection):
        return PseudoImageParts(Paint(n_embedding, n_channels, size_px), nn.Sigmoid())

    def start(self, parts, scaled):
        nn.init.normal_(parts.projection.slope.weight)

class Tokens(Plane):
    reads_tokens = True
'''


class Letters:
    """A text encoder as CONTRIBUTING.md asks, and no more: which letters a prompt has."""

    name = "letters"
    dim = 26
    revision = "1"
    pooling = "mean"
    max_length = 400

    def embed(self, prompts: Sequence[str]) -> np.ndarray:
        return np.stack([tokens.mean(0) for tokens in self.embed_tokens(prompts)])

    def embed_tokens(self, prompts: Sequence[str]) -> list[np.ndarray]:
        return [self._tokens(f"{prompt} ") for prompt in prompts]

    def _tokens(self, text: str) -> np.ndarray:
        rows = np.eye(self.dim + 1, self.dim, dtype=np.float32)  # the last row is for no letter
        return rows[[ord(c) - 97 if "a" <= c <= "z" else self.dim for c in text]]

    def count_tokens(self, prompt: str) -> int:
        return len(prompt) + 1


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(NETWORKS, "toy", Toy)
    return "toy"


def test_a_network_of_one_class_and_one_line_is_trained_evaluated_and_asked(
    toy: str, config: Config, manifest: Path, tmp_path: Path
) -> None:
    run = train(config.replace(**{"network.name": toy}, **TWO_STEPS), tmp_path / "run")
    assert evaluate(run)["words"]["right"]["n"] > 0
    assert saywhere.load(run).segment(
        next((manifest.parent / "images").iterdir()), "upper left"
    ).mask.shape == (32, 32)
    with pytest.raises(
        UsageError,
        match=r"Toy does not name its stages; film needs a network with a method stages\(\)",
    ):
        train(
            config.replace(**{"network.name": toy, "fusion.name": "film"}, **TWO_STEPS),
            tmp_path / "film",
        )
    with pytest.raises(UsageError, match=r"depth is 0\.5, but toy has no depth scale"):
        train(
            config.replace(**{"network.name": toy, "network.depth": 0.5}, **TWO_STEPS),
            tmp_path / "shallow",
        )


@pytest.mark.parametrize(("name", "size"), [("monai:SwinUNETR", 64), ("monai:UNETR", 32)])
def test_a_network_of_monai_is_trained_by_its_name_and_opened_again(
    name: str, size: int, config: Config, manifest: Path, tmp_path: Path
) -> None:
    changes = {"network.name": name, "network.width": 4, "data.size": size, "train.batch_size": 2}
    run = train(config.replace(**changes, **TWO_STEPS), tmp_path / "run")
    assert saywhere.load(run).segment(
        next((manifest.parent / "images").iterdir()), "upper left"
    ).mask.shape == (32, 32)


GRID = """table = "nets"
title = "Networks"
base = "{base}"
seeds = [0]
axis = [[
  {{ label = "UNet", set = {{}} }},
{more}]]
"""


def test_a_grid_takes_up_a_new_network_by_one_line_and_runs_its_cell_alone(
    toy: str, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from saywhere.experiments import executors

    monkeypatch.setattr(
        executors, "_processes", lambda jobs, work, side_by_side: ((job, work(job)) for job in jobs)
    )
    base = tmp_path / "base.toml"
    path = tmp_path / "grid.toml"
    ran = []
    base.write_text(config.replace(**TWO_STEPS).to_toml(), encoding="utf-8")
    for more in ("", '  { label = "Toy", set = { "network.name" = "toy" } },\n'):
        path.write_text(GRID.format(base=base.as_posix(), more=more), encoding="utf-8")
        ran.clear()
        assert (
            run_grid(
                read_grid(path),
                tmp_path / "results",
                lambda cell, what: ran.append(cell),
                "command",
            )
            == []
        )
    assert ran == ["toy-seed0"]
    assert (
        json.loads((tmp_path / "results/nets/toy-seed0.json").read_text())["config"]["network"][
            "name"
        ]
        == toy
    )


@pytest.mark.parametrize(
    ("source", "joins", "part"),
    [(SHIFT, "features", "Shift"), (PLANE, "image", "Plane"), (PLANE, "image", "Tokens")],
)
def test_a_fusion_of_one_file_and_one_line_is_trained_evaluated_heard_and_listed(
    source: str,
    joins: Literal["image", "features"],
    part: str,
    config: Config,
    manifest: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "new_fusion.py").write_text(source, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "new_fusion", raising=False)
    monkeypatch.setitem(FUSIONS, "new", Fusion(joins, f"new_fusion:{part}", "a toy"))
    run = train(config.replace(**{"fusion.name": "new"}, **TWO_STEPS), tmp_path / "run")
    assert "right" in evaluate(run)["words"]
    segmenter = saywhere.load(run)
    names = {type(module).__name__ for module in segmenter.model.modules()}
    assert names & {"Shift", "Paint"}
    picture = next((manifest.parent / "images").iterdir())
    one, other = (segmenter.segment(picture, prompt) for prompt in ("upper left", "lower right"))
    assert np.abs(one.probability - other.probability).max() > 1e-7
    assert (one.pseudo_image is not None) == (joins == "image")
    result = CliRunner().invoke(app, ["info", "fusions", "--json"])
    assert {"name": "new", "what": "a toy"} in json.loads(result.stdout)["fusions"]


@pytest.mark.parametrize("fusion", ["early", "cross-attention"])
def test_an_encoder_of_one_class_and_one_line_is_trained_evaluated_and_heard(
    fusion: str,
    config: Config,
    manifest: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(ENCODERS, "letters", lambda path, pooling, max_length: Letters())
    changes = {"text.encoder": "letters", "fusion.name": fusion}
    run = train(config.replace(**changes, **TWO_STEPS), tmp_path / "run")
    assert "right" in evaluate(run)["words"]
    segmenter = saywhere.load(run)
    picture = next((manifest.parent / "images").iterdir())
    one, other = (segmenter.segment(picture, prompt) for prompt in ("upper left", "lower right"))
    assert np.abs(one.probability - other.probability).max() > 1e-7
    monkeypatch.setattr(Letters, "revision", "2")
    with pytest.raises(BadCheckpoint, match="the text encoder here is"):
        saywhere.load(run).segment(picture, "upper left")


def test_a_fusion_that_is_none_is_refused_with_the_list() -> None:
    with pytest.raises(ConfigError, match=r"input should be 'early', .* or 'none'"):
        parse({"fusion": {"name": "flim"}}, where="a.toml")
