"""How long a call takes that begins with nothing loaded, beside the import of PyTorch."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from saywhere.bench.alternating import alternate, ratio

IMPORT = [sys.executable, "-c", "import torch"]
SAYWHERE = [sys.executable, "-m", "saywhere"]


def measure(model: str, picture: Path, rounds: int) -> dict[str, Any]:
    """Time `saywhere predict` of one picture with a prompt never seen, to the mask on disk.

    Args:
        model: a run or a model's name.
        picture: a file.
        rounds: of the import and the prediction in turn.

    Returns:
        What was measured, as the result file has it.
    """
    with tempfile.TemporaryDirectory() as folder:
        number = 0

        def predict() -> list[float]:
            nonlocal number
            number += 1
            out = Path(folder) / str(number)
            prompt = f"the lesion number {number}"
            command = [*SAYWHERE, "predict", model, str(picture), "--prompt", prompt]
            seconds = _seconds([*command, "--out", str(out)], Path(folder) / "cache")
            assert any(out.glob("*.png"))
            return [seconds]

        def load() -> list[float]:
            return [_seconds(IMPORT, Path(folder))]

        predict()  # the first call writes compiled Python
        taken = alternate({"import torch": load, "predict": predict}, rounds)
    return {
        "model": model,
        "seconds": {name: seconds.to_json() for name, seconds in taken.items()},
        "ratio": ratio(taken["predict"], taken["import torch"]),
    }


def _seconds(command: Sequence[str], cache: Path) -> float:
    """A program that fails ends the measurement, with what it said."""
    environment = {**os.environ, "SAYWHERE_CACHE": str(cache)}
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started
