"""Which language a run or model was taught, also one from before that was recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from saywhere.inference.segmenter import load
from saywhere.runs import checkpoint
from small_run import *  # noqa: F403

EARLIER = Path(__file__).parents[2] / "data/earlier/61e1e18"


@pytest.fixture
def older(trained: Path, tmp_path: Path) -> Path:
    """The small run, as if it had been made before prompts were recorded."""
    saved = checkpoint.load(trained)
    saved.state.pop("prompts")
    for name in ("config.toml", "run.json"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    checkpoint.write(tmp_path / "checkpoints/best", saved)
    return tmp_path


def warnings(folder: Path, prompt: str) -> str:
    return " ".join(load(folder).read(prompt).warnings)


def test_an_older_run_learns_it_from_its_manifest(older: Path) -> None:
    assert load(older).prompt_facts.languages == ("English",)
    assert load(older).prompt_facts.frame == ""
    assert "reads as German; the model was taught English" in warnings(older, "oben links")
    assert warnings(older, "upper left") == ""


def test_where_the_manifest_is_another_one_by_now_it_says_that_nobody_knows(older: Path) -> None:
    facts = json.loads((older / "run.json").read_text())
    facts["data"]["digest"] = "0" * 64
    (older / "run.json").write_text(json.dumps(facts))
    assert load(older).prompt_facts.languages == ()
    assert "not recorded" in warnings(older, "oben links")
    assert warnings(older, "upper left") == ""


def test_an_older_model_learns_it_from_its_suggestions(tmp_path: Path) -> None:
    for file in (EARLIER / "model").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    document = json.loads((tmp_path / "config.json").read_text())
    document["about"] = {**document.get("about", {}), "suggestions": ["the spot, upper left", 3]}
    (tmp_path / "config.json").write_text(json.dumps(document))
    assert "the model was taught English" in warnings(tmp_path, "oben links")
    document["about"]["suggestions"] = "oben"
    (tmp_path / "config.json").write_text(json.dumps(document))
    assert "not recorded" in warnings(tmp_path, "oben links")
