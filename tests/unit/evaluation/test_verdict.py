"""Where numbers become words: heard, hardly heard, not heard, or too few cases to tell."""

from __future__ import annotations

import pytest

from saywhere.evaluation.verdict import (
    TOO_FEW,
    Verdict,
    least_favourable,
    sentence,
    verdict,
    verdict_of,
)
from saywhere.metrics.sample_size import FEWEST_CASES
from saywhere.metrics.statistics import PairedDifference, paired_difference


@pytest.mark.parametrize(
    ("difference", "low", "words"),
    [
        (0.05, 0.01, "heard"),
        (0.8, 0.7, "heard"),
        (0.049, 0.01, "hardly heard"),
        (0.3, 0.0, "not heard"),
        (0.3, -0.1, "not heard"),
        (-0.2, -0.3, "not heard"),
    ],
)
def test_the_verdict_is_read_off_the_interval(difference: float, low: float, words: str) -> None:
    assert verdict(PairedDifference(difference, low, difference + 0.1, 0.01, 50)) == words
    assert verdict_of({"difference": difference, "low": low, "n": 50}) == words


@pytest.mark.parametrize("n", [0, 1, 5, FEWEST_CASES - 1])
def test_few_cases_are_no_evidence_either_way(n: int) -> None:
    for low in (0.7, -0.1):
        assert verdict(PairedDifference(0.8, low, 0.9, 0.001, n)) == TOO_FEW
    assert verdict(PairedDifference(0.8, 0.7, 0.9, 0.001, FEWEST_CASES)) == "heard"


def test_no_case_at_all_is_too_few() -> None:
    assert verdict(paired_difference([], [], 100, seed=0)) == TOO_FEW


@pytest.mark.parametrize("record", [{}, {"difference": 1, "low": 0.5}, {"difference": "x"}])
def test_a_record_without_numbers_has_no_verdict(record: dict[str, object]) -> None:
    assert verdict_of(record) is None


def test_an_older_verdict_on_few_cases_is_not_believed() -> None:
    record = {"difference": 0.3, "low": 0.1, "high": 0.5, "n": 5, "verdict": "heard"}
    assert verdict_of(record) == TOO_FEW


@pytest.mark.parametrize(
    ("verdicts", "decides"),
    [
        ({"shuffled": "heard", "contradictory": "not heard"}, "contradictory"),
        ({"shuffled": "hardly heard", "contradictory": "heard"}, "shuffled"),
        ({"shuffled": "heard", "contradictory": TOO_FEW}, "shuffled"),
        ({"shuffled": TOO_FEW, "contradictory": TOO_FEW}, "shuffled"),
        ({"empty": "not heard", "shuffled": "heard"}, "shuffled"),
        ({"empty": "not heard"}, None),
        ({}, None),
    ],
)
def test_the_least_favourable_condition_decides(
    verdicts: dict[str, Verdict], decides: str | None
) -> None:
    assert least_favourable(verdicts) == decides


def test_a_verdict_is_a_sentence() -> None:
    assert sentence("not heard") == "The prompt is not heard."
    few = "Too few cases to tell whether the prompt is heard: fewer than 20."
    assert sentence(TOO_FEW) == few
