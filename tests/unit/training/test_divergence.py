"""Broken numbers stop a training within a step."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from saywhere.config import Config
from saywhere.data.training_set import Batch
from saywhere.errors import TrainingDiverged
from saywhere.runs.directory import create
from saywhere.training.divergence import Step, StepGuard, check_validation
from saywhere.training.validation import Validation


@pytest.fixture
def loop(tmp_path: Path) -> Any:
    model = torch.nn.Linear(2, 1)
    rows = [SimpleNamespace(number=number) for number in (11, 12, 13, 14)]
    told: list[dict[str, Any]] = []
    return SimpleNamespace(
        config=Config(),
        run=create(tmp_path / "run", ""),
        model=model,
        training=SimpleNamespace(rows=rows),
        tell=lambda event: told.append(event.to_json()),
        told=told,
    )


BATCH = Batch(torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 4, 4), torch.zeros(2, 3), [3, 1])
FINE, NORM = torch.tensor([1.0, 0.9, 0.1]), torch.tensor(2.0)


def test_finite_steps_pass(loop: Any) -> None:
    guard = StepGuard(loop)
    for step in range(3):
        guard.watch(Step(step, lambda: [BATCH], FINE, NORM))
    guard.check()
    assert not (loop.run.folder / "diagnostic.json").exists()


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("where", ["loss", "norm"])
def test_a_broken_step_is_found_with_the_next_one(loop: Any, broken: float, where: str) -> None:
    guard = StepGuard(loop)
    losses, norm = (
        (torch.tensor([broken, 0.9, 0.1]), NORM)
        if where == "loss"
        else (FINE, torch.tensor(broken))
    )
    guard.watch(Step(6, lambda: [BATCH], losses, norm))
    with pytest.raises(
        TrainingDiverged,
        match=r"at step 7; loss and gradient must be finite: see .*diagnostic\.json; "
        r"try a smaller optimizer\.learning_rate",
    ):
        guard.watch(Step(7, lambda: [BATCH], FINE, NORM))
    found = json.loads((loop.run.folder / "diagnostic.json").read_text())
    assert (found["step"], found["rows"], found["image_is_finite"]) == (6, [14, 12], True)
    assert float(found["losses"]["segmentation"]) == pytest.approx(0.9)


def test_the_diagnostic_says_whether_the_input_was_broken(loop: Any) -> None:
    poisoned = Batch(BATCH.image + float("nan"), BATCH.mask, BATCH.embedding, BATCH.rows)
    guard = StepGuard(loop)
    loop.model.weight.grad = torch.full((1, 2), float("nan"))
    guard.watch(Step(0, lambda: [poisoned], FINE * float("nan"), NORM))
    with pytest.raises(TrainingDiverged):
        guard.check()
    found = json.loads((loop.run.folder / "diagnostic.json").read_text())
    assert (found["image_is_finite"], found["embedding_is_finite"], found["not_finite"]) == (
        False,
        True,
        ["weight"],
    )


def test_a_broken_validation_stops_it_too(loop: Any) -> None:
    check_validation(loop, Validation(0.5, 0.5, 0.5, None, []), epoch=1)
    with torch.no_grad():
        loop.model.weight.fill_(float("inf"))
    with pytest.raises(TrainingDiverged, match="validation loss nan in epoch 2"):
        check_validation(loop, Validation(0.5, 0.5, float("nan"), None, []), epoch=2)
    assert json.loads((loop.run.folder / "diagnostic.json").read_text())["not_finite"] == ["weight"]
