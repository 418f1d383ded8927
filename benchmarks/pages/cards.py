"""Bring the pretrained models' cards up to what was measured of them since they were pushed.

    python benchmarks/pages/cards.py

Reads benchmarks/results/trust (`benchmarks/measure/trust.py`) and configs/models/about. Weights
stay as they are. What was measured of other weights, or of another calibration, is refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from saywhere.hub.bundle import describe
from saywhere.hub.facts import FORMAT, ModelFacts, read_facts
from saywhere.hub.metadata import read_about
from saywhere.io import files
from saywhere.runs import locate

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "src" / "saywhere" / "models"
TRUST = ROOT / "benchmarks" / "results" / "trust"


def renewed(name: str) -> ModelFacts:
    """A model's config.json as it should be.

    Args:
        name: the model's name.

    Returns:
        What is written there, with what was measured since.

    Raises:
        ValueError: what was measured is of other weights or of another calibration.
    """
    folder = MODELS / name
    measured = _json(TRUST / f"{name}.json")
    expected = _json(folder / "expected.json")
    learned = {key: expected[key] for key in ("n", "split")}
    present = (files.digest(folder / locate.BUNDLE), learned)
    if (measured["weights"], measured["expected_from"]) != present:
        raise ValueError(
            f"benchmarks/results/trust/{name}.json is of other weights or of another calibration: "
            f"python benchmarks/measure/trust.py {name} MANIFEST"
        )
    facts = read_facts(folder)
    evaluation = facts["evidence"]["evaluation"] | {
        key: measured[key] for key in ("trust", "expected", "expected_from")
    }
    about = read_about(ROOT / "configs" / "models" / "about" / f"{name}.toml").model_dump()
    return facts | {
        "format": FORMAT,
        "about": about,
        "expected": learned,
        "evidence": facts["evidence"] | {"evaluation": evaluation},
    }


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    for path in sorted(TRUST.glob("*.json")):
        describe(MODELS / path.stem, renewed(path.stem))
