"""Runs and models of earlier versions open and answer as they did; newer ones are refused."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from saywhere.errors import BadCheckpoint, UsageError
from saywhere.inference.segmenter import load
from saywhere.runs import checkpoint, tensor_file
from saywhere.runs.directory import Run
from saywhere.runs.formats import MODEL_FORMAT, RUN_FORMAT, refuse_newer_folder
from saywhere.training.trainer import train

EARLIER = Path(__file__).parents[2] / "data" / "earlier"
VERSIONS = sorted(path.parent.name for path in EARLIER.glob("*/answers.json"))
FOLDERS = [
    EARLIER / version / kind
    for version in VERSIONS
    for kind in json.loads((EARLIER / version / "answers.json").read_text())
]


@pytest.fixture(scope="module")
def make() -> ModuleType:
    """The program that made them: it holds the picture and the prompt."""
    spec = importlib.util.spec_from_file_location("make_earlier", EARLIER / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_each_earlier_version_left_a_run_and_one_a_model() -> None:
    names = {f"{folder.parent.name}/{folder.name}" for folder in FOLDERS}
    assert names == {"5f6c1f9/run", "61e1e18/run", "61e1e18/model"}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_it_opens_and_answers_as_it_did(folder: Path, make: ModuleType) -> None:
    answers = json.loads((folder.parent / "answers.json").read_text())[folder.name]
    probability = load(folder).segment(make.picture(2), make.PROMPT).probability
    # The last digits are those of the processor.
    np.testing.assert_allclose(probability, answers, atol=1e-3)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_earlier_run_is_trained_further(version: str, make: ModuleType, tmp_path: Path) -> None:
    run = EARLIER / version / "run"
    config = checkpoint.load(run).config
    changes = {"data.manifest": str(make.write_manifest(tmp_path)), "train.epochs": 1}
    tuned = train(config.replace(**changes), tmp_path / "tuned", start=run)
    assert Run(tuned).facts()["format"] == RUN_FORMAT


def stamped(folder: Path, name: str, number: int, tmp_path: Path) -> Path:
    copy = shutil.copytree(folder, tmp_path / "copy")
    document = json.loads((copy / name).read_text())
    later = document | {"format": number, "saywhere": "9.1"}
    (copy / name).write_text(json.dumps(later))
    return copy


@pytest.mark.parametrize(
    ("kind", "name", "newest"),
    [("run", "run.json", RUN_FORMAT), ("model", "config.json", MODEL_FORMAT)],
)
def test_a_newer_one_is_refused_with_the_advice_to_update(
    kind: str, name: str, newest: int, tmp_path: Path
) -> None:
    copy = stamped(EARLIER / "61e1e18" / kind, name, newest + 1, tmp_path)
    with pytest.raises(BadCheckpoint) as refused:
        load(copy)
    assert refused.value.found == f"a {kind} of format {newest + 1} (made by Saywhere 9.1)"
    assert refused.value.allowed == f"this version reads formats up to {newest}"
    assert str(refused.value.remedy).startswith("update Saywhere (pip install -U saywhere)")


def test_a_newer_run_is_neither_resumed(tmp_path: Path) -> None:
    copy = stamped(EARLIER / "61e1e18" / "run", "run.json", RUN_FORMAT + 1, tmp_path)
    with pytest.raises(BadCheckpoint, match="update Saywhere"):
        train(checkpoint.load(EARLIER / "61e1e18" / "run").config, copy, resume=True)


def test_a_damaged_stamp_leaves_the_weights_readable(tmp_path: Path) -> None:
    copy = shutil.copytree(EARLIER / "61e1e18" / "run", tmp_path / "copy")
    (copy / "run.json").write_text("{")
    refuse_newer_folder(copy)
    assert checkpoint.load(copy).state["step"] == 3
    with pytest.raises(UsageError, match=r"run\.json is damaged"):
        Run(copy).facts()


def test_newer_weights_are_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    later = {"format": tensor_file.FORMAT + 1, "config": {}, "state": {}}
    path.write_bytes(tensor_file.pack(later, {}))
    with pytest.raises(BadCheckpoint, match=r"checkpoint format 3 .* formats 1 to 2: update"):
        checkpoint.load(tmp_path)
