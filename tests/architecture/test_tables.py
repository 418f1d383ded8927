"""No number of the README, of docs/service.md, docs/performance.md or docs/results is typed: each
is what the committed results give.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from saywhere.experiments.compare import compare
from saywhere.experiments.frozen import tables_in
from saywhere.hub.card import card
from saywhere.hub.facts import read_facts

ROOT = Path(__file__).resolve().parents[2]
RESULT_PAGES = [
    f"docs/results/{path.name}"
    for path in sorted((ROOT / "docs/results").glob("*.md"))
    if path.name != "index.md"
]


def script(name: str) -> ModuleType:
    (place,) = (ROOT / "benchmarks").glob(f"*/{name}.py")
    if str(place.parent) not in sys.path:
        sys.path.insert(0, str(place.parent))  # as `python benchmarks/pages/NAME.py` does
    spec = importlib.util.spec_from_file_location(name, place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["README.md", "docs/performance.md", *RESULT_PAGES])
def test_a_pages_tables_are_those_of_the_committed_results(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    # What people looked at stands in no result file: such a page shows the command of its figures.
    assert "<!-- table: " in text or "```console\nsaywhere " in text
    assert script("tables").filled(text) == text


def test_the_numbers_of_the_lungs_answer_are_those_of_its_table() -> None:
    """About 0.21 Dice, and the claims of the first paragraph, read off the committed results."""
    found = compare(ROOT / "benchmarks/results/lungs_fusions")
    differences = {line.label: line.difference for line in found.lines}
    for label in ("early · untouched", "image only"):
        assert differences[label].difference == pytest.approx(-0.21, abs=0.005)
    assert differences["early · still"].low > 0
    assert -0.01 < differences["early · swap"].difference < 0
    assert differences["early · fuse-first · as published"].low > 0


def trust(name: str) -> dict[str, Any]:
    return json.loads(
        (ROOT / "benchmarks/results/trust" / f"{name}.json").read_text(encoding="utf-8")
    )


MODELS = sorted(path.parent.name for path in (ROOT / "src/saywhere/models").glob("*/config.json"))


@pytest.mark.parametrize("name", MODELS)
def test_a_models_card_holds_what_was_measured_of_it_since(name: str) -> None:
    folder = ROOT / "src/saywhere/models" / name
    measured = trust(name)
    facts = read_facts(folder)
    for key in ("trust", "expected", "expected_from"):
        assert facts["evidence"]["evaluation"][key] == measured[key]
    assert measured["trust"]["n"] == facts["evidence"]["evaluation"]["words"]["right"]["n"]
    text = (folder / "README.md").read_text(encoding="utf-8")
    right = measured["expected"]["right"]
    assert f"{right['mean']:.3f} where {right['dice']:.3f} was found" in text
    assert facts == script("cards").renewed(name)
    assert text == card(facts)


@pytest.mark.parametrize(
    "change", [{"weights": "0" * 64}, {"expected_from": {"n": 7, "split": "val"}}]
)
def test_what_was_measured_of_another_model_comes_into_no_card(
    change: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = script("cards")
    (tmp_path / "general.json").write_text(json.dumps(trust("general") | change))
    monkeypatch.setattr(cards, "TRUST", tmp_path)
    with pytest.raises(ValueError, match=r"trust.py general MANIFEST"):
        cards.renewed("general")


def test_the_services_figures_are_those_of_the_committed_results() -> None:
    text = (ROOT / "docs/service.md").read_text(encoding="utf-8")
    assert "<!-- table: service -->" in text
    assert script("tables").filled(text) == text


def test_a_kept_load_is_a_line_of_the_services_table() -> None:
    found = {
        "command": "python benchmarks/measure/load.py RUN --minutes 10 --clients 4",
        "clients": 4,
        "minutes": 10.0,
        "seconds": 600.0,
        "answers": {"good 200": 9000, "bad 415": 900},
        "images_per_s": 15.0,
        "p50_s": 0.2,
        "p99_s": 0.9,
        "memory_growth": 1.004,
        "threads": [12, 12],
        "files": [30, 31],
        "same_answer": True,
        "cores": 2,
        "memory_gib": 24,
        "load_before": 0.1,
        "network": "lite",
        "size_px": 160,
        "torch": "2.13.0",
    }
    table = script("service_tables").load_table([found])
    assert (
        "| 4 | 10 | 9000 good 200, 900 bad 415 | 15.0 | 0.2 s | 0.9 s | × 1.004 | 12 → 12 "
        "| 30 → 31 | yes | 2 cores, 24 GiB" in table
    )
    assert "`python benchmarks/measure/load.py RUN --minutes 10 --clients 4`" in table


def test_what_a_blank_prompt_costs_is_a_paired_difference_over_the_same_cases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dice = {
        "model": {"right": [0.9, 0.8, 0.7], "empty": [0.8, 0.8, 0.6]},
        "alone": {"right": [0.7, 0.8, 0.8]},
    }
    for run, kinds in dice.items():
        (tmp_path / run / "evaluation").mkdir(parents=True)
        rows = [
            f"case {number},{words},{value}"
            for words, values in kinds.items()
            for number, value in enumerate(values)
        ]
        (tmp_path / run / "evaluation/cases.csv").write_text("\n".join(["id,words,dice", *rows]))
        (tmp_path / run / "config.toml").write_text("[train]\nepochs = 3\nsteps_per_epoch = 10\n")
    (tmp_path / "alone/run.json").write_text(json.dumps({"started_from": str(tmp_path / "model")}))
    (tmp_path / "model/run.json").write_text("{}")
    blank = script("blank")
    recipes = tmp_path / "recipes"
    monkeypatch.setattr(blank, "RECIPES", recipes)
    for part, epochs in (("", 20), ("last", 3)):
        (recipes / part).mkdir()
        (recipes / part / "polyp.toml").write_text(
            f"[train]\nepochs = {epochs}\nsteps_per_epoch = 100\n"
        )
    found = blank.main("polyp", tmp_path / "model", tmp_path / "alone")
    assert found["difference"]["difference"] == pytest.approx((0.1 + 0 - 0.2) / 3)
    assert found["steps"] == {
        "model": 2300,
        "image only": 60,
    }  # all parts of a recipe, and the run that another started from
    assert "| `polyp`, before `general` | 3 | 0.800 [" in script("model_tables").blank_table(
        [found]
    )
    (tmp_path / "alone/evaluation/cases.csv").write_text("id,words,dice\ncase 0,right,0.5")
    with pytest.raises(SystemExit, match=r"other cases \(3\)"):
        blank.main("polyp", tmp_path / "model", tmp_path / "alone")


def test_a_changed_number_is_noticed() -> None:
    text = (ROOT / "docs/results/fusing-first.md").read_text(encoding="utf-8")
    assert script("tables").filled(text.replace("| right | 328 |", "| right | 329 |")) == text


def test_every_table_and_question_stands_on_a_page() -> None:
    tables, claims = script("tables"), script("claims")
    text = "".join(page.read_text(encoding="utf-8") for page in tables.PAGES)
    marked = set(re.findall(r"<!-- table: ([a-z0-9_]+) -->", text))
    wanted = {*tables_in(tables.RESULTS), *(f"claims_{key}" for key in claims.TOPICS)}
    assert sorted(wanted - marked) == []


def untold(text: str) -> list[str]:
    """Figures in a page's sentences that no table of the page holds.

    A figure of three digits must stand there as it is; one of two may be a rounded one. A paragraph
    that names the command of its figures needs no table.
    """
    tables = "".join(re.findall(r"<!-- table: .*?<!-- end -->", text, re.DOTALL))
    rest = re.sub(r"<!-- table: .*?<!-- end -->|```.*?```", "", text, flags=re.DOTALL)
    measured = [part for part in rest.split("\n\n") if "`saywhere evaluate MODEL" not in part]
    prose = re.sub(r"`[^`]*`", "", "\n\n".join(measured))
    held = set(re.findall(r"\d+\.\d{2,3}(?!\d)", tables))
    rounded = held | {f"{float(figure):.2f}" for figure in held}
    figures = re.findall(r"(?<![\d.])\d\.\d{2,3}(?![\d.])", prose)
    return [figure for figure in figures if figure not in rounded]


@pytest.mark.parametrize("page", [*RESULT_PAGES, "docs/results/index.md"])
def test_a_figure_in_a_sentence_stands_in_a_table_of_its_page(page: str) -> None:
    assert untold((ROOT / page).read_text(encoding="utf-8")) == []


def test_an_untold_figure_is_noticed() -> None:
    table = "<!-- table: made -->\n| Dice | 0.214 [0.100, 0.300] |\n<!-- end -->\n"
    assert untold(f"By 0.214, about 0.21. {table}") == []
    assert untold(f"By 0.215, about 0.22, `0.999`. {table}") == ["0.215", "0.22"]
