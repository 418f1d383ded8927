"""Presence from features: scikit-learn's regression, its penalty chosen by held-out cases."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from saywhere.metrics import presence_regression
from saywhere.metrics.presence_regression import regress


def cases(n: int, seed: int, noise: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """One feature tells, on a scale and an origin of its own; many say nothing; one is constant."""
    random = np.random.default_rng(seed)
    is_there = random.random(n) < 0.7
    told = 300 + 5 * (is_there + random.normal(0, 0.5, n))
    columns = [told[:, None], random.normal(0, 1, (n, noise)), np.ones((n, 1))]
    return np.concatenate(columns, axis=1).astype(np.float32), is_there


def test_it_is_the_ridge_regression_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence_regression, "PENALTIES", (0.1,))
    features, is_there = cases(200, seed=0)
    found = regress(features, is_there, features, is_there)
    scaler = StandardScaler().fit(features)
    # The mean loss with equal weight of both kinds is the weighted sum over n.
    reference = LogisticRegression(
        C=1 / (0.1 * len(features)), class_weight="balanced", tol=1e-8, max_iter=1000
    ).fit(scaler.transform(features), is_there)
    wanted = reference.decision_function(scaler.transform(features))
    assert found.logit(features) == pytest.approx(wanted, abs=2e-2)


def test_new_cases_are_told() -> None:
    found = regress(*cases(150, seed=1), *cases(80, seed=2))
    features, is_there = cases(300, seed=3)
    right = (found.logit(features) > 0) == is_there
    assert right.mean() > 0.75


def test_where_nothing_tells_the_strongest_penalty_is_chosen() -> None:
    random = np.random.default_rng(0)
    features = random.normal(0, 1, (100, 60))
    is_there = random.random(100) < 0.5
    others = random.normal(0, 1, (400, 60))
    found = regress(features, is_there, others, random.random(400) < 0.5)
    # Near chance: no case is called surely there or absent.
    assert np.abs(found.logit(others)).max() < 0.5
