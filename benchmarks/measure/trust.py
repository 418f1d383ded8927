"""Does a model that comes along know when it is wrong, and how good it is? python
benchmarks/measure/trust.py polyp ../shared/data/kvasir/annotations.jsonl

Evaluates it with right and contradictory words, in `runs/`, and writes
benchmarks/results/trust/NAME.json, from which `benchmarks/pages/tables.py` fills the README's table
and `benchmarks/pages/cards.py` the models' cards.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

import saywhere
from saywhere.io import files
from saywhere.runs import locate

RESULTS = Path(__file__).parents[1] / "results" / "trust"


def main(name: str, manifest: str) -> dict[str, Any]:
    """What `evaluate` says of it."""
    found = saywhere.evaluate(name, manifest=manifest, words=["right", "contradictory"])
    return {
        "name": name,
        "command": f"python benchmarks/measure/trust.py {name} MANIFEST",
        "torch": torch.__version__,
        "weights": files.digest(locate.find(Path(name)) / locate.BUNDLE),
        "split": found["split"],
        "trust": found["trust"],
        "expected": found["expected"],
        "expected_from": found["expected_from"],
    }


if __name__ == "__main__":
    files.write_json(RESULTS / f"{sys.argv[1]}.json", main(*sys.argv[1:3]))
