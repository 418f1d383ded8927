"""`benchmarks/measure/upload_memory.py` against a real server: few bytes stay within a bound."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[3] / "benchmarks/measure"


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    yield runpy.run_path(str(FOLDER / "upload_memory.py"))
    sys.modules.pop("load", None)


def test_many_thin_pictures_at_once_take_no_more_than_places_allow(
    measure: Any, trained: Path
) -> None:
    found = measure["main"](trained, ["64 PNGs of 1 × 60,000"])
    (case,) = found["cases"].values()
    assert sum(case["answers"].values()) == 64
    assert case["answers"]["200"] > 0
    assert measure["is_well"](found), case
    # The rule can fail: memory beyond the bound, or an answer that is a fault of the service.
    assert not measure["is_well"]({"cases": {"": case | {"added_mb": case["bound_mb"] + 1}}})
    assert not measure["is_well"]({"cases": {"": case | {"answers": {"500": 64}}}})


@pytest.mark.slow
def test_six_uploads_of_40_megapixels_are_worked_on_two_at_a_time(
    measure: Any, trained: Path
) -> None:
    found = measure["main"](trained, ["6 of them", "6 of them, kept with 2 masks each"])
    assert measure["is_well"](found), found
    assert all(case["answers"]["200"] > 0 for case in found["cases"].values())
