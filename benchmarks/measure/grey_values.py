"""What the rule for grey values costs a shipped model: Dice of one film, stored in several ways.

    python benchmarks/measure/grey_values.py

Twenty test films of QaTa are stored as 8 bits (as they are), as 12 bits in 16, the same with one
hot pixel of 65535, with the least value white, and as floats around -1000 (Hounsfield-like). Each
is read by both rules of `data.grey` and segmented by the model `lung-infection`. The mean Dice with
the true masks is written; `refused` counts films that the rule does not read.

→ benchmarks/results/grey_values.json; without the data it says so and writes nothing.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from imagecodecs import tiff_encode
from numpy.typing import NDArray

from saywhere.errors import UnreadableFile
from saywhere.inference.segmenter import Segmenter, load
from saywhere.io.files import write_json
from saywhere.io.grey import Grey
from saywhere.io.images import read_image, read_mask
from saywhere.metrics.functional import dice

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data" / "qata"
OUT = ROOT / "benchmarks" / "results" / "grey_values.json"
MODEL = "lung-infection"
N_FILMS = 20
RULES: tuple[Grey, ...] = ("maximum", "percentile")


def _twelve(film: NDArray[np.uint8]) -> NDArray[np.uint16]:
    return np.rint(film * (4095 / 255)).astype(np.uint16)


def _hot(film: NDArray[np.uint8]) -> NDArray[np.uint16]:
    deep = _twelve(film)
    deep[deep.shape[0] // 3, deep.shape[1] // 3] = 65535
    return deep


WAYS: dict[str, Callable[[NDArray[np.uint8]], bytes]] = {
    "8 bits": lambda film: bytes(tiff_encode(film)),
    "12 bits": lambda film: bytes(tiff_encode(_twelve(film))),
    "12 bits, one hot pixel": lambda film: bytes(tiff_encode(_hot(film))),
    "12 bits, white is least": lambda film: bytes(
        tiff_encode(4095 - _twelve(film), photometric="miniswhite")
    ),
    "floats from -1000": lambda film: bytes(tiff_encode(_twelve(film).astype(np.float32) - 1000)),
}


def main() -> None:
    """Measure, and write the results."""
    if not DATA.is_dir():
        print(f"no data in {DATA}: nothing is measured")
        return
    lines = (DATA / "annotations.jsonl").read_text(encoding="utf-8").splitlines()
    test = [row for row in map(json.loads, lines) if row["split"] == "test"]
    rows = test[:: len(test) // N_FILMS][:N_FILMS]
    model = load(MODEL)
    results: dict[str, dict[str, Any]] = {rule: {} for rule in RULES}
    for rule in RULES:
        for way, store in WAYS.items():
            results[rule][way] = _measured(model, rows, rule, store)
    command = "python benchmarks/measure/grey_values.py"
    write_json(OUT, {"command": command, "model": MODEL, "films": len(rows), "dice": results})
    print(json.dumps(results, indent=1))


def _measured(
    model: Segmenter, rows: list[dict[str, Any]], rule: Grey, store: Callable[..., bytes]
) -> dict[str, Any]:
    """Mean Dice over the films that are read, and how many are not."""
    model.config = model.config.replace(**{"data.grey": rule})
    values = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.tif"
        for row in rows:
            path.write_bytes(store(read_image(DATA / row["image"], 1)[..., 0]))
            try:
                result = model.segment(path, row["prompts"]["text"])
            except UnreadableFile:
                continue
            values.append(dice(result.mask, read_mask(DATA / row["mask"])))
    mean = round(float(np.mean(values)), 4) if values else None
    return {"mean": mean, "refused": len(rows) - len(values)}


if __name__ == "__main__":
    main()
