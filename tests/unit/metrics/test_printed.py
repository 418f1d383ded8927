from __future__ import annotations

import math

import pytest

from saywhere.metrics.printed import printed
from saywhere.metrics.statistics import with_span


@pytest.mark.parametrize(
    ("value", "sign", "text"),
    [
        (-0.0004, "", "0.000"),
        (-0.0004, "+", "0.000"),
        (-0.0, "+", "0.000"),
        (0.0, "+", "+0.000"),
        (0.0004, "+", "+0.000"),
        (-0.0006, "+", "-0.001"),
        (1.25, "", "1.250"),
        (math.inf, "", "inf"),
        (math.nan, "", "nan"),
    ],
)
def test_a_number_that_rounds_to_zero_has_no_minus_sign(value: float, sign: str, text: str) -> None:
    assert printed(value, sign=sign) == text


def test_the_sign_goes_by_the_digits_that_are_shown() -> None:
    assert printed(-0.004, digits=2) == "0.00"
    assert printed(-0.004, digits=3) == "-0.004"


def test_an_interval_has_no_zero_below_zero() -> None:
    assert with_span(-0.0001, -0.002, -0.0001, "+") == "0.000 [-0.002, 0.000]"
