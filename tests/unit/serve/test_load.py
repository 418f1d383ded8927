"""A small budget of `make soak`.

Some seconds of good, bad and aborted requests, from more clients than the service has places.
"""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

LOAD = Path(__file__).parents[3] / "benchmarks/measure/load.py"


def test_under_load_nothing_fails_but_what_is_bad_or_too_much_and_it_stops_cleanly(
    trained: Path,
) -> None:
    load: Any = runpy.run_path(str(LOAD))
    found = load["main"](trained, 40, 0.06, 0.0)
    assert set(found["answers"]) <= {"good 200", "good 503", "bad 415", "bad 503", "aborted 0"}
    assert found["answers"]["good 200"] > 0
    assert found["answers"]["bad 415"] > 0
    assert found["same_answer"]
    assert found["stopped"] == 0
    for name in ("threads", "files"):
        assert (
            found[name][1] <= found[name][0] + found["clients"]
        )  # R20; what memory grows by is settled only after minutes (`make soak`)
