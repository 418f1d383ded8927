"""A model without a presence head: `calibrate` alone teaches it to say that nothing is there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import saywhere
from saywhere.config import Config
from saywhere.data import absences
from saywhere.data.manifest_row import Row
from saywhere.datasets.synthetic import make_phantoms
from saywhere.evaluation import presence_calibration
from saywhere.evaluation.presence_questions import Questions
from saywhere.hub import bundle, onnx
from saywhere.hub.metadata import About
from saywhere.hub.monai_bundle import PromptedNetwork
from saywhere.inference.segmenter import load
from saywhere.metrics.presence import PresenceRule
from saywhere.runs import presence_file
from small_run import once, rows_of

OWN = "the small bright spot, upper left"
FOREIGN = "segment the kidney"


@pytest.fixture
def phantoms(shared: Path) -> Path:
    return once(
        "phantoms for presence",
        lambda: make_phantoms(
            shared / "phantoms for presence",
            n_train=60,
            n_val=50,
            n_test=10,
            size=32,
            seed=7,
            rows_per_image=1,
        ),
    )


@pytest.fixture
def learned(trained: Path, shared: Path, phantoms: Path) -> tuple[Path, Mapping[str, Any]]:
    """A run without a head, and what `calibrate` answered of it."""

    def make() -> tuple[Path, Mapping[str, Any]]:
        run = shutil.copytree(trained, shared / "presence without a head")
        # The network has learned for seconds: what it tells at all is kept.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(presence_calibration, "LEAST_AUROC", 0.0)
            patch.setattr(presence_calibration, "FEWEST_TRAINED", 60)
            return run, saywhere.calibrate(run, manifest=phantoms, presence=True)

    return once("presence without a head", make)


@pytest.fixture
def run(learned: tuple[Path, Mapping[str, Any]], tmp_path: Path) -> Path:
    return shutil.copytree(learned[0], tmp_path / "run")


@pytest.fixture
def image(phantoms: Path) -> Path:
    return phantoms.parent / rows_of(phantoms)[0]["image"]


def changed(run: Path, **values: object) -> Path:
    """The same run with another rule."""
    place = run / presence_file.FILE
    place.write_text(json.dumps(json.loads(place.read_text()) | values))
    return run


def test_words_of_another_organ_are_told_from_its_own(
    learned: tuple[Path, Mapping[str, Any]], image: Path
) -> None:
    run, outcome = learned
    assert outcome["presence"]["auroc_low"] > 0.9
    segmenter = load(run)
    own, foreign = segmenter.segment_many([image, image], [OWN, FOREIGN])
    assert own.judged_presence is not None
    assert own.presence > foreign.presence


def test_what_was_learned_is_what_an_answer_says(run: Path, image: Path) -> None:
    record = json.loads((run / presence_file.FILE).read_text())
    segmenter = load(run)
    scores = segmenter.scores([segmenter.prepare(image)], [segmenter.read(OWN)])
    assert scores.presence is None
    assert scores.described is not None
    line = scores.described[0].astype(float) @ np.array(record["features"]) + record["offset"]
    assert segmenter.segment(image, OWN).presence == pytest.approx(1 / (1 + np.exp(-line)))


def test_below_the_threshold_the_mask_is_emptied_and_the_answer_says_so(
    run: Path, image: Path
) -> None:
    before = load(changed(run, threshold=0.0)).segment(image, OWN, threshold=0.01)
    after = load(changed(run, threshold=1.0)).segment(image, OWN, threshold=0.01)
    assert before.mask.any()
    assert not after.mask.any()
    assert any(text.startswith("nothing named so was found") for text in after.warnings)


@pytest.mark.parametrize(("least", "fewest"), [(1.01, 60), (0.0, 61)])
def test_what_tells_badly_or_was_learned_from_few_is_not_kept(
    trained: Path,
    phantoms: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    least: float,
    fewest: int,
) -> None:
    monkeypatch.setattr(presence_calibration, "LEAST_AUROC", least)
    monkeypatch.setattr(presence_calibration, "FEWEST_TRAINED", fewest)
    folder = shutil.copytree(trained, tmp_path / "plain")
    assert saywhere.calibrate(folder, manifest=phantoms, presence=True)["presence"] is None
    assert not (folder / presence_file.FILE).exists()


def test_unasked_a_model_without_a_head_learns_none(
    trained: Path, phantoms: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence_calibration, "LEAST_AUROC", 0.0)
    monkeypatch.setattr(presence_calibration, "FEWEST_TRAINED", 60)
    folder = shutil.copytree(trained, tmp_path / "plain")
    assert saywhere.calibrate(folder, manifest=phantoms)["presence"] is None
    assert not (folder / presence_file.FILE).exists()


@pytest.mark.parametrize("damage", [["x"], [1], "abc", [float("nan")]])
def test_damaged_weights_empty_nothing(run: Path, image: Path, damage: object) -> None:
    segmenter = load(changed(run, features=damage, threshold=1.0))
    assert segmenter.presence_rule == PresenceRule()
    assert segmenter.segment(image, OWN).judged_presence is None


def test_weights_of_another_network_are_no_answer() -> None:
    rule = PresenceRule(weights=(1.0, 2.0))
    assert rule.logit(None, np.ones((1, 3), np.float32)) is None
    assert rule.logit(None, None) is None
    assert rule.logit(None, np.ones((1, 2), np.float32)) == pytest.approx([3.0])


def test_a_rule_of_a_head_keeps_its_digest() -> None:
    headed = PresenceRule(2.0, -1.0, 0.1)
    assert presence_file.identity(headed) == "{'slope': 2.0, 'offset': -1.0, 'threshold': 0.1}"
    assert presence_file.identity(headed) != presence_file.identity(
        PresenceRule(2.0, -1.0, 0.1, (1.0,))
    )


def test_it_travels_and_config_json_stays_short(run: Path, image: Path, tmp_path: Path) -> None:
    facts = bundle.write(run, tmp_path / "spot", "spot", About())
    assert facts["presence"]["features"] == []
    packed = load(tmp_path / "spot").segment(image, OWN)
    assert packed.presence == pytest.approx(load(run).segment(image, OWN).presence, abs=0.02)


def test_onnx_gives_the_same_presence(
    run: Path, image: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("SAYWHERE_CACHE", str(tmp_path / "cache"))
    onnx.keep(run)
    for prompt in (OWN, FOREIGN):
        one = load(run, runtime="onnx").segment(image, prompt)
        assert one.presence == pytest.approx(load(run).segment(image, prompt).presence, abs=1e-3)


def test_a_monai_network_marks_nothing_where_nothing_is_there(run: Path) -> None:
    pixels = torch.rand(2, 1, 40, 48)
    there = PromptedNetwork(str(changed(run, threshold=0.0)), OWN).eval()(pixels)
    absent = PromptedNetwork(str(changed(run, threshold=1.0)), OWN).eval()(pixels)
    assert there.max() > 0
    assert absent.shape == there.shape
    assert absent.max() == 0


def test_other_wordings_of_what_is_there_are_asked_as_well(config: Config, phantoms: Path) -> None:
    from saywhere.data.manifest import read_manifest

    rows = list(read_manifest(phantoms).split("train"))[:20]
    prompts = [OWN] * 20
    asked = list(Questions(config.data, has_head=False).of(rows, prompts, [True] * 20))
    kinds = [(one.prompt, one.is_there) for one in asked]
    forms = {text for text in absences.foreign(config.data.target)}
    assert {text for text, there in kinds if there} & forms
    assert not {text for text, there in kinds if not there} & forms
    assert sum(there for _, there in kinds) == 40
    assert list(Questions(config.data, has_head=True).of(rows, prompts, [True] * 20)) == []


def test_an_organ_that_the_prompts_name_is_not_another_one() -> None:
    others = absences.foreign_targets(["Left lung.", "two polyps"])
    assert "polyp" not in others
    assert "lung infection" not in others
    assert "kidney" in others
    assert absences.foreign_targets(absences.foreign_targets([])) == ("bicycle",)
    assert absences.denied("One round polyp") == "no one round polyp"


def test_of_several_sets_each_row_is_asked_by_its_own_target_and_lent_anothers() -> None:
    data = Config().replace(**{"data.target_column": "target", "data.foreign": 0.1}).data
    shown = [("polyp", []), ("infection", ["lung"]), ("lung", ["infection"])] * 6
    rows = [
        Row(f"{i}", Path("a.png"), extra={"target": noun, "unmarked": unmarked})
        for i, (noun, unmarked) in enumerate(shown)
    ]
    prompts = [f"{noun} {i}" for i, (noun, _) in enumerate(shown)]
    asked = list(Questions(data, has_head=True).of(rows, prompts, [True] * len(rows)))
    lent = [(one.row.extra["target"], one.prompt) for one in asked if one.prompt in prompts]
    assert len(lent) == len(rows)
    for noun, prompt in lent:
        # A film shows lungs and may show an infection: neither is absent from the other's.
        expected = {"polyp": ("infection", "lung")}.get(noun, ("polyp",))
        assert prompt.split()[0] in expected
    denying = data.model_copy(update={"foreign": 0.0, "denied": 0.1})
    asked = list(Questions(denying, has_head=True).of(rows, prompts, [True] * len(rows)))
    for one in asked:
        assert not one.is_there
        assert str(one.row.extra["target"]) in one.prompt
