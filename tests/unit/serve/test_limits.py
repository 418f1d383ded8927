"""`benchmarks/measure/limits.py` against a real server.

What is too much is refused as it is due, and the end under load is a good one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

LIMITS = Path(__file__).parents[3] / "benchmarks/measure/limits.py"


@pytest.mark.slow  # a body that drips is waited for half a minute
def test_what_is_too_much_is_refused_and_the_end_is_a_good_one(trained: Path) -> None:
    finished = subprocess.run(
        [sys.executable, str(LIMITS), str(trained)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
