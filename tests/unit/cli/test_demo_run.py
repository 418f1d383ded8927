"""The demo, in the small: everything is there at the end, and its recipes are those of configs/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from saywhere.cli import demo_run
from saywhere.config import Config, read
from saywhere.data.manifest import Manifest, read_manifest
from saywhere.data.manifest_row import Row
from saywhere.data.rows import Rows
from saywhere.datasets import phantoms
from small_run import SMALL

CONFIGS = Path(__file__).resolve().parents[3] / "configs"


def test_the_phantoms_recipe_is_that_of_its_file() -> None:
    assert read(CONFIGS / "phantoms.toml") == demo_run.PHANTOMS


def test_the_real_recipe_is_kvasirs_without_paths_and_levels() -> None:
    free = {
        "data.manifest": None,
        "data.target": "lesion",
        "text.train_prompts": "prompt",
        "text.evaluate_prompts": "prompt",
    }
    assert read(CONFIGS / "kvasir.toml").replace(**free) == demo_run.REAL


def manifest_with(prompts: dict[str, tuple[str, ...]]) -> Manifest:
    return Manifest(Path("m.jsonl"), Rows([Row("a", Path("a.png"), prompts=prompts)]), "digest")


@pytest.mark.parametrize(
    ("prompts", "trained", "evaluated", "target"),
    [
        (
            {
                "p0": ("",),
                "p1": ("polyp",),
                "p6": ("one polyp, upper left",),
                "p9": ("a, left", "b"),
            },
            ["p6", "p9"],
            "p6",
            "polyp",
        ),
        ({"prompt": ("the lesion",)}, ["prompt"], "prompt", "lesion"),
        ({"many": ("a", "b")}, ["many"], "many", "lesion"),
        (
            {"short": ("a",), "long": ("a b",), "many": ("a", "b")},
            ["short", "long", "many"],
            "long",
            "lesion",
        ),
    ],
)
def test_levels_are_taken_from_the_manifest(
    prompts: dict[str, tuple[str, ...]], trained: list[str], evaluated: str, target: str
) -> None:
    found = demo_run.real_config(manifest_with(prompts))
    assert (found.text.train_prompts, found.text.evaluate_prompts, found.data.target) == (
        trained,
        evaluated,
        target,
    )


def test_other_names_of_levels_serve_as_well() -> None:
    prompts = (
        {"noun": ("nodule",), "full": ("one nodule, upper left",), "short": ("nodule, left",)},
        {"noun": ("nodule",), "full": ("two nodules, lower left",), "short": ("nodule, left",)},
    )
    rows = Rows(Row(str(i), Path("a.png"), prompts=texts) for i, texts in enumerate(prompts))
    config = demo_run.real_config(Manifest(Path("m.jsonl"), rows, "digest"))
    assert config.text.train_prompts == ["full", "short"]
    assert config.text.evaluate_prompts == "full"
    assert config.data.target == "nodule"


def test_a_noun_that_changes_from_row_to_row_is_no_target() -> None:
    prompts = (
        {"noun": ("nodule",), "full": ("one nodule, upper left",)},
        {"noun": ("cyst",), "full": ("one cyst, lower left",)},
    )
    rows = Rows(Row(str(i), Path("a.png"), prompts=texts) for i, texts in enumerate(prompts))
    assert demo_run.real_config(Manifest(Path("m.jsonl"), rows, "digest")).data.target == "lesion"


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same demo of a few seconds."""
    make = demo_run.make_phantoms

    def few(folder: Path, **asked: Any) -> Path:
        return make(folder, **asked | {"n_train": 4, "n_val": 2, "n_test": 3})

    replace = Config.replace
    monkeypatch.setattr(demo_run, "make_phantoms", few)
    monkeypatch.setattr(phantoms, "make_phantoms", few)
    monkeypatch.setattr(
        demo_run, "PHANTOMS", replace(demo_run.PHANTOMS, **SMALL | {"train.epochs": 1})
    )
    monkeypatch.setattr(
        Config,
        "replace",
        lambda config, **changes: replace(
            config, **changes | ({"train.epochs": 1} if "train.epochs" in changes else {})
        ),
    )


@pytest.mark.usefixtures("tiny")
def test_it_leaves_a_run_an_evaluation_predictions_and_a_comparison(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo/of_yesterday").write_text("")  # it is left alone
    said: list[str] = []
    told: list[str] = []
    run = demo_run.demo(
        tmp_path / "demo", None, say=said.append, listen=lambda event: told.append(event["event"])
    )
    assert run == tmp_path / "demo-2/run"
    assert [line[:4] for line in said] == ["1/4 ", "2/4 ", "3/4 ", "4/4 "]
    assert told.count("start") == told.count("end") == 4
    assert set(json.loads((run / "evaluation/summary.json").read_text())["words"]) == {
        "right",
        "empty",
        "shuffled",
        "contradictory",
        "unseen",
    }
    assert len(list((tmp_path / "demo-2/predictions").glob("example-*-mask.png"))) == 6
    compared = json.loads((run / "comparison.json").read_text())
    assert [row["label"] for row in compared["rows"]] == [label for label, _ in demo_run.POLICIES]
    assert all(
        row["dice_mean"]["low"] <= row["dice_mean"]["mean"] <= row["dice_mean"]["high"]
        for row in compared["rows"]
    )


def test_the_real_data_give_words_to_train_on(kvasir: Path) -> None:
    config = demo_run.real_config(read_manifest(kvasir))
    assert (config.text.evaluate_prompts, config.data.target) == ("p6", "polyp")
    assert "p0" not in config.text.train_prompts
