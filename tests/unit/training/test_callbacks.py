"""What is recorded of a training; deaf prompts are reported once."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from saywhere.runs.directory import create
from saywhere.runs.history import EpochRow
from saywhere.training.callbacks import warn_if_nothing_is_marked, warn_if_unheard


@pytest.fixture
def loop(tmp_path: Path) -> Any:
    told: list[dict[str, Any]] = []
    return SimpleNamespace(
        run=create(tmp_path / "run", ""),
        tell=lambda event: told.append(event.to_json()),
        told=told,
    )


def test_deaf_words_are_told_once_and_beside_other_warnings(loop: Any) -> None:
    loop.run.write_facts(warnings=["2 faulty rows were set aside, see quarantine.jsonl"])
    for epoch, spread in enumerate([0.2, None, 0.009, 0.001], start=1):
        warn_if_unheard(loop, EpochRow(epoch, 1.0, 1.0, 0.0, 1e-3, spread=spread))
    assert len(loop.told) == 1
    assert "epoch 3: the prompt is not heard" in loop.told[0]["message"]
    assert len(loop.run.facts()["warnings"]) == 2


@pytest.mark.parametrize(
    ("dice", "is_warned"),
    [([0.0, 0.0], True), ([None, 0.0], True), ([0.0, 0.01], False), ([0.5, 0.0], False)],
)
def test_a_training_that_marks_nothing_says_so(
    loop: Any, dice: list[float | None], is_warned: bool
) -> None:
    rows = [EpochRow(i, 1.0, 1.0, 0.0, 1e-3, val_dice_mean=d) for i, d in enumerate(dice, start=1)]
    loop.progress = SimpleNamespace(history=rows)
    warn_if_nothing_is_marked(loop)
    assert [("no right pixel" in told["message"]) for told in loop.told] == [True] * is_warned
    assert len(loop.run.facts().get("warnings", [])) == is_warned


def test_a_training_without_validation_says_nothing_of_it(loop: Any) -> None:
    loop.progress = SimpleNamespace(history=[EpochRow(1, 1.0, 1.0, 0.0, 1e-3)])
    warn_if_nothing_is_marked(loop)
    assert not loop.told
