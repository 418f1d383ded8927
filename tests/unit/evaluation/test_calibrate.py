"""`calibrate`: what it learns is what was measured, and an answer has it only where it holds."""

from __future__ import annotations

import csv
import errno
import json
import logging
import math
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import saywhere
from saywhere.errors import MissingFile, NotWritable, TooManyFaults, UsageError
from saywhere.evaluation.evaluate import evaluate, rows_to_measure
from saywhere.evaluation.prompt_conditions import PromptLevels
from saywhere.hub.digests import verified
from saywhere.hub.metadata import About
from saywhere.hub.registry import pull, push
from saywhere.inference.batch import run_jobs
from saywhere.inference.requests import jobs_for
from saywhere.io import images
from saywhere.metrics.functional import dice
from saywhere.runs import calibration_file, checkpoint
from small_run import once, rows_of, write_rows

PROMPT = "the small bright spot, upper left"


@pytest.fixture
def calibrated(trained: Path, shared: Path, tmp_path: Path) -> Path:
    """A copy of a run that was calibrated on its own training cases: it has no twenty others."""

    def make() -> Path:
        run = shutil.copytree(trained, shared / "calibrated")
        saywhere.calibrate(run, split="train")
        return run

    return shutil.copytree(once("calibrated", make), tmp_path / "calibrated")


@pytest.fixture
def image(manifest: Path) -> Path:
    return manifest.parent / "images/test_0000.png"


def test_a_folder_that_takes_nothing_is_met_before_a_case_is_measured(
    run_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(self))

    monkeypatch.setattr(Path, "touch", refuse)
    told: list[int] = []
    with pytest.raises(NotWritable, match=r"expected\.json"):
        saywhere.calibrate(run_copy, split="train", advance=told.append)
    assert told == []


def test_it_learns_what_an_evaluation_of_that_split_measures(run_copy: Path) -> None:
    told: list[int] = []
    found = saywhere.calibrate(run_copy, split="train", advance=told.append)
    evaluate(run_copy, split="train", words=["right"])
    table = _cases(run_copy)
    # The table is rounded to six digits. A small run's confidences may differ in the last of them
    # only, and would be ties there: so what was learned is held to the numbers before rounding,
    # and those to the table.
    cases = _measured(run_copy, "train")
    assert [case["id"] for case in table] == [case["id"] for case in cases]
    for key in ("confidence", "dice"):
        rounded = [float(case[key]) for case in table]
        assert rounded == pytest.approx([case[key] for case in cases], abs=1e-5)
    marked = [(case["confidence"], case["dice"]) for case in cases if case["confidence"]]
    kept = json.loads((run_copy / calibration_file.FILE).read_text())
    # What else it is learned from: test_changed_pictures.py.
    assert kept["n"] == found["n"] == len(marked)
    assert found["dice"] == pytest.approx(np.mean([case["dice"] for case in cases]), abs=1e-5)
    assert (found["split"], found["quarantined"], sum(told)) == ("train", 0, len(cases))
    assert {key: kept[key] for key in ("split", "level", "threshold", "mirror")} == {
        "split": "train",
        "level": "plain",
        "threshold": 0.5,
        "mirror": False,
    }


def _measured(run: Path, split: str) -> list[dict[str, Any]]:
    """Confidence and Dice of each case, from single answers and this package's Dice."""
    segmenter = saywhere.load(run)
    config = segmenter.config
    levels = PromptLevels(config.evaluation_level, None)
    rows = rows_to_measure(config.data, None, split, levels).rows
    cases = []
    for row in rows:
        result = segmenter.segment(row.image, row.prompts["plain"][0])
        assert row.mask is not None
        score = dice(result.mask, images.read_mask(row.mask))
        cases.append({"id": row.id, "confidence": result.confidence or 0.0, "dice": score})
    return cases


def test_an_answer_has_it_at_the_threshold_and_without_the_mirrors_that_it_was_learned_with(
    calibrated: Path, image: Path
) -> None:
    segmenter = saywhere.load(calibrated)
    result = segmenter.segment(image, PROMPT)
    assert result.confidence is not None
    kept = json.loads((calibrated / calibration_file.FILE).read_text())
    assert result.expected_dice == pytest.approx(
        np.interp(result.confidence, kept["confidence"], kept["dice"])
    )
    assert segmenter.segment(image, PROMPT, threshold=0.4).expected_dice is None
    assert saywhere.load(calibrated, mirror=True).segment(image, PROMPT).expected_dice is None
    assert (
        saywhere.load(calibrated)
        .segment(np.zeros((32, 32), np.uint8), PROMPT, threshold=0.999999)
        .expected_dice
        is None
    )


def test_the_masks_are_as_they_were(calibrated: Path, trained: Path, image: Path) -> None:
    before, after = (saywhere.load(run).segment(image, PROMPT) for run in (trained, calibrated))
    assert (before.probability == after.probability).all()
    assert before.expected_dice is None


def test_an_evaluation_says_how_good_it_was_with_each_kind_of_words(
    calibrated: Path, evaluated: Path
) -> None:
    summary = evaluate(calibrated)
    right = [
        case for case in _cases(calibrated) if case["words"] == "right" and case["expected_dice"]
    ]
    found = summary["expected"]["right"]
    assert set(summary["expected"]) == set(summary["words"])
    assert found["n"] == len(right)
    assert found["mean"] == pytest.approx(
        np.mean([float(case["expected_dice"]) for case in right]), abs=1e-5
    )
    assert found["error"] == pytest.approx(
        np.mean([abs(float(case["expected_dice"]) - float(case["dice"])) for case in right]),
        abs=1e-5,
    )
    assert json.loads((evaluated / "evaluation/summary.json").read_text())["expected"] == {}
    assert {case["expected_dice"] for case in _cases(evaluated)} == {""}


def test_another_checkpoint_does_not_keep_it(
    calibrated: Path, image: Path, caplog: pytest.LogCaptureFixture
) -> None:
    saved = checkpoint.load(calibrated)
    saved.state["step"] += 1
    checkpoint.write(calibrated / "checkpoints/best", saved)
    with caplog.at_level(logging.WARNING):
        assert saywhere.load(calibrated).segment(image, PROMPT).expected_dice is None
    assert "expected.json is of other weights" in caplog.text
    assert "saywhere calibrate" in caplog.text


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "[" * 100_000, '{"n": 3}', "\x00"])
def test_a_damaged_one_is_told_of_and_costs_nothing_else(
    calibrated: Path, image: Path, caplog: pytest.LogCaptureFixture, content: str
) -> None:
    (calibrated / calibration_file.FILE).write_text(content)
    with caplog.at_level(logging.WARNING):
        assert saywhere.load(calibrated).segment(image, PROMPT).expected_dice is None
    assert "expected.json is damaged" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        {"split": "x`\n\n# Cleared for clinical use"},
        {"split": "\ud800"},
        {"split": None},
        {"n": -5},
        {"threshold": "0.5"},
        {"mirror": 0},
    ],
)
def test_a_strangers_record_is_held_to_its_form(
    calibrated: Path, image: Path, caplog: pytest.LogCaptureFixture, change: dict[str, Any]
) -> None:
    kept = json.loads((calibrated / calibration_file.FILE).read_text()) | change
    (calibrated / calibration_file.FILE).write_text(
        json.dumps({key: value for key, value in kept.items() if value is not None})
    )
    with caplog.at_level(logging.WARNING):
        assert saywhere.load(calibrated).segment(image, PROMPT).expected_dice is None
    assert "expected.json is damaged" in caplog.text


def test_what_is_not_known_of_a_record_is_not_passed_on(calibrated: Path, tmp_path: Path) -> None:
    kept = json.loads((calibrated / calibration_file.FILE).read_text())
    (calibrated / calibration_file.FILE).write_text(json.dumps(kept | {"more": "x"}))
    push(calibrated, str(tmp_path / "spot"), About())
    assert json.loads((tmp_path / "spot" / calibration_file.FILE).read_text()) == kept


def test_a_checkpoint_before_its_first_validation_keeps_what_it_learned(
    run_copy: Path, image: Path
) -> None:
    saved = checkpoint.load(run_copy)
    saved.state["best"] = -math.inf
    checkpoint.write(run_copy / "checkpoints/best", saved)
    saywhere.calibrate(run_copy, split="train")
    assert saywhere.load(run_copy).segment(image, PROMPT).expected_dice is not None


def test_a_model_that_comes_along_stays_as_it_is(manifest: Path) -> None:
    with pytest.raises(
        UsageError,
        match=r"polyp comes with Saywhere and stays as it is.*models pull .* --name my-polyp",
    ):
        saywhere.calibrate("polyp", manifest=manifest, split="train")


def test_a_push_in_its_place_does_not_leave_what_another_learned(
    calibrated: Path, run_copy: Path, tmp_path: Path
) -> None:
    push(calibrated, str(tmp_path / "spot"), About())
    assert (tmp_path / "spot" / calibration_file.FILE).is_file()
    push(run_copy, str(tmp_path / "spot"), About(), replace=True)
    assert not (tmp_path / "spot" / calibration_file.FILE).exists()


def test_a_card_tells_no_figure_of_an_earlier_calibration(
    calibrated: Path, manifest: Path, tmp_path: Path
) -> None:
    evaluate(calibrated)
    rows = [row for row in rows_of(manifest) if row["split"] == "train"][:24]
    saywhere.calibrate(
        calibrated, manifest=write_rows(manifest.with_name("fewer.jsonl"), rows), split="train"
    )
    push(calibrated, str(tmp_path / "spot"), About())
    card = (tmp_path / "spot/README.md").read_text()
    assert "was learned from" in card
    assert "its expected Dice is 0." not in card


def test_predictions_made_before_are_made_again_with_it(
    run_copy: Path, image: Path, tmp_path: Path
) -> None:
    jobs = jobs_for([image], [PROMPT])
    assert (
        run_jobs(saywhere.load(run_copy), jobs, tmp_path / "out").predictions[0].expected_dice
        is None
    )
    saywhere.calibrate(run_copy, split="train")
    again = run_jobs(saywhere.load(run_copy), jobs, tmp_path / "out")
    assert again.n_skipped == 0
    result = saywhere.load(run_copy).segment(image, PROMPT)
    assert rows_of(tmp_path / "out/predictions.jsonl")[0]["expected_dice"] == pytest.approx(
        result.expected_dice, abs=1e-4
    )


def test_too_few_cases_leave_what_was_learned_before(calibrated: Path) -> None:
    before = (calibrated / calibration_file.FILE).read_bytes()
    with pytest.raises(UsageError, match=r"answers that mark anything; 20 or more"):
        saywhere.calibrate(calibrated)
    with pytest.raises((UsageError, TooManyFaults, MissingFile)):
        saywhere.calibrate(calibrated, split="none")
    assert (calibrated / calibration_file.FILE).read_bytes() == before


def test_a_pushed_model_takes_it_along_and_its_card_says_so(
    calibrated: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("saywhere.runs.locate.pulled", lambda: tmp_path / "pulled")
    evaluate(calibrated)
    push(calibrated, str(tmp_path / "spot"), About())
    folder = pull(str(tmp_path / "spot"), "blob")
    verified(folder)
    assert saywhere.load("blob").segment(image, PROMPT).expected_dice is not None
    card = (folder / "README.md").read_text()
    assert "An answer's expected Dice was learned from" in card
    assert "of split `train`" in card
    assert "On split `test` its expected Dice is 0." in card


def test_a_model_is_calibrated_where_it_is_and_stays_verified(
    run_copy: Path, manifest: Path, image: Path, tmp_path: Path
) -> None:
    model = tmp_path / "shelf/spot"
    push(run_copy, str(model), About())
    before = {path.name: path.read_bytes() for path in model.iterdir()}
    found = saywhere.calibrate(model, manifest=manifest, split="train")
    assert found["kept"] == str(model / calibration_file.FILE)
    verified(model)
    after = {path.name: path.read_bytes() for path in model.iterdir()}
    assert {name for name in after if before.get(name) != after[name]} == {
        calibration_file.FILE,
        "SHA256SUMS",
    }
    saywhere.calibrate(model, manifest=manifest, split="train", prompts="place")
    assert json.loads((model / calibration_file.FILE).read_text())["level"] == "place"
    assert (model / "SHA256SUMS").read_text().count(calibration_file.FILE) == 1
    assert saywhere.load(model).segment(image, PROMPT).expected_dice is not None


def _cases(run: Path) -> list[dict[str, Any]]:
    with (run / "evaluation/cases.csv").open() as file:
        return list(csv.DictReader(file))
