"""`train.patience` ends a training that no longer gets better; it says where the time went."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from saywhere.config import Config
from saywhere.training.loop import Loop
from saywhere.training.trainer import train
from small_run import rows_of

KEPT = ("metrics.jsonl", "checkpoints/last/checkpoint.safetensors")


def test_it_stops_early_and_a_resumption_does_not_go_on(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.5, 0.6, 0.6, 0.4, 0.9])
    monkeypatch.setattr(Loop, "_score", lambda self, validation: scores_at(self))
    found: dict[int, float] = {}

    def scores_at(loop: Loop) -> float:
        epoch = len(loop.progress.history) + 1
        if epoch not in found:
            found[epoch] = next(scores)
        return found[epoch]

    patient = config.replace(**{"train.patience": 2, "train.epochs": 9, "train.steps_per_epoch": 1})
    told: list[dict[str, Any]] = []
    run = train(patient, tmp_path / "run", listen=told.append)
    facts = json.loads((run / "run.json").read_text())
    assert (facts["status"], facts["stopped_early"]) == ("finished", 4)
    assert len(rows_of(run / "metrics.jsonl")) == 4
    assert facts["phases"].keys() == {
        *("data", "forward", "backward", "optimizer", "validation", "saving")
    }
    assert all(event["seconds_left"] > 0 for event in told if event["event"] == "epoch")
    before = [(run / name).read_bytes() for name in KEPT]
    train(patient, run, resume=True)
    assert [(run / name).read_bytes() for name in KEPT] == before
