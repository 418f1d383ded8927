"""What becomes of words that deny?

    python benchmarks/measure/denied.py general ../shared/data/kvasir/annotations.jsonl polyp

Asks a model that comes along for a target and for "no" target, and for the target on the left and
"not" on the left, of test images; writes to benchmarks/results/denied/MODEL-TARGET.json how much
the two masks agree (Dice; two empty ones agree), how many of the denied are empty, and how many
sentences of the whole manifest deny.
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
N_IMAGES = 50


def main(name: str, manifest: str, target: str) -> dict[str, Any]:
    """Agreement of what is affirmed with what is denied, over the test split's first images."""
    model = saywhere.load(name)
    rows = read_manifest(Path(manifest))
    pairs = {
        "no": (target, f"no {target}"),
        "not on the left": (f"{target} on the left", f"{target} not on the left"),
    }
    agreement: dict[str, list[float]] = {kind: [] for kind in pairs}
    n_empty = dict.fromkeys(pairs, 0)
    for place in list(dict.fromkeys(row.image for row in rows.split("test")))[:N_IMAGES]:
        for kind, asked in pairs.items():
            affirmed, denied = (model.segment(place, prompt).mask for prompt in asked)
            agreement[kind].append(dice(affirmed, denied))
            n_empty[kind] += not denied.any()
    sentences = {text for row in rows.rows for texts in row.prompts.values() for text in texts}
    return {
        "name": name,
        "target": target,
        "command": f"python benchmarks/measure/denied.py {name} MANIFEST {target!r}",
        "n": min(map(len, agreement.values())),
        "asked": pairs,
        "agreement": {
            kind: vars(bootstrap_mean(found, 2000, 0)) for kind, found in agreement.items()
        },
        "denied_empty": n_empty,
        "sentences": len(sentences),
        "denying": sum(map(denies, sentences)),
    }


if __name__ == "__main__":
    model, manifest, target = sys.argv[1:]
    write_json(RESULTS / f"{model}-{target.replace(' ', '-')}.json", main(model, manifest, target))
