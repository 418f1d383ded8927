"""Presence: how well a score tells is torchmetrics' number, and what it means is learned."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torchmetrics.functional.classification import binary_auroc

from saywhere.errors import UsageError
from saywhere.metrics.presence import MOST_COST, PresenceRule, auroc, calibration_error, fit

RANDOM = np.random.default_rng(0)
N = 400


def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Logits that mean what they say after slope 2 and offset −1."""
    logit = RANDOM.normal(0, 2, N)
    is_there = RANDOM.random(N) < 1 / (1 + np.exp(-(2 * logit - 1)))
    return logit, is_there


def test_the_area_is_torchmetrics_and_scikit_learns() -> None:
    # Rounded, so that there are ties.
    score = RANDOM.normal(0, 1, 99).round(1)
    is_there = RANDOM.random(99) < 0.4
    measured = auroc(score, is_there, resamples=200)
    ranks = torch.from_numpy(np.unique(score, return_inverse=True)[1] / 99)
    reference = binary_auroc(ranks, torch.from_numpy(is_there).long())
    assert measured.mean == pytest.approx(float(reference), abs=1e-6)
    assert measured.mean == pytest.approx(roc_auc_score(is_there, score), abs=1e-12)
    assert measured.low < measured.mean < measured.high


def test_a_perfect_score_and_one_upside_down() -> None:
    is_there = np.repeat([True, False], 30)
    assert auroc(is_there * 1.0, is_there, 50).mean == 1
    assert auroc(~is_there * 1.0, is_there, 50).mean == 0
    assert auroc(np.zeros(60), is_there, 50).mean == 0.5


def test_the_line_is_found_that_the_truth_was_drawn_from() -> None:
    logit, is_there = drawn()
    rule = fit(list(logit), [0.9 if there else None for there in is_there])
    assert rule.slope == pytest.approx(2, rel=0.3)
    assert rule.offset == pytest.approx(-1, abs=0.5)
    before = calibration_error(PresenceRule().of(logit), is_there, 50)
    after = calibration_error(rule.of(logit), is_there, 50)
    assert after.mean < before.mean
    assert after.low < 0.05


def test_emptied_masks_cost_at_most_what_they_may() -> None:
    logit, is_there = drawn()
    dice = [float(RANDOM.uniform(0.01, 0.05)) if there else None for there in is_there]
    rule = fit(list(logit), dice)
    there = [d for d in dice if d is not None]
    lost = [d for d, p in zip(dice, rule.of(logit)) if d is not None and p < rule.threshold]
    assert 0 < sum(lost) / len(there) <= MOST_COST
    # One more would cost too much.
    higher = np.sort(rule.of(logit)[is_there])
    above = higher[higher > rule.threshold][0]
    more = [d for d, p in zip(dice, rule.of(logit)) if d is not None and p < above]
    assert sum(more) / len(there) > MOST_COST


def test_masks_that_are_wrong_anyhow_forbid_no_threshold() -> None:
    logit = [float(number) for number in range(60)]
    dice = [None] * 30 + [0.0] * 30
    rule = fit(logit, dice)
    assert rule.of(logit[29]) < rule.threshold <= rule.of(logit[59])


def test_of_too_few_cases_of_either_kind_nothing_is_learned() -> None:
    with pytest.raises(UsageError, match="60 cases with a target and 3 without"):
        fit([0.0] * 63, [0.5] * 60 + [None] * 3)
    with pytest.raises(UsageError, match="3 cases with a target and 60 without"):
        fit([0.0] * 63, [0.5] * 3 + [None] * 60)


def test_the_error_of_probabilities_that_are_right_is_small_and_of_wrong_ones_large() -> None:
    probability = np.repeat([0.0, 1.0], 100)
    assert calibration_error(probability, probability > 0.5, 50).mean == 0
    assert calibration_error(1 - probability, probability > 0.5, 50).mean == 1
    constant = calibration_error(np.full(200, 0.5), np.arange(200) % 2 == 0, 50)
    assert constant.mean == pytest.approx(0)


def test_a_rule_never_overflows() -> None:
    assert PresenceRule(100.0, 0.0).of([-1e9, 1e9]).tolist() == pytest.approx([0, 1])
