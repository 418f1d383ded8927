"""The measurement, at the original size, against scikit-learn."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from saywhere.config import DataConfig
from saywhere.data.manifest import read_manifest
from saywhere.errors import ConfigError, MissingFile, TooManyFaults, UsageError
from saywhere.evaluation.cases import COLUMNS
from saywhere.evaluation.evaluate import evaluate, rows_to_measure, unfinished
from saywhere.evaluation.prompt_conditions import PromptLevels, prompts_for
from saywhere.inference.segmenter import Segmenter
from small_run import rows_of, write_rows


def cases_of(run: Path) -> list[dict[str, str]]:
    with (run / "evaluation/cases.csv").open(newline="", encoding="utf-8") as sheet:
        return list(csv.DictReader(sheet))


@pytest.fixture(scope="module")
def larger(shared: Path, manifest: Path) -> Path:
    """The test images and masks at 50 × 70: another size than the network's, and not square."""
    folder = shared / "larger"
    rows = []
    for row in rows_of(manifest):
        if row["split"] != "test":
            continue
        for part in ("image", "mask"):
            target = folder / row[part]
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.open(manifest.parent / row[part]).resize((70, 50), Image.Resampling.NEAREST).save(
                target
            )
        rows.append(row)
    return write_rows(folder / "manifest.jsonl", rows)


@pytest.fixture(scope="module")
def measured(shared: Path, trained: Path, larger: Path) -> tuple[Path, dict[str, Any]]:
    run = shutil.copytree(trained, shared / "measured")
    return run, evaluate(run, manifest=larger)


def test_every_figure_is_scikit_learns_on_the_masks_that_predict_gives(
    measured: tuple[Path, dict[str, Any]], larger: Path
) -> None:
    run = measured[0]
    segmenter = Segmenter(run)
    by_id = {row.id: row for row in read_manifest(larger).rows}
    checked = 0
    for case in cases_of(run):
        if case["words"] not in ("right", "contradictory"):
            continue
        row = by_id[case["id"]]
        mask = segmenter.segment(row.image, case["prompt"]).mask
        assert row.mask is not None
        target = np.asarray(Image.open(row.mask)) >= 128
        assert mask.shape == target.shape == (50, 70)
        pair = (target.ravel(), mask.ravel())
        wanted = {
            "dice": f1_score(*pair),
            "iou": jaccard_score(*pair),
            "recall": recall_score(*pair),
            "precision": precision_score(*pair, zero_division=0.0),
        }
        assert {name: float(case[name]) for name in wanted} == pytest.approx(wanted, abs=1e-5)
        checked += 1
    assert checked >= 20


def test_pooled_figures_are_those_of_all_pixels_together(
    measured: tuple[Path, dict[str, Any]],
) -> None:
    right = [case for case in cases_of(measured[0]) if case["words"] == "right"]
    hit = sum(int(case["true_positive"]) for case in right)
    extra = sum(int(case["false_positive"]) for case in right)
    missed = sum(int(case["false_negative"]) for case in right)
    found = measured[1]["words"]["right"]
    assert found["dice_pooled"] == pytest.approx(2 * hit / (2 * hit + extra + missed))
    assert found["iou_pooled"] == pytest.approx(hit / (hit + extra + missed))


def test_the_summary_has_the_promised_form(
    measured: tuple[Path, dict[str, Any]], larger: Path
) -> None:
    run, summary = measured
    assert json.loads((run / "evaluation/summary.json").read_text()) == summary
    assert summary["n"] == len(read_manifest(larger).rows)
    assert (summary["split"], summary["level"], summary["frame"], summary["quarantined"]) == (
        "test",
        "plain",
        "original",
        0,
    )
    assert list(summary["words"]) == ["right", "empty", "shuffled", "contradictory", "unseen"]
    assert list(summary["listening"]) == ["empty", "shuffled", "contradictory"]
    for found in summary["words"].values():
        for name in ("dice", "iou", "precision", "recall", "surface_dice"):
            interval = found[f"{name}_mean"]
            assert interval["low"] <= interval["mean"] <= interval["high"]
        assert set(found["hausdorff_95_px"]) == {"median", "mean_finite", "n_infinite"}


def test_cases_have_the_promised_columns_and_words_differ_from_the_right_ones(
    measured: tuple[Path, dict[str, Any]],
) -> None:
    cases = cases_of(measured[0])
    assert tuple(cases[0]) == COLUMNS
    right = {case["id"]: case["prompt"] for case in cases if case["words"] == "right"}
    for case in cases:
        if case["words"] != "right":
            assert case["prompt"] != right[case["id"]]
        if case["words"] == "empty":
            assert case["prompt"] == ""


def test_the_difference_is_the_mean_over_the_cases_that_have_such_words(
    measured: tuple[Path, dict[str, Any]],
) -> None:
    dice = {(case["words"], case["id"]): float(case["dice"]) for case in cases_of(measured[0])}
    for words, found in measured[1]["listening"].items():
        ids = [id_ for kind, id_ in dice if kind == words]
        assert found["n"] == len(ids)
        assert found["difference"] == pytest.approx(
            np.mean([dice["right", id_] - dice[words, id_] for id_ in ids]), abs=1e-5
        )


def test_the_surest_answers_are_those_of_the_sheet(measured: tuple[Path, dict[str, Any]]) -> None:
    right = [case for case in cases_of(measured[0]) if case["words"] == "right"]
    sure = np.array([float(case["confidence"]) for case in right])
    dice = np.array([float(case["dice"]) for case in right])
    precision = np.array([float(case["precision"]) for case in right])
    found = measured[1]["trust"]
    n_kept = round(0.8 * len(right), 6)
    assert n_kept.is_integer()
    kept = dice[np.argsort(-sure, kind="stable")[: int(n_kept)]].mean()
    assert (found["n"], found["share"]) == (len(right), 0.8)
    assert found["surest"]["mean"] == pytest.approx(kept, abs=1e-5)
    assert found["gain"]["mean"] == pytest.approx(kept - dice.mean(), abs=1e-5)
    assert found["gain"]["low"] <= found["gain"]["mean"] <= found["gain"]["high"]
    assert found["precision"] == pytest.approx(precision[sure > 0].mean(), abs=1e-5)


def test_the_pictures_are_there_in_the_original_frame(
    measured: tuple[Path, dict[str, Any]],
) -> None:
    folder = measured[0] / "evaluation"
    told = json.loads((folder / "pictures.json").read_text())
    assert [case["rank"] for case in told["cases"]] == [
        "best",
        "best",
        "median",
        "median",
        "worst",
        "worst",
    ]
    greatest = max(
        float(case["dice"]) for case in cases_of(measured[0]) if case["words"] == "right"
    )
    assert told["cases"][0]["dice"] == pytest.approx(greatest, abs=1e-6)
    answers = [answer for question in told["prompts"] for answer in question["answers"]]
    names = {
        case[key]
        for case in told["cases"]
        for key in ("image", "pseudo_image", "prediction", "truth")
    }
    names |= {question["image"] for question in told["prompts"]} | {
        answer[key] for answer in answers for key in ("pseudo_image", "prediction")
    }
    assert names == {path.name for path in (folder / "pictures").iterdir()}
    assert {Image.open(folder / "pictures" / name).size for name in names} == {(70, 50)}
    for question in told["prompts"]:
        assert len({answer["prompt"] for answer in question["answers"]}) == 3


def test_a_second_evaluation_gives_the_same_numbers(
    measured: tuple[Path, dict[str, Any]], larger: Path
) -> None:
    before = (measured[0] / "evaluation/cases.csv").read_bytes()
    assert evaluate(measured[0], manifest=larger) == measured[1]
    assert (measured[0] / "evaluation/cases.csv").read_bytes() == before


def test_an_image_only_run_has_one_answer_and_nothing_to_hear(
    image_only: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(image_only, tmp_path / "run")
    summary = evaluate(run)
    assert (list(summary["words"]), summary["listening"], summary["verdict"]) == (
        ["right"],
        {},
        None,
    )
    assert {case["prompt"] for case in cases_of(run)} == {""}
    told = json.loads((run / "evaluation/pictures.json").read_text())
    assert told["prompts"] == []
    assert {case["pseudo_image"] for case in told["cases"]} == {None}


def test_faulty_rows_are_set_aside_and_counted(run_copy: Path, manifest: Path) -> None:
    rows = [row for row in rows_of(manifest) if row["split"] == "test"]
    rows[2]["mask"] = "masks/none.png"
    some = write_rows(manifest.with_name("one_bad.jsonl"), rows)
    summary = evaluate(run_copy, manifest=some, words=["right"])
    assert (summary["quarantined"], summary["n"]) == (1, len(rows) - 1)
    every = write_rows(
        manifest.with_name("all_bad.jsonl"), [row | {"image": "images/none.png"} for row in rows]
    )
    with pytest.raises(TooManyFaults, match=r"all \d+ rows of split 'test' are faulty, the first"):
        evaluate(run_copy, manifest=every)


def test_a_folder_stands_for_the_manifest_in_it(run_copy: Path, manifest: Path) -> None:
    assert evaluate(run_copy, manifest=manifest.parent, words=[], split="val")["split"] == "val"


def test_what_is_not_there_is_said_before_anything_is_measured(
    run_copy: Path, manifest: Path, tmp_path: Path
) -> None:
    with pytest.raises(
        ConfigError,
        match=r"no rows of split 'tset' in .*; splits there: train, val, test: name one with --sp",
    ):
        evaluate(run_copy, split="tset")
    with pytest.raises(ConfigError, match="no prompt condition 'rihgt'"):
        evaluate(run_copy, words=["rihgt"])
    with pytest.raises(MissingFile, match="no manifest"):
        evaluate(run_copy, manifest=tmp_path / "none.jsonl")
    other = write_rows(
        tmp_path / "m.jsonl",
        [
            {
                "id": "a",
                "image": str(manifest.parent / "images/test_0000.png"),
                "prompt": "polyp",
                "split": "test",
            }
        ],
    )
    with pytest.raises(UsageError, match="no prompts named 'plain'"):
        evaluate(run_copy, manifest=other)
    assert not (run_copy / "evaluation").exists()


def test_a_notebook_is_shown_a_line_for_each_kind_of_words(
    measured: tuple[Path, dict[str, Any]],
) -> None:
    head, columns, *lines = repr(measured[1]).splitlines()
    summary = json.loads((measured[0] / "evaluation/summary.json").read_text())
    about = f"{summary['n']} cases of split 'test', prompts 'plain', original size"
    assert head == f"{about}; prompt: {summary['verdict']}"
    assert "Dice per case [95 %]" in columns
    assert [line.split()[0] for line in lines] == list(summary["words"])
    for line in lines:
        assert f" {summary['words'][line.split()[0]]['dice_mean']['mean']:.3f} [" in line
    assert json.loads(json.dumps(measured[1])) == summary


def test_it_says_how_many_cases_there_are_before_the_first(run_copy: Path, larger: Path) -> None:
    told: list[str] = []
    evaluate(
        run_copy,
        manifest=larger,
        advance=lambda done: told.append("case"),
        expect=lambda n_cases: told.append(f"{n_cases} cases"),
    )
    assert told == [f"{len(told) - 1} cases", *["case"] * (len(told) - 1)]
    assert len(told) > 1


def test_paths_may_be_strings_and_words_one(run_copy: Path, larger: Path) -> None:
    words: Any = "shuffled"
    summary = evaluate(str(run_copy), manifest=str(larger), words=words)
    assert list(summary["words"]) == ["right", "shuffled"]
    assert "heard" in repr(summary)


@pytest.mark.parametrize("status", ["interrupted", "running", "failed"])
def test_a_training_that_has_not_ended_is_said(run_copy: Path, status: str) -> None:
    facts = json.loads((run_copy / "run.json").read_text())
    (run_copy / "run.json").write_text(json.dumps(facts | {"status": status}))
    summary = evaluate(run_copy, words=["right"])
    assert summary["unfinished"] == {
        "status": status,
        "epoch": Segmenter(run_copy).state["epoch"],
        "epochs": 2,
        "epochs_done": 2,
        "step": json.loads((run_copy / "checkpoints/last/state.json").read_text())["state"]["step"],
    }
    written = json.loads((run_copy / "evaluation/summary.json").read_text())
    assert written["unfinished"] == summary["unfinished"]


@pytest.mark.parametrize("content", [None, "{", '{"status": "finished"}', "{}"])
def test_a_finished_run_and_one_that_does_not_tell_are_not_warned_of(
    run_copy: Path, content: str | None
) -> None:
    (run_copy / "run.json").unlink()
    if content is not None:
        (run_copy / "run.json").write_text(content)
    assert unfinished(Segmenter(run_copy)) is None


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Of one film and its mirror image: the patient's left lung, and "left" in plain words."""
    Image.new("L", (8, 8), 90).save(tmp_path / "film.png")
    Image.fromarray(np.eye(8, dtype=np.uint8) * 255).save(tmp_path / "mask.png")
    common = {"image": "film.png", "mask": "mask.png", "split": "test", "frame": "patient"}
    prompts = {"plain": "upper left lung", "later": "lung on the left"}
    rows = [
        {"id": "standard", "orientation": "L\\F", "prompts": prompts, **common},
        {"id": "mirrored", "orientation": "R\\F", "prompts": prompts, **common},
    ]
    return write_rows(tmp_path / "manifest.jsonl", rows)


LEVELS = PromptLevels("plain", "later")


def test_prompts_of_the_other_frame_are_measured_in_the_models(films: Path) -> None:
    rows = rows_to_measure(DataConfig(), films, "test", LEVELS, "image").rows
    of_image = ["upper right lung", "upper left lung"]
    assert prompts_for("right", rows, LEVELS, seed=0) == of_image
    assert prompts_for("unseen", rows, LEVELS, seed=0) == ["lung on the right", "lung on the left"]
    for frame in ("patient", ""):
        rows = rows_to_measure(DataConfig(), films, "test", LEVELS, frame).rows
        assert prompts_for("right", rows, LEVELS, seed=0) == ["upper left lung"] * 2


def test_without_an_orientation_the_other_frame_is_refused(films: Path) -> None:
    rows = rows_of(films)
    del rows[1]["orientation"]
    write_rows(films, rows)
    with pytest.raises(ConfigError, match=r"'upper left lung' \(row 2.*orientation .* not known"):
        rows_to_measure(DataConfig(), films, "test", LEVELS, "image")
    # An image-only model reads none of them.
    assert rows_to_measure(DataConfig(), films, "test", PromptLevels(None, None), "image").rows
