"""The small run's fixtures, and children that may be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from small_run import *  # noqa: F403


@dataclass
class Ended:
    """How a child ended: exit code (−9 for SIGKILL), what it printed."""

    code: int
    out: str
    err: str


class Children:
    """`run(*words)` is `saywhere WORDS` in a child of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0
        environment = os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
        command = [sys.executable, str(Path(__file__).with_name("forks.py"))]
        self.server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self._answer()["ready"]

    def run(
        self,
        *words: object,
        disturb: Callable[[int, Path], None] = lambda pid, err: None,
        **order: Any,
    ) -> Ended:
        """Wait for its end; `disturb(pid, stderr)` is called meanwhile, to kill it."""
        self.count += 1
        out, err = self.folder / f"{self.count}.out", self.folder / f"{self.count}.err"
        assert self.server.stdin is not None
        self.server.stdin.write(
            json.dumps(
                {"words": [str(word) for word in words], "out": str(out), "err": str(err), **order}
            )
            + "\n"
        )
        self.server.stdin.flush()
        disturb(self._answer()["pid"], err)
        return Ended(self._answer()["code"], out.read_text(), err.read_text())

    def _answer(self) -> dict[str, Any]:
        assert self.server.stdout is not None
        return json.loads(self.server.stdout.readline())


@pytest.fixture(scope="session")
def children(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Children]:
    if not hasattr(os, "fork"):
        pytest.skip("needs fork")
    started = Children(tmp_path_factory.mktemp("children"))
    yield started
    started.server.kill()
    started.server.wait()
