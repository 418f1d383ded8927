from __future__ import annotations

from typing import Any, ClassVar

import pytest

from encoders.conformance import EncoderConformance
from saywhere.text.controls import PLACE_DIM, RANDOM_DIM, Control, open_place, open_random


@pytest.fixture(scope="module")
def other_weights() -> Any:
    pytest.skip("it has no weights")


class TestRandom(EncoderConformance):
    dim: ClassVar[int] = RANDOM_DIM

    @pytest.fixture
    def encoder(self) -> Control:
        return open_random()


class TestPlace(EncoderConformance):
    dim: ClassVar[int] = PLACE_DIM

    @pytest.fixture
    def encoder(self) -> Control:
        return open_place()
