"""What becomes of words that deny?

    python benchmarks/measure/denied.py polyp ../shared/data/kvasir/annotations.jsonl

Asks a model that comes along for its target and for "no" target, and for the target on the left and
"not" on the left, of test images; writes to benchmarks/results/denied/NAME.json how much the two
masks agree (Dice), and how many sentences of the whole manifest deny.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import saywhere
from saywhere.data.manifest import read_manifest
from saywhere.io.files import write_json
from saywhere.metrics.functional import dice
from saywhere.metrics.statistics import bootstrap_mean
from saywhere.text.prompts import denies

RESULTS = Path(__file__).parents[1] / "results" / "denied"
TARGETS = {"polyp": "polyp", "skin-lesion": "skin lesion", "lung-infection": "infection"}
N_IMAGES = 50


def main(name: str, manifest: str) -> dict[str, Any]:
    """Agreement of what is affirmed with what is denied, over the test split's first images."""
    model = saywhere.load(name)
    rows = read_manifest(Path(manifest))
    target = TARGETS[name]
    pairs = {
        "no": (target, f"no {target}"),
        "not on the left": (f"{target} on the left", f"{target} not on the left"),
    }
    agreement: dict[str, list[float]] = {kind: [] for kind in pairs}
    for place in list(dict.fromkeys(row.image for row in rows.split("test")))[:N_IMAGES]:
        for kind, asked in pairs.items():
            agreement[kind].append(dice(*(model.segment(place, prompt).mask for prompt in asked)))
    sentences = {text for row in rows.rows for texts in row.prompts.values() for text in texts}
    return {
        "name": name,
        "command": f"python benchmarks/measure/denied.py {name} MANIFEST",
        "n": min(map(len, agreement.values())),
        "asked": pairs,
        "agreement": {
            kind: vars(bootstrap_mean(found, 2000, 0)) for kind, found in agreement.items()
        },
        "sentences": len(sentences),
        "denying": sum(map(denies, sentences)),
    }


if __name__ == "__main__":
    write_json(RESULTS / f"{sys.argv[1]}.json", main(*sys.argv[1:3]))
