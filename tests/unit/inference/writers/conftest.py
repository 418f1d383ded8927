"""Answers to write, and the command line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from console import Ended, invoke
from saywhere.inference.answer import Answer


@pytest.fixture
def answer() -> Answer:
    """A mask of 3 × 2 px in an image of 5 × 7 px."""
    image = np.full((5, 7, 3), 90, np.uint8)
    probability = np.full((5, 7), 0.25, np.float32)
    probability[1:4, 2:4] = 0.75
    pseudo_image = np.full((5, 7, 3), 0.5, np.float32)
    return Answer(image, "the spot", probability, probability > 0.5, pseudo_image, 0.0)


@pytest.fixture
def empty(answer: Answer) -> Answer:
    """The answer of an image-only model that marks nothing."""
    nothing = np.zeros_like(answer.probability)
    return Answer(answer.image, "", nothing, nothing > 0.5, None, 0.0)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder that is not there yet."""
    return tmp_path / "new" / "out"


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """`saywhere` with these arguments, in this process."""
    return lambda *arguments: invoke(monkeypatch, capfd, *arguments)
