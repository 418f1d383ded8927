"""Does a model that comes along know when it is wrong, and how good it is? python benchmarks/trust.py polyp ../shared/data/kvasir/annotations.jsonl

Evaluates it with right and contradictory words, in `runs/`, and writes benchmarks/results/trust/NAME.json, from which `benchmarks/tables.py` fills the
README's table.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

import saywhere
from saywhere.io.files import write_json

RESULTS = Path(__file__).parent / "results" / "trust"


def main(name: str, manifest: str) -> dict[str, Any]:
    """What `evaluate` says of it."""
    found = saywhere.evaluate(name, manifest=manifest, words=["right", "contradictory"])
    return {
        "name": name,
        "command": f"python benchmarks/trust.py {name} MANIFEST",
        "torch": torch.__version__,
        "split": found["split"],
        "trust": found["trust"],
        "expected": found["expected"],
    }


if __name__ == "__main__":
    write_json(RESULTS / f"{sys.argv[1]}.json", main(*sys.argv[1:3]))
