"""The simulation of an archive: what it must give where one can reckon by hand."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def scale() -> ModuleType:
    place = ROOT / "benchmarks/measure/scale.py"
    spec = importlib.util.spec_from_file_location("scale", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their module up.
    sys.modules["scale"] = module
    spec.loader.exec_module(module)
    return module


def constants(scale: ModuleType) -> object:
    return scale.Constants(
        start_s=10.0,
        picture_s=0.1,
        picture_bytes=1000,
        written_bytes=100,
        line_bytes=50,
        caller_s=0.0,
        caller_bytes=2000,
        chunk=10,
    )


def test_without_deaths_the_work_is_shared(scale: ModuleType) -> None:
    known = constants(scale)
    alone = scale.simulate(known, 100_000, 1, deaths_an_hour=0)
    assert alone.hours == pytest.approx((100_000 * 0.1 + 10) / 3600, rel=0.01)
    many = scale.simulate(known, 100_000, 10, deaths_an_hour=0)
    assert many.hours == pytest.approx((10_000 * 0.1 + 10) / 3600, rel=0.02)
    assert (many.redone, many.read_gb, many.caller_gb) == (0, 0.1, 0.2)
    assert many.written_gb == pytest.approx(0.015)


def test_deaths_cost_half_a_chunk_and_a_start(scale: ModuleType) -> None:
    known = constants(scale)
    cost = scale.simulate(known, 1_000_000, 1, deaths_an_hour=10)
    # Of 27.8 hours: 278 deaths of 10.5 s each.
    assert cost.redone == pytest.approx(10 * 10.5 / 3600, rel=0.2)
    assert cost.hours > scale.simulate(known, 1_000_000, 1, deaths_an_hour=0).hours


def test_the_caller_bounds_what_more_workers_bring(scale: ModuleType) -> None:
    known = replace(constants(scale), caller_s=0.001)
    cost = scale.simulate(known, 1_000_000, 10_000, deaths_an_hour=0)
    assert cost.caller_hours == pytest.approx(1000 / 3600)
    assert cost.hours == pytest.approx((1000 + 10 + 10) / 3600, rel=0.02)


def test_the_page_shows_what_the_simulation_gives(scale: ModuleType) -> None:
    page = (ROOT / "docs/scale.md").read_text(encoding="utf-8")
    assert scale.table(scale.known()) in page
