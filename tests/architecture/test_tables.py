"""No number in the README or in docs/evidence.md is typed: each is what the committed results give."""

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


def test_a_changed_number_is_noticed() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert script("tables").filled(text.replace("| right | 100 |", "| right | 101 |")) == text


def test_the_evidence_is_that_of_the_committed_results() -> None:
    made = script("evidence").page()
    assert "| reproduced |" in made
    assert (ROOT / "docs/evidence.md").read_text(encoding="utf-8") == made
