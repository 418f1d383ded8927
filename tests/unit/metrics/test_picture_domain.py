"""How far a picture's features are from the known ones, against scikit-learn and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis

from saywhere.errors import UsageError
from saywhere.metrics import picture_domain
from saywhere.metrics.picture_domain import QUANTILE, KnownPictures, fit


def drawn(n: int, shift: float = 0.0, seed: int = 0, features: int = 6) -> np.ndarray:
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(9).normal(size=(features, features))
    return random.normal(size=(n, features)) @ mixing + shift


def test_with_all_directions_it_is_mahalanobis_distance() -> None:
    known, held_out, others = drawn(400), drawn(100, seed=1), drawn(30, 2.0, seed=2)
    domain = fit(known, held_out)
    # Six features: five components are kept, and the sixth direction's variance is the rest.
    inverse = np.linalg.inv(np.cov(known.T, bias=True))
    expected = [mahalanobis(other, known.mean(0), inverse) for other in others]
    np.testing.assert_allclose(domain.unfamiliarity(others) * domain.limit, expected, rtol=1e-6)


def test_the_limit_holds_for_so_many_held_out_pictures() -> None:
    held_out = drawn(1000, seed=1)
    domain = fit(drawn(400), held_out)
    assert (domain.unfamiliarity(held_out) <= 1).mean() == pytest.approx(QUANTILE, abs=0.002)


def test_more_features_than_pictures_still_tell_others_apart() -> None:
    known, held_out = drawn(60, features=200), drawn(60, seed=1, features=200)
    domain = fit(known, held_out)
    assert len(domain.components) == picture_domain.COMPONENTS
    same, other = drawn(40, seed=2, features=200), drawn(40, 60.0, seed=2, features=200)
    assert domain.unfamiliarity(other).min() > domain.unfamiliarity(same).max()


def test_a_feature_that_never_varies_among_the_known_is_not_divided_by_0() -> None:
    known, held_out = drawn(100), drawn(100, seed=1)
    known[:, 0] = held_out[:, 0] = 3.0
    values = fit(known, held_out).unfamiliarity(drawn(5, seed=2))
    assert np.isfinite(values).all()


def test_pictures_that_are_all_alike_give_finite_numbers() -> None:
    values = fit(np.ones((50, 4)), np.ones((50, 4))).unfamiliarity(np.eye(4))
    assert np.isfinite(values).all()
    assert (values > 1).all()


@pytest.mark.parametrize(("known", "held_out"), [(49, 100), (100, 49)])
def test_too_few_pictures_are_refused(known: int, held_out: int) -> None:
    with pytest.raises(UsageError, match="at least 50 of each"):
        fit(drawn(known), drawn(held_out))


def test_what_lies_between_two_kinds_is_strange_and_both_are_known() -> None:
    random = np.random.default_rng(0)

    def drawn(n: int, at: float) -> np.ndarray:
        return random.normal(size=(n, 12)) + at

    kinds = KnownPictures((fit(drawn(120, -6), drawn(80, -6)), fit(drawn(60, 6), drawn(60, 6))))
    assert (kinds.n, kinds.n_features) == (180, 12)
    for at in (-6, 6):
        assert (kinds.unfamiliarity(drawn(100, at)) > 1).mean() <= 0.1
    assert (kinds.unfamiliarity(drawn(100, 0)) > 1).all()
    # One Gaussian over both takes what lies between them for known.
    both = fit(np.concatenate([drawn(120, -6), drawn(60, 6)]), drawn(80, -6))
    assert (both.unfamiliarity(drawn(100, 0)) > 1).mean() < 0.5


def test_what_never_varies_within_a_kind_shows_no_rounding() -> None:
    random = np.random.default_rng(0)

    def drawn(n: int, at: float, rounding: float) -> np.ndarray:
        """The last feature is that of a channel which this kind never uses."""
        used = random.normal(size=(n, 50)) + at  # more than components
        return np.concatenate([used, np.full((n, 1), at) + rounding * random.random((n, 1))], 1)

    lungs, others = drawn(80, 0, 1e-9), drawn(80, 5, 1)
    kind = fit(lungs, drawn(60, 0, 1e-9), np.concatenate([lungs, others]))
    # As another runtime computes the same pictures.
    assert (kind.unfamiliarity(drawn(100, 0, 1e-3)) > 1).mean() <= 0.1
    assert (fit(lungs, drawn(60, 0, 1e-9)).unfamiliarity(drawn(100, 0, 1e-3)) > 1).all()
    assert (kind.unfamiliarity(others) > 1).all()
