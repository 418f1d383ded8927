"""Cells of a grid end with the experiment that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from saywhere.config import Config
from small_run import wait_for

GRID = """
table = "long"
title = "Long"
base = "{base}"
seeds = [0]
threads = 1
axis = [[{{ label = "one" }}]]
"""


def state_of(pid: int) -> list[str]:
    """State and parent of a process; nothing of one that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:2]
    except OSError:
        return []


def children_of(pid: int) -> set[int]:
    return {
        int(place.name)
        for place in Path("/proc").iterdir()
        if place.name.isdigit() and state_of(int(place.name))[1:] == [str(pid)]
    }


def is_alive(pid: int) -> bool:
    return state_of(pid)[:1] not in ([], ["Z"])


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")
def test_a_killed_experiment_leaves_no_worker_behind(config: Config, tmp_path: Path) -> None:
    base = tmp_path / "base.toml"
    base.write_text(config.replace(**{"train.epochs": 100_000}).to_toml())
    (tmp_path / "grid.toml").write_text(GRID.format(base=base.as_posix()))
    command = [
        sys.executable,
        "-m",
        "saywhere",
        "experiment",
        str(tmp_path / "grid.toml"),
        "--out",
        str(tmp_path / "results"),
    ]
    with subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    ) as parent:
        wait_for(lambda: any(tmp_path.glob("saywhere-cell-*/run/metrics.jsonl")))
        workers = children_of(parent.pid)
        assert workers
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    wait_for(lambda: not any(is_alive(pid) for pid in workers), patience_s=30)
