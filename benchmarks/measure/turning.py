"""Do masks turn with their images, for every fusion, and does a pseudo-image say where? python
benchmarks/measure/turning.py [RUNS]

Trains early fusion, its three rivals and an image-only network on phantoms (the tables' protocol,
seed 0; a rival's sentences exchange left and right as the image turns, the best it can do),
evaluates each, and asks `probe invariance` and, of early fusion, `probe generator`. Runs that are
in RUNS (default: runs/turning) are not trained again. Writes benchmarks/results/turning.json and
docs/images/turning.png, docs/images/pseudo_images.png.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from saywhere.evaluation.probes import chart
from saywhere.evaluation.probes.generator import probe_generator
from saywhere.evaluation.probes.invariance import IMAGE_ONLY, LATE_WAYS, WAYS, probe_invariance
from saywhere.inference.segmenter import load
from saywhere.io.files import write_bytes, write_json
from saywhere.modeling.referring import ReferringSegmenter

ROOT = Path(__file__).parents[2]
BASE, RESULT, IMAGES = (
    ROOT / "benchmarks/grids/base/phantoms.toml",
    ROOT / "benchmarks/results/turning.json",
    ROOT / "docs/images",
)
EARLY, NONE = "early", "none"
RUNS = {
    EARLY: "fuse-first",
    "late-concat": "swap",
    "film": "swap",
    "cross-attention": "swap",
    NONE: "fuse-first",
}
N_CASES, STEPS = 100, 400


def main(runs: Path) -> dict[str, Any]:
    """Train what is not there, ask, draw."""
    for fusion, arm in RUNS.items():
        _train(fusion, arm, runs / fusion)
    agreement: dict[str, dict[str, Any]] = {}
    for fusion in [name for name in RUNS if name != NONE]:
        found = probe_invariance(
            runs / fusion,
            runs / fusion / "probe",
            image_only=runs / NONE if fusion == EARLY else None,
            n_cases=N_CASES,
        )
        for transform, ways in found["agreement"].items():
            agreement.setdefault(transform, {}).update(
                {label: ways[way] for way, label in _labels(fusion).items()}
            )
    write_bytes(IMAGES / "turning.png", chart.agreement(agreement))
    facts = json.loads((runs / EARLY / "run.json").read_text())
    return {
        "command": "python benchmarks/measure/turning.py",
        "n": N_CASES,
        "dice": {fusion: _dice(runs / fusion) for fusion in RUNS},
        "agreement": agreement,
        "prompt_sets": _pseudo_images(runs / EARLY),
        "steps": STEPS,
        **{
            key: facts[key]
            for key in ("saywhere", "python", "device", "precision", "threads", "seed")
            if key in facts
        },
    }


def _labels(fusion: str) -> dict[str, str]:
    """Way of the probe → its name in the figure."""
    if fusion == EARLY:
        return {
            WAYS[0]: "early, words turn",
            WAYS[1]: "early, words left behind",
            IMAGE_ONLY: IMAGE_ONLY,
        }
    return {LATE_WAYS[0]: fusion}


def _train(fusion: str, arm: str, run: Path) -> None:
    if (run / "evaluation/summary.json").is_file():
        return
    changes = ("--set", f"fusion.name={fusion}", "--set", f"fusion.arm={arm}")
    for words in (("train", BASE, "--out", run, *changes), ("evaluate", run)):
        subprocess.run([sys.executable, "-m", "saywhere", *map(str, words)], check=True, cwd=ROOT)


def _dice(run: Path) -> dict[str, float]:
    """With right words, on the test split as it is."""
    words = json.loads((run / "evaluation/summary.json").read_text())["words"]
    return words["right"]["dice_mean"]


def _pseudo_images(run: Path) -> dict[str, Any]:
    """Before, trained alone, and after the joint training."""
    segmenter = load(run)
    assert isinstance(segmenter.model, ReferringSegmenter)
    found = probe_generator(segmenter.config, run / "probe", steps=STEPS, trained=segmenter.model)
    shutil.copyfile(run / "probe/generator.png", IMAGES / "pseudo_images.png")
    return found["prompt_sets"]


if __name__ == "__main__":
    write_json(RESULT, main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "runs/turning"))
