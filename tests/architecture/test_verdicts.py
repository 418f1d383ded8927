"""A verdict of docs/results follows from its interval and its seeds, and says when there is but
one.
"""

from __future__ import annotations

import json
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.stats import bootstrap
from test_tables import ROOT, script

from saywhere.errors import MissingFile
from saywhere.experiments.grid import cells_of, read_grid
from saywhere.experiments.moved import moved
from saywhere.metrics.statistics import PairedDifference
from table_files import cell, written

N = 40


@pytest.fixture
def verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = script("verdicts")
    monkeypatch.setattr(module, "RESULTS", tmp_path)
    return module


def fill(folder: Path, gains: list[float], text_is_heard: list[bool]) -> None:
    """Cells "image" and "text" of a table, a seed each gain; contradictory words cost 0.2 where the
    words are heard.
    """
    folder.mkdir()
    dice = np.linspace(0.3, 0.6, N)
    cells = []
    for seed, (gain, is_heard) in enumerate(zip(gains, text_is_heard)):
        text = cell("text", seed, dice + gain)
        wrong = dice + gain - (0.2 if is_heard else 0.0)
        text["cases"] += [
            {"id": f"case-{i}", "words": "contradictory", "dice": float(value)}
            for i, value in enumerate(wrong)
        ]
        cells += [cell("image", seed, dice), text | {"spread": 0.1}]
    for one in cells:
        for case in one["cases"]:
            case["iou"] = case["dice"] / (2 - case["dice"])
    written(folder, cells)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.2, "reproduced"),
        (-0.2, -0.01, "contradicted"),
        (-0.1, 0.2, "not reproduced"),
        (0.0, 0.2, "not reproduced"),
    ],
)
def test_the_interval_decides(verdicts: ModuleType, low: float, high: float, said: str) -> None:
    found = PairedDifference(0.05, low, high, 0.01, N)
    assert verdicts.verdict(found, 3) == said
    assert verdicts.verdict(found, 1) == f"{said} (one seed)"


def test_seeds_that_disagree_too_much_for_a_t_interval_are_said_to_differ(
    verdicts: ModuleType,
) -> None:
    assert (
        verdicts.verdict(PairedDifference(0.1, 0.02, 0.2, 0.01, N, (-0.2, 0.4)), 3)
        == "reproduced (seeds differ)"
    )
    assert (
        verdicts.verdict(PairedDifference(0.1, 0.02, 0.2, 0.01, N, (0.01, 0.19)), 3) == "reproduced"
    )
    assert (
        verdicts.verdict(PairedDifference(0.1, -0.02, 0.2, 0.01, N, (-0.2, 0.4)), 3)
        == "not reproduced"
    )


def test_the_papers_figure_in_or_outside_of_the_interval_is_said(verdicts: ModuleType) -> None:
    assert (
        verdicts.verdict(PairedDifference(0.01, -0.02, 0.05, 0.5, N), 3, claimed=0.0362)
        == "not reproduced; the paper's +0.0362 lies in the interval"
    )
    assert (
        verdicts.verdict(PairedDifference(0.01, 0.005, 0.02, 0.5, N), 3, claimed=0.0362)
        == "reproduced; the paper's +0.0362 lies outside of the interval"
    )


def test_words_that_one_seed_hears_and_two_do_not_are_neither_heard_nor_silenced(
    verdicts: ModuleType, tmp_path: Path
) -> None:
    fill(tmp_path / "mixed", [0.1, 0.1, 0.1], [True, False, False])
    fill(tmp_path / "all", [0.1, 0.1], [True, True])
    fill(tmp_path / "none", [0.1], [False])
    assert verdicts.heard("mixed", "text")().verdict == "heard with 1 of 3 seeds"
    assert verdicts.silenced("mixed", "text")().verdict == "heard with 1 of 3 seeds"
    assert verdicts.heard("all", "text")().verdict == "heard"
    assert verdicts.silenced("all", "text")().verdict == "it does not silence it here"
    assert verdicts.silenced("none", "text")().verdict == "it silences the prompt (one seed)"
    assert verdicts.silenced("all", "text")().measured.startswith(
        "spread 0.1000, right − contradictory +0.200 ["
    )
    assert verdicts.heard("mixed", "text")().measured.endswith(
        "Dice, 3 seeds (+0.200, +0.000, +0.000), `mixed`"
    )


def test_each_seeds_own_difference_stands_behind_the_interval(
    verdicts: ModuleType, tmp_path: Path
) -> None:
    fill(tmp_path / "wide", [0.1, -0.05, 0.2], [True, True, True])
    assert verdicts.between("wide", "text", "image")().measured.endswith(
        "Dice, 3 seeds (+0.100, -0.050, +0.200), `wide`"
    )


def test_a_difference_is_of_the_seeds_that_both_have_and_of_the_measure_asked_for(
    verdicts: ModuleType, tmp_path: Path
) -> None:
    fill(tmp_path / "pair", [0.1, 0.1], [True, True])
    (tmp_path / "pair" / "image-seed1.json").unlink()
    found = verdicts.between("pair", "text", "image")()
    assert found.measured.startswith("+0.100 [")
    assert found.measured.endswith("Dice, 1 seed, `pair`")
    assert found.verdict == "reproduced (one seed)"
    dice = np.linspace(0.3, 0.6, N)
    gain = np.mean((dice + 0.1) / (1.9 - dice) - dice / (2 - dice))
    assert verdicts.between("pair", "text", "image", measure="iou")().measured.startswith(
        f"{gain:+.3f} ["
    )


def test_the_mean_of_sets_is_beside_the_mark(verdicts: ModuleType, tmp_path: Path) -> None:
    for key, gain in (("a", 0.1), ("b", 0.3)):
        fill(tmp_path / f"{key}_lite_224", [gain, gain], [True, True])
    (tmp_path / "b_lite_224/image-seed1.json").unlink()  # so that seed 0 alone is in all of them
    dice = np.linspace(0.3, 0.6, N)
    spans = bootstrap(
        (dice,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(0)
    ).bootstrap_distribution
    half = 1.96 * spans.std() / np.sqrt(2)  # of the mean of two such sets, drawn apart
    found = verdicts.mean_of_sets("text", "image", {"a": "A", "b": "B"}, 0.64)()
    shown = re.fullmatch(
        r"0\.650 \[(.+), (.+)\] \(A 0\.550 · B 0\.750\), 1 seed; "
        r"without a prompt 0\.450, `\*_lite_224`",
        found.measured,
    )
    assert shown
    assert [float(end) for end in shown.groups()] == pytest.approx(
        [0.65 - half, 0.65 + half], abs=0.004
    )
    assert found.verdict == "not settled (one seed)"
    for mark, verdict in ((0.6, "above it (one seed)"), (0.7, "below it (one seed)")):
        assert (
            verdicts.mean_of_sets("text", "image", {"a": "A", "b": "B"}, mark)().verdict == verdict
        )


def test_heard_by_each_seed_but_very_differently_is_said(
    verdicts: ModuleType, tmp_path: Path
) -> None:
    fill(tmp_path / "wavers", [0.1, 0.1], [True, True])
    for seed, cost in ((0, 0.02), (1, 0.4)):
        place = tmp_path / f"wavers/text-seed{seed}.json"
        one = json.loads(place.read_text())
        right = {case["id"]: case["dice"] for case in one["cases"] if case["words"] == "right"}
        for case in one["cases"]:
            if case["words"] == "contradictory":
                case["dice"] = right[case["id"]] - cost
        place.write_text(json.dumps(one))
    assert verdicts.heard("wavers", "text")().verdict == "heard (seeds differ)"


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [
        ("not reproduced; the paper's +0.0362 lies in the interval", "not reproduced"),
        ("reproduced (one seed)", "reproduced"),
        ("reproduced (below 1 %)", "reproduced"),
        ("heard with 1 of 3 seeds", "heard with some of its seeds"),
        ("not testable here: a GPU", "not testable here"),
        ("no, worse (one seed)", "no, worse"),
    ],
)
def test_a_verdict_is_counted_without_its_figure_and_its_seeds(verdict: str, kind: str) -> None:
    assert script("question_tables").kind_of(verdict) == kind


def test_the_results_begin_with_each_question_and_a_link_to_its_page() -> None:
    questions, claims = script("question_tables"), script("claims")
    page = (ROOT / "docs/results/index.md").read_text(encoding="utf-8")
    listed = [line for line in page.splitlines() if line.startswith("| [")]
    assert len(listed) == len(claims.TOPICS)
    for key, topic in claims.TOPICS.items():
        (line,) = [line for line in listed if line.startswith(f"| [{topic.asks}](")]
        target = ROOT / "docs/results" / line.split("](")[1].split(")")[0]
        assert target.name == questions.page_of(key)
        assert f"*{topic.asks}*" in target.read_text(encoding="utf-8")


def test_a_question_without_a_page_is_noticed() -> None:
    with pytest.raises(MissingFile, match=r"<!-- table: claims_nothing -->"):
        script("question_tables").page_of("nothing")


def test_what_words_cost_is_what_was_counted(verdicts: ModuleType, tmp_path: Path) -> None:
    one = {
        "image": {"parameters": 1000, "gflop": 50.0},
        "image and words": {"parameters": 1020, "gflop": 50.1},
    }
    (tmp_path / "cost.json").write_text(
        json.dumps({"networks": {"UNet": one}, "encoder": {"gflop": 5.5}})
    )
    assert (
        verdicts.cost("UNet")().measured
        == "+2.00% weights and +0.20% arithmetic; and 5.5 GFLOP once a sentence (BERT-base) "
        "beside 50.0 an image, `cost`"
    )
    assert verdicts.cost("UNet")().verdict == "reproduced (below 1 %)"
    one["image and words"]["gflop"] = 51.0
    (tmp_path / "cost.json").write_text(
        json.dumps({"networks": {"UNet": one}, "encoder": {"gflop": 5.5}})
    )
    assert verdicts.cost("UNet")().verdict == "not reproduced (1 % or more)"


def test_the_counted_cost_is_the_committed_one() -> None:
    cost = script("cost")
    assert cost.main() == moved(json.loads(cost.RESULT.read_text()))


def test_the_simulated_coverage_is_the_committed_one() -> None:
    coverage = script("coverage")
    kept = {
        (row["n_seeds"], row["seeds"]): row
        for row in json.loads(coverage.RESULT.read_text())["rows"]
    }
    again = coverage.held(3, 0.1, n_tables=200)  # the first of its 2,000
    assert again["bootstrap"] == pytest.approx(kept[3, 0.1]["bootstrap"], abs=0.1)
    assert again["bootstrap"] < again["either"] == pytest.approx(kept[3, 0.1]["either"], abs=0.06)


class InGrid(dict[str, Any]):
    """A table's results where only labels that its grid has can be asked for: each has one made-up
    cell.
    """

    def __init__(self, table: str) -> None:
        grid = read_grid(ROOT / "benchmarks/grids" / f"{table}.toml")
        dice = np.linspace(0.3, 0.6, N)
        made = cell("", 0, dice) | {"spread": 0.1}
        made["cases"] += [
            {"id": f"case-{i}", "words": "contradictory", "dice": float(value)}
            for i, value in enumerate(dice)
        ]
        made["cases"] = [case | {"iou": case["dice"]} for case in made["cases"]]
        made["summary"]["words"]["right"] = {"dice_mean": {"mean": 0.45}}
        super().__init__({one.label: [made] for one in cells_of(grid)})


def test_every_claim_asks_for_cells_that_a_grid_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    claims = script("claims")
    monkeypatch.setattr(
        sys.modules["verdicts"], "results_of", cache(InGrid)
    )  # that claims.py imported
    monkeypatch.setattr("saywhere.experiments.paired.RESAMPLES", 10)
    asked = [claim for topic in claims.TOPICS.values() for claim in topic.claims]
    assert all(claim.look().verdict for claim in asked)
