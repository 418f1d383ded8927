"""Is the expected Dice right where pictures are of another kind than those learned from?

    python benchmarks/measure/expected_shift.py small     learned from small polyps
    python benchmarks/measure/expected_shift.py large     learned from large ones
    python benchmarks/measure/expected_shift.py clear     learned from those that stand out
    python benchmarks/measure/expected_shift.py polyp     the model that comes along

Trains `lite` on 300 polyps of one kind (or goes on with the training where it stopped), lets
`saywhere calibrate` learn from validation pictures of that kind alone, and compares what is
expected with what is found: on other pictures of that kind, and on the other kind. Nothing is
fitted on either. "Before" is the line that the same validation answers give without changed
copies. Of the model that comes along a copy is calibrated anew, and the halves of the test split
are looked at one by one. Writes benchmarks/results/expected_shift/CELL.json. SAYWHERE_DATA names
the folder of the sets.

Small, and clear: the value of a polyp is no more (clear: more) than the median of the training
split's. How clear a polyp is: the distance of its mean colour from that of the ring around it.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.ndimage import binary_dilation

import saywhere
from saywhere.config import Config, parse
from saywhere.data.manifest import read_manifest
from saywhere.data.manifest_row import Row
from saywhere.data.select import evaluation_prompt
from saywhere.evaluation.cases import Case, measure
from saywhere.evaluation.known_pictures import drawn
from saywhere.inference.segmenter import Segmenter, load
from saywhere.io.files import write_json, write_text
from saywhere.io.images import read_mask
from saywhere.metrics.calibration import Expectation, fit
from saywhere.metrics.statistics import bootstrap_mean
from saywhere.runs import locate
from saywhere.training.trainer import train

DATA = Path(os.environ.get("SAYWHERE_DATA", "../shared/data"))
RUNS = Path("runs/expected_shift")
RESULTS = Path(__file__).parents[1] / "results" / "expected_shift"
SHIPPED = "polyp"
MOST = 250
"""Pictures of a kind that are asked about."""
RING_PX = 12
N_LEARNED = 300
"""Of the training pictures of the kind; the others are tested."""
STEPS = 400


def main(cell: str) -> None:
    """Train, calibrate, and write what was expected and found."""
    folder = RUNS / cell
    folder.mkdir(parents=True, exist_ok=True)
    run = _copy(folder / "run") if cell == SHIPPED else _trained(cell, folder)
    saywhere.calibrate(run, manifest=_manifest(cell, folder), device="cpu")
    segmenter = load(run, device="cpu")
    rows = read_manifest(_manifest(cell, folder))
    learned = _cases(segmenter, list(rows.split("val")))
    before = fit([case.confidence or None for case in learned], [case.dice for case in learned])
    tested = {name: list(rows.split(name)) for name in _kinds(cell)}
    document = {
        "cell": cell,
        "command": f"python benchmarks/measure/expected_shift.py {cell}",
        "n_learned": before.n,
        "size_px": segmenter.config.data.size,
        "kinds": {
            name: _compared(_cases(segmenter, kind), before)
            for name, kind in (tested | _halves(cell, tested["test"])).items()
        },
    }
    write_json(RESULTS / f"{cell}.json", document)
    print(json.dumps(document, indent=1))


def _kinds(cell: str) -> tuple[str, ...]:
    """Splits: pictures of the kind that was learned from, and of the other one."""
    return ("test",) if cell == SHIPPED else ("test", "shifted")


def _copy(place: Path) -> Path:
    """The model that comes along stays as it is."""
    return place if place.exists() else shutil.copytree(locate.find(Path(SHIPPED)), place)


def _trained(cell: str, folder: Path) -> Path:
    return train(_config(_manifest(cell, folder)), folder / "run", resume=True)


def _manifest(cell: str, folder: Path) -> Path:
    if cell == SHIPPED:
        return DATA / "kvasir" / "annotations.jsonl"
    place = folder / "manifest.jsonl"
    if not place.exists():
        write_text(place, "".join(json.dumps(line) + "\n" for line in _lines(cell)))
    return place


def _halves(cell: str, rows: list[Row]) -> dict[str, list[Row]]:
    """The test pictures of the shipped model by halves; none of a cell that learned one kind."""
    found = {}
    for low, high in (("small", "large"), ("faint", "clear")) if cell == SHIPPED else ():
        values = [_value(low, row.image, row.mask) for row in rows]
        border = float(np.median(values))
        found[low] = [row for row, value in zip(rows, values) if value <= border]
        found[high] = [row for row, value in zip(rows, values) if value > border]
    return found


def _cases(segmenter: Segmenter, rows: list[Row]) -> list[Case]:
    chosen = [rows[number] for number in drawn(len(rows), MOST)]
    prompts = [evaluation_prompt(row, segmenter.config.evaluation_level) for row in chosen]
    return measure(segmenter, chosen, prompts, "right", lambda done: None)


def _compared(cases: list[Case], before: Expectation) -> dict[str, Any]:
    """Expected and found, of the answers that are given an expected Dice."""
    given = [case for case in cases if case.expected_dice is not None]
    expected = {
        "before": [before.of(case.confidence) or 0.0 for case in given],
        "after": [case.expected_dice or 0.0 for case in given],
    }
    return {
        "n": len(given),
        "n_withheld": len(cases) - len(given),
        "dice": float(np.mean([case.dice for case in given])),
        **{name: _error(values, given) for name, values in expected.items()},
    }


def _error(expected: list[float], cases: list[Case]) -> dict[str, Any]:
    off = np.array(expected) - [case.dice for case in cases]
    return {
        "bias": asdict(bootstrap_mean(off.tolist(), 2000, 0)),
        "error": asdict(bootstrap_mean(abs(off).tolist(), 2000, 0)),
    }


def _lines(cell: str) -> list[dict[str, Any]]:
    """Kvasir's lines: those of the kind for training, validation and test, the others apart."""
    place = DATA / "kvasir" / "annotations.jsonl"
    lines = [json.loads(line) for line in place.read_text().splitlines()]
    for line in lines:
        line |= {key: str((place.parent / line[key]).resolve()) for key in ("image", "mask")}
    value = {line["id"]: _value(cell, line["image"], line["mask"]) for line in lines}
    border = np.median([value[line["id"]] for line in lines if line["split"] == "train"])
    own = [line for line in lines if (value[line["id"]] <= border) == (cell == "small")]
    learned = [line for line in own if line["split"] == "train"][:N_LEARNED]
    ids = {line["id"] for line in learned}
    kind = {line["id"] for line in own}
    for line in lines:
        is_tested = line["split"] == "train" and line["id"] not in ids
        line["split"] = "test" if is_tested else line["split"]
        if line["id"] not in kind:
            line["split"] = "shifted"
    return lines


def _value(cell: str, image: str | Path, place: str | Path | None) -> float:
    assert place is not None
    mask = read_mask(place)
    if cell in ("small", "large"):
        return float(mask.mean())
    with Image.open(image) as picture:
        pixels = np.asarray(picture.convert("LAB"), float)
    ring = binary_dilation(mask, iterations=RING_PX) & ~mask
    return float(np.linalg.norm(pixels[mask].mean(0) - pixels[ring].mean(0)))


def _config(manifest: Path) -> Config:
    document: dict[str, Any] = {
        "data": {"manifest": str(manifest), "size": 128, "target": "polyp"},
        "text": {"train_prompts": ["p6", "p9"], "evaluate_prompts": "p6", "blank": 0.1},
        "fusion": {"words_first": 100},
        "augment": {
            "name": "paper",
            "degrees": 45.0,
            "scale": [0.75, 1.25],
            "translate": 0.1,
            "brightness": 0.2,
            "contrast": 0.2,
            "saturation": 0.2,
        },
        "network": {"name": "lite"},
        "loss": {"roi": "none"},
        "optimizer": {"learning_rate": 1e-3},
        "train": {
            "epochs": STEPS // 100,
            "steps_per_epoch": 100,
            "batch_size": 8,
            "validate_every": STEPS // 100,
            "threads": 1,
            "seed": 0,
        },
    }
    return parse(document, where="benchmarks/measure/expected_shift.py")


if __name__ == "__main__":
    main(sys.argv[1])
