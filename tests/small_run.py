"""A few tiny phantoms and a run trained on them: made once a session, shared by every test that
only reads them.

The conftest.py of a folder that wants these fixtures imports all that `__all__` names.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from saywhere.config import Config
from saywhere.datasets.synthetic import make_phantoms
from saywhere.evaluation.evaluate import evaluate
from saywhere.text import minilm
from saywhere.text.bert import BertEncoder
from saywhere.text.encoder import ENCODERS
from saywhere.training.trainer import train

__all__ = [
    "another_encoder",
    "config",
    "evaluated",
    "events",
    "image_only",
    "manifest",
    "one_encoder",
    "pictures",
    "run_copy",
    "shared",
    "toml",
    "trained",
]
"""The fixtures."""
SMALL = {
    "data.size": 32,
    "data.channels": 1,
    "text.train_prompts": "taught",
    "text.evaluate_prompts": "plain",
    "text.unseen_prompts": "unseen",
    "network.width": 4,
    "train.epochs": 2,
    "train.precision": "32-true",
    "train.threads": 1,
    "train.device": "cpu",
    "optimizer.learning_rate": 3e-3,
    "evaluate.bootstrap": 200,
}
_made: dict[str, Any] = {}


def once(name: str, make: Callable[[], Any]) -> Any:
    """A session fixture of several folders is one fixture a folder: what is costly is kept here."""
    if name not in _made:
        _made[name] = make()
    return _made[name]


_open_once = lru_cache(minilm.open_minilm)


@pytest.fixture(autouse=True)
def one_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening the text encoder costs a third of a second: once is enough."""
    monkeypatch.setitem(ENCODERS, "minilm", _open_once)


@pytest.fixture
def another_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if other weights were installed."""
    original = BertEncoder.__init__

    def other(self: BertEncoder, *inputs: Any, **options: Any) -> None:
        original(self, *inputs, **options)
        self.revision = "another"

    monkeypatch.setattr(BertEncoder, "__init__", other)
    monkeypatch.setitem(ENCODERS, "minilm", minilm.open_minilm)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for the whole session."""
    return once("shared", lambda: tmp_path_factory.mktemp("small_run"))


@pytest.fixture(scope="session")
def manifest(shared: Path) -> Path:
    """16 training, 4 validation and 6 test images of 32 px, several rows each."""
    return once(
        "manifest",
        lambda: make_phantoms(shared / "phantoms", n_train=16, n_val=4, n_test=6, size=32, seed=11),
    )


@pytest.fixture(scope="session")
def config(manifest: Path) -> Config:
    return Config().replace(**SMALL, **{"data.manifest": str(manifest)})


@pytest.fixture(scope="session")
def trained(shared: Path, config: Config) -> Path:
    """A finished run; read only."""
    return once("trained", lambda: train(config, shared / "run", listen=_events().append))


@pytest.fixture(scope="session")
def events(trained: Path) -> list[dict[str, Any]]:
    """What was told while `trained` was trained."""
    return _events()


@pytest.fixture(scope="session")
def image_only(shared: Path, config: Config) -> Path:
    """The same without words."""
    return once(
        "image_only",
        lambda: train(config.replace(**{"fusion.name": "none"}), shared / "image_only"),
    )


@pytest.fixture(scope="session")
def evaluated(shared: Path, trained: Path) -> Path:
    """A copy of `trained`, evaluated."""

    def make() -> Path:
        run = shutil.copytree(trained, shared / "evaluated")
        evaluate(run)
        return run

    return once("evaluated", make)


@pytest.fixture
def run_copy(trained: Path, tmp_path: Path) -> Path:
    """A copy of `trained` that a test may damage."""
    return shutil.copytree(trained, tmp_path / "run")


@pytest.fixture
def pictures(manifest: Path, tmp_path: Path) -> Path:
    """Two folders with a picture of the same name in each."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    shutil.copy(manifest.parent / "images/test_0000.png", tmp_path / "one/a.png")
    shutil.copy(manifest.parent / "images/test_0001.png", tmp_path / "two/a.png")
    Image.open(tmp_path / "one/a.png").save(tmp_path / "one/a.bmp")
    return tmp_path


@pytest.fixture
def toml(config: Config, tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(config.to_toml(), encoding="utf-8")
    return path


def rows_of(path: Path) -> list[dict[str, Any]]:
    """A JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def with_a_faulty_row(manifest: Path, split: str) -> Path:
    """A manifest of one split's rows, beside `manifest`; the first one's mask is missing."""
    rows = [row for row in rows_of(manifest) if row["split"] == split]
    rows[0]["mask"] = "masks/none.png"
    return write_rows(manifest.with_name(f"faulty_{split}.jsonl"), rows)


def wait_for(is_so: Callable[[], bool], patience_s: float = 300) -> None:
    """Until then, or fail."""
    deadline = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.002)


def _events() -> list[dict[str, Any]]:
    return _made.setdefault("events", [])
