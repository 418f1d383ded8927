"""How long a call takes that begins with nothing loaded, beside the import of PyTorch."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TypedDict

from saywhere.bench.alternating import SecondsRecord, Take, alternate, ratio

IMPORT = [sys.executable, "-c", "import torch"]
SAYWHERE = [sys.executable, "-m", "saywhere"]


class StartRecord(TypedDict):
    """A first prediction, as the result file has it."""

    model: str
    seconds: dict[str, SecondsRecord]
    """of the import of PyTorch, and of a prediction with each runtime"""
    ratio: dict[str, float]
    """runtime → its prediction's time by that of the import"""


def measure(model: str, picture: Path, rounds: int) -> StartRecord:
    """Time `saywhere predict` of one picture with a prompt never seen, to the mask on disk.

    Args:
        model: a run or a model's name.
        picture: a file.
        rounds: of the import and the prediction in turn.

    Returns:
        What was measured, as the result file has it.
    """
    runtimes = ["torch", "onnx"] if find_spec("onnxruntime") else ["torch"]
    with tempfile.TemporaryDirectory() as folder:
        calls = _Calls(model, picture, Path(folder))
        for runtime in runtimes:
            # The first call writes compiled Python, and what is exported once.
            calls.predict(runtime)
        ways: dict[str, Take] = {"import torch": calls.load}
        ways |= {runtime: partial(calls.predict, runtime) for runtime in runtimes}
        taken = alternate(ways, rounds)
    return {
        "model": model,
        "seconds": {name: seconds.to_json() for name, seconds in taken.items()},
        "ratio": {runtime: ratio(taken[runtime], taken["import torch"]) for runtime in runtimes},
    }


class _Calls:
    """Calls in processes of their own; each prediction has a prompt that was never seen."""

    def __init__(self, model: str, picture: Path, folder: Path) -> None:
        self.model, self.picture, self.folder = model, picture, folder
        self.number = 0

    def predict(self, runtime: str) -> list[float]:
        self.number += 1
        out = self.folder / str(self.number)
        prompt = f"the lesion number {self.number}"
        named = [self.model, str(self.picture), "--prompt", prompt, "--runtime", runtime]
        command = [*SAYWHERE, "predict", *named, "--save", "mask", "--out", str(out)]
        seconds = _seconds(command, self.folder / "cache")
        assert any(out.glob("*.png"))
        return [seconds]

    def load(self) -> list[float]:
        return [_seconds(IMPORT, self.folder / "cache")]


def _seconds(command: Sequence[str], cache: Path) -> float:
    """A program that fails ends the measurement, with what it said."""
    environment = {**os.environ, "SAYWHERE_CACHE": str(cache)}
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
