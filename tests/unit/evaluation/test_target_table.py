"""A test split of several targets: a mean over all of them is one of whichever has most images."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from console import invoke
from saywhere.config import Config
from saywhere.evaluation.evaluate import evaluate
from saywhere.evaluation.target_table import target_table
from saywhere.training.trainer import train
from small_run import rows_of, write_rows

NAMES = ("spot", "stain")
WHOLE = {"data.target_column": "shows", "data.shares": {"spot": 2}, "train.epochs": 1}


@pytest.fixture(scope="module")
def several(manifest: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The phantoms, of which every third shows a stain, in a manifest that says so."""
    rows = rows_of(manifest)
    for number, row in enumerate(rows):
        row["shows"] = NAMES[number % 3 == 0]
        for part in ("image", "mask"):
            row[part] = str((manifest.parent / row[part]).resolve())
    return write_rows(tmp_path_factory.mktemp("several") / "manifest.jsonl", rows)


@pytest.fixture(scope="module")
def run(config: Config, several: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    changed = config.replace(**WHOLE, **{"data.manifest": str(several)})
    return train(changed, tmp_path_factory.mktemp("runs") / "several")


def test_each_target_is_measured_by_its_own_cases(run: Path, several: Path) -> None:
    summary = evaluate(run)
    shown = {row["id"]: row["shows"] for row in rows_of(several) if row["split"] == "test"}
    assert summary["targets"].keys() == set(shown.values())
    with (run / "evaluation/cases.csv").open(newline="", encoding="utf-8") as sheet:
        right = [case for case in csv.DictReader(sheet) if case["words"] == "right"]
    for name, one in summary["targets"].items():
        own = [float(case["dice"]) for case in right if shown[case["id"]] == name]
        assert one["n"] == len(own) == list(shown.values()).count(name)
        assert one["words"]["right"]["dice_mean"]["mean"] == pytest.approx(np.mean(own), abs=1e-6)
    written = json.loads((run / "evaluation/summary.json").read_text(encoding="utf-8"))
    assert written["targets"] == summary["targets"]


def test_it_is_shown_as_a_table(
    run: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shown = invoke(monkeypatch, capfd, "evaluate", run, "--words", "right,empty").out
    assert "Each target alone" in shown
    for name in NAMES:
        assert any(line.split("│")[1].strip() == name for line in shown.splitlines() if "│" in line)


def test_other_data_need_not_say_what_their_masks_show(run: Path, manifest: Path) -> None:
    summary = evaluate(run, manifest=manifest, words=["right"])
    assert "targets" not in summary
    assert target_table(summary) == ([], [])


def test_one_target_has_no_table_of_its_own() -> None:
    one = {"words": {"right": {"n": 1}}}
    assert target_table({"targets": {"spot": one}}) == ([], [])


def test_images_without_their_target_are_not_in_its_mean() -> None:
    def words(n: int, mean: float | None) -> dict[str, object]:
        interval = None if mean is None else {"mean": mean, "low": mean, "high": mean}
        return {"positives": {"n": n, "dice_mean": interval}}

    targets = {
        "spot": {"words": {"right": words(1200, 0.5), "empty": words(1200, 0.25)}},
        "stain": {"words": {"right": words(0, None)}},
    }
    assert target_table({"targets": targets}) == (
        ["target", "n", "right prompt [95 %]", "no prompt"],
        [["spot", "1,200", "0.500 [0.500, 0.500]", "0.250"], ["stain", "0", "–", "–"]],
    )
