"""No number in the README, docs/service.md or docs/evidence.md is typed: each is what the committed results give."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readmes_tables_are_those_of_the_committed_results() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "<!-- table: " in text
    assert script("tables").filled(text) == text


def test_the_services_figures_are_those_of_the_committed_results() -> None:
    text = (ROOT / "docs/service.md").read_text(encoding="utf-8")
    assert "<!-- table: service -->" in text
    assert script("tables").filled(text) == text


def test_a_kept_load_is_a_line_of_the_services_table() -> None:
    found = {"command": "python benchmarks/load.py RUN --minutes 10 --clients 4", "clients": 4, "minutes": 10.0, "answers": {"good 200": 9000, "bad 415": 900},
             "images_per_s": 15.0, "p50_s": 0.2, "p99_s": 0.9, "memory_growth": 1.004, "threads": [12, 12], "files": [30, 31], "same_answer": True, "cores": 2,
             "memory_gib": 24, "load_before": 0.1, "network": "lite", "size_px": 160, "torch": "2.13.0"}  # fmt: skip
    table = script("tables")._service([found])
    assert "| 4 | 10 | 9000 good 200, 900 bad 415 | 15.0 | 0.2 s | 0.9 s | × 1.004 | 12 → 12 | 30 → 31 | yes | 2 cores, 24 GiB" in table
    assert "`python benchmarks/load.py RUN --minutes 10 --clients 4`" in table


def test_a_changed_number_is_noticed() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert script("tables").filled(text.replace("| right | 100 |", "| right | 101 |")) == text


def test_the_evidence_is_that_of_the_committed_results() -> None:
    made = script("evidence").page()
    assert "| reproduced |" in made
    assert (ROOT / "docs/evidence.md").read_text(encoding="utf-8") == made
