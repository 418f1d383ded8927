"""A memory that does not hold the training: exit 1, a smaller suggestion, and the last checkpoint
is valid (R9).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from saywhere.config import Config
from saywhere.errors import OutOfMemory
from saywhere.runs.checkpoint import load
from saywhere.training.trainer import Loop, train


def test_a_process_at_its_limit_says_what_to_do(children: Any, toml: Path, tmp_path: Path) -> None:
    large = ("--set", "network.width=96", "--set", "train.batch_size=40")
    ended = children.run("train", toml, "--out", tmp_path / "run", *large, memory_mib=700)
    assert ended.code == 1, ended.err
    last = ended.err.strip().splitlines()[-1]
    assert last == (
        "saywhere: no memory left at train.batch_size 40, data.size 32; "
        "the last checkpoint is valid: "
        "--set train.batch_size=20, a smaller data.size or network.width"
    )
    assert "Traceback" not in ended.err
    assert json.loads((tmp_path / "run/run.json").read_text())["status"] == "failed"


def test_while_auto_is_measured_it_says_the_same(children: Any, toml: Path, tmp_path: Path) -> None:
    ended = children.run(
        "train",
        toml,
        "--out",
        tmp_path / "run",
        "--set",
        "train.precision=auto",
        "--set",
        "network.width=256",
        memory_mib=700,
    )
    assert ended.code == 1, ended.err
    assert (
        ended.err.strip()
        .splitlines()[-1]
        .startswith("saywhere: no memory left at train.batch_size 8, data.size 32")
    )


def test_the_last_checkpoint_loads_and_resumes(
    config: Config, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Loop.step

    def full(loop: Loop, number: int, batch: Any) -> Any:
        if number == 7:
            raise RuntimeError(
                "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: "
                "can't allocate memory: you tried to allocate 1 bytes."
            )
        return step(loop, number, batch)

    monkeypatch.setattr(Loop, "step", full)
    with pytest.raises(OutOfMemory) as caught:
        train(config, tmp_path / "run")
    assert caught.value.exit_code == 1
    assert load(tmp_path / "run/checkpoints/last").state["epoch"] == 1
    monkeypatch.undo()
    train(config, tmp_path / "run", resume=True)
    assert (tmp_path / "run/metrics.jsonl").read_bytes() == (trained / "metrics.jsonl").read_bytes()
