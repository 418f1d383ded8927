"""`--runtime auto`: measured once a machine; half precision only where it keeps the answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import saywhere
from saywhere.inference.runtimes import choice, trial
from saywhere.inference.runtimes.runtime import HALF, ONNX, TORCH, Scores
from saywhere.inference.runtimes.trial import Measured, Table


def measured(name: str, seconds: float, equal: float = 1.0) -> Measured:
    return Measured(name, seconds, 0.0, equal)


@pytest.mark.parametrize(
    ("half", "onnx", "chosen"),
    [
        (measured(HALF, 1.0), measured(ONNX, 2.0), HALF),
        (measured(HALF, 1.0, 0.9989), measured(ONNX, 2.0), ONNX),
        (measured(HALF, 1.0, 0.9989), measured(ONNX, 4.0), TORCH),
    ],
)
def test_the_fastest_that_keeps_the_answer_is_chosen_and_all_figures_are_kept(
    half: Measured, onnx: Measured, chosen: str, tmp_path: Path
) -> None:
    place = tmp_path / "choice.json"
    trial.keep(Table("cpu", [measured(TORCH, 3.0), half, onnx]), place)
    table = trial.read(place)
    assert table is not None
    assert table.fastest([TORCH, HALF, ONNX]) == chosen
    # Of those that cannot do what is asked, none is taken.
    assert table.fastest([TORCH]) == TORCH
    document = json.loads(place.read_text())
    assert document["chosen"] == chosen
    assert [one["runtime"] for one in document["measured"]] == [TORCH, HALF, ONNX]
    assert document["measured"][1]["equal_pixels"] == half.equal_pixels


class Fake:
    """A runtime whose answers are told."""

    reads_tokens = uses_text = False

    def __init__(self, name: str, config: Any, probability: float, seconds: float) -> None:
        self.name, self.config = name, config
        self.probability, self.seconds = probability, seconds
        self.clock = [0.0]

    def scores(self, squares: Any, embedding: Any, *, mirror: bool) -> Scores:
        self.clock[0] += self.seconds * len(squares)
        answer = np.full((len(squares), 1, 32, 32), 0.5 - 1e-3, np.float32)
        answer[0, 0, 0, 0] = self.probability
        return Scores(answer, None, np.zeros(len(squares), np.float32))


def test_changes_are_measured_beside_pytorch_in_float32() -> None:
    config = saywhere.Config().replace(**{"data.size": 32})
    one, other = Fake(TORCH, config, 0.6, 2.0), Fake(HALF, config, 0.4, 1.0)
    other.clock = one.clock
    both: list[Any] = [one, other]
    found = trial.measure(both, 0.5, clock=lambda: one.clock[0])
    assert [entry.seconds for entry in found] == [2.0, 1.0]
    assert found[1].largest_change == pytest.approx(0.2)
    assert found[1].equal_pixels == 1 - 1 / (trial.N_PICTURES * 32 * 32)
    assert found[0] == Measured(TORCH, 2.0, 0.0, 1.0)


def test_a_model_is_measured_once_a_machine(
    trained: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SAYWHERE_CACHE", str(tmp_path))
    first = saywhere.load(trained, runtime="auto").runtime.name
    assert first in (TORCH, HALF)
    (place,) = tmp_path.rglob("choice.json")
    document = json.loads(place.read_text())
    assert document["chosen"] == first
    for entry in document["measured"]:
        assert 0 <= entry["largest_change"] < 0.05

    def never(*_: Any) -> None:
        raise AssertionError("it was measured before")

    monkeypatch.setattr(choice.trial, "measure", never)
    assert saywhere.load(trained, runtime="auto").runtime.name == first
    place.write_text("{")
    with pytest.raises(AssertionError, match="measured before"):
        saywhere.load(trained, runtime="auto")
