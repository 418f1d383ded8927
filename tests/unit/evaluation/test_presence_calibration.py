"""What `calibrate` learns of presence holds for every answer, and travels with the model."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import saywhere
from saywhere.config import Config
from saywhere.evaluation.calibrate import calibrate
from saywhere.hub import bundle, onnx
from saywhere.hub.card import card
from saywhere.hub.metadata import About
from saywhere.hub.monai_bundle import PromptedNetwork
from saywhere.inference.runtimes.exported import OnnxRuntime
from saywhere.inference.segmenter import load
from saywhere.runs import presence_file
from saywhere.training.trainer import train
from small_run import once

PROMPT = "the small bright spot, upper left"
FOREIGN = {
    "loss.presence": 0.5,
    "data.denied": 0.2,
    "data.foreign": 0.2,
    "data.foreign_targets": ["kidney"],
}


@pytest.fixture
def run(shared: Path, config: Config, tmp_path: Path) -> Path:
    """A run with a head, calibrated on its own training cases: it has no twenty others."""

    def make() -> Path:
        folder = train(config.replace(**FOREIGN), shared / "presence")
        saywhere.calibrate(folder, split="train")
        return folder

    return shutil.copytree(once("presence", make), tmp_path / "run")


@pytest.fixture
def image(manifest: Path) -> Path:
    return manifest.parent / "images/test_0000.png"


def changed(run: Path, **values: float) -> Path:
    """The same run with another rule."""
    place = run / presence_file.FILE
    place.write_text(json.dumps(json.loads(place.read_text()) | values))
    return run


def test_what_was_learned_is_written_and_is_what_an_answer_says(run: Path, image: Path) -> None:
    record = json.loads((run / "presence.json").read_text())
    assert record["n"] >= 20
    assert record["n_absent"] >= 20
    assert record["auroc_low"] <= record["auroc"] <= record["auroc_high"]
    segmenter = load(run)
    scores = segmenter.scores([segmenter.prepare(image)], [segmenter.read(PROMPT)])
    assert scores.presence is not None
    line = record["slope"] * scores.presence[0] + record["offset"]
    result = segmenter.segment(image, PROMPT)
    assert result.presence == pytest.approx(1 / (1 + np.exp(-line)), abs=1e-6)
    assert result.to_json()["presence"] == round(result.presence, 4)


def test_below_the_threshold_the_mask_is_emptied_and_the_answer_says_so(
    run: Path, image: Path
) -> None:
    before = load(changed(run, threshold=0.0)).segment(image, PROMPT, threshold=0.01)
    after = load(changed(run, threshold=1.0)).segment(image, PROMPT, threshold=0.01)
    assert before.mask.any()
    assert not after.mask.any()
    assert np.array_equal(before.probability, after.probability)
    assert not any("nothing named so" in text for text in before.warnings)
    said = f"nothing named so was found (presence {after.presence:.2f})"
    assert any(text.startswith(said) for text in after.warnings)
    assert after.expected_dice is None


def test_another_rule_makes_another_model(run: Path) -> None:
    first = load(run).digest
    assert load(changed(run, threshold=0.5)).digest != first


def test_calibrating_again_is_not_misled_by_the_rule_before(run: Path) -> None:
    first = json.loads((run / "presence.json").read_text())
    calibrate(changed(run, threshold=1.0), split="train")
    again = json.loads((run / "presence.json").read_text())
    assert again == first


@pytest.mark.parametrize("damage", [{"slope": -1.0}, {"threshold": "x"}, {"n": True}, {"split": 3}])
def test_a_damaged_rule_empties_nothing_and_the_log_says_so(
    run: Path, image: Path, damage: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "saywhere"):
        segmenter = load(changed(run, **damage))  # type: ignore[arg-type]
        segmenter.segment(image, PROMPT)
    assert segmenter.presence_rule.threshold == 0 or damage == {"split": 3}
    assert ("presence.json is damaged" in caplog.text) == (damage != {"split": 3})


def test_a_rule_of_other_weights_is_passed_over(
    run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    changed(run, weights=[1, 2])  # type: ignore[arg-type]
    with caplog.at_level(logging.WARNING, "saywhere"):
        assert load(run).presence_rule.threshold == 0
    assert "of other weights" in caplog.text


def test_it_travels_with_the_model_and_the_card_says_it(
    run: Path, image: Path, tmp_path: Path
) -> None:
    facts = bundle.write(run, tmp_path / "spot", "spot", About())
    assert "## Does it know when nothing is there?" in card(facts)
    assert "presence.json" in (tmp_path / "spot/SHA256SUMS").read_text()
    packed = load(tmp_path / "spot").segment(image, PROMPT)
    assert packed.presence == pytest.approx(load(run).segment(image, PROMPT).presence, abs=0.01)


def test_a_model_without_a_head_answers_as_before(
    trained: Path, image: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(trained, tmp_path / "plain")
    assert calibrate(folder, split="train")["presence"] is None
    assert not (folder / "presence.json").exists()
    result = load(folder).segment(image, PROMPT)
    assert result.judged_presence is None
    assert result.presence == pytest.approx(float(result.probability.max()))


def test_onnx_gives_the_same_presence(
    run: Path, image: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("SAYWHERE_CACHE", str(tmp_path / "cache"))
    onnx.keep(run)
    exported = load(run, runtime="onnx")
    assert isinstance(exported.runtime, OnnxRuntime)
    for prompt in (PROMPT, "no lesion"):
        one = exported.segment(image, prompt)
        other = load(run).segment(image, prompt)
        assert one.presence == pytest.approx(other.presence, abs=1e-4)


def test_a_monai_network_marks_nothing_where_nothing_is_there(run: Path) -> None:
    pixels = torch.rand(2, 1, 40, 48)
    there = PromptedNetwork(str(changed(run, threshold=0.0)), PROMPT).eval()(pixels)
    absent = PromptedNetwork(str(changed(run, threshold=1.0)), PROMPT).eval()(pixels)
    assert there.max() > 0
    assert absent.shape == there.shape
    assert absent.max() == 0
