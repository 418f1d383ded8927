"""Bring the cards of the models that come along up to what was measured and said of them since they were pushed: python benchmarks/cards.py

Reads benchmarks/results/trust (`benchmarks/trust.py`), configs/models/about, and each model's expected.json (`saywhere calibrate`). Weights stay as they are.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from saywhere.export.about import read_about
from saywhere.export.bundle import describe, read_facts

ROOT = Path(__file__).parents[1]
TRUST = ROOT / "benchmarks" / "results" / "trust"


def renewed(name: str) -> dict[str, Any]:
    """A model's config.json as it should be."""
    folder = ROOT / "src" / "saywhere" / "models" / name
    facts, measured, learned = read_facts(folder), _json(TRUST / f"{name}.json"), _json(folder / "expected.json")
    learned = {key: learned[key] for key in ("n", "split")}
    evaluation = facts["evidence"]["evaluation"] | {"trust": measured["trust"], "expected": measured["expected"], "expected_from": learned}
    about = read_about(ROOT / "configs" / "models" / "about" / f"{name}.toml").model_dump()
    return facts | {"about": about, "expected": learned, "evidence": facts["evidence"] | {"evaluation": evaluation}}


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    for path in sorted(TRUST.glob("*.json")):
        describe(ROOT / "src" / "saywhere" / "models" / path.stem, renewed(path.stem))
