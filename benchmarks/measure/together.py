"""One network for five sets, or one each? At equal samples of each set, with three seeds.

    python benchmarks/measure/general_manifest.py FOLDER
    python benchmarks/measure/together.py FOLDER            every cell that is missing
    python benchmarks/measure/together.py FOLDER --table    the table of them

Trains `lite` at 160 px on all five sets for 2,000 steps, in equal shares, and on each set alone for
400. Each is asked about the same test images, with the right prompt, none, and another target's
words. Cells go to runs/together/CELL.json, the table to benchmarks/results/together.json.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from general import Asked, answers_of, is_foreign, test_rows
from general_manifest import SOURCES

from saywhere import seeds
from saywhere.config import Config, as_config
from saywhere.data.manifest_row import Row
from saywhere.inference.segmenter import Segmenter, load
from saywhere.io.files import write_json
from saywhere.io.images import read_mask
from saywhere.metrics.statistics import hierarchical_difference
from saywhere.training.trainer import train

RECIPE = Path("configs/models/general.toml")
RUNS = Path("runs/together")
RESULT = Path(__file__).parents[1] / "results" / "together.json"
ALL = "five"
SEEDS = (0, 1, 2)
EQUAL = {"polyp": 3, "skin lesion": 3, "infection": 3, "breast tumor": 3}
"""Lungs are three targets: left, right and both have a share of 1 each."""
STEPS = 400
"""Of a set alone; five sets take five times as many together."""
MOST_TESTED = 200
"""Test images of a set."""
RESAMPLES = 2000
KINDS = {"right": "dice", "blank": "dice", "foreign": "is_empty"}
"""Kind of prompt → what counts of its answers."""


def main(folder: str, *options: str) -> None:
    """Make what is missing, or the table."""
    if "--table" in options:
        write_json(RESULT, _table())
        return
    for seed in SEEDS:
        for cell in (ALL, *SOURCES):
            place = RUNS / f"{cell}-{seed}.json"
            if not place.exists():
                write_json(place, _cell(Path(folder), cell, seed))
                print(place, flush=True)


def _cell(folder: Path, cell: str, seed: int) -> dict[str, Any]:
    """Train one network, and ask it about its sets."""
    config = _config(folder / f"{'manifest' if cell == ALL else cell}.jsonl", cell, seed)
    segmenter = load(train(config, RUNS / f"{cell}-{seed}", resume=True))
    sets = SOURCES if cell == ALL else (cell,)
    return {
        "config": config.model_dump(mode="json", exclude={"data": {"manifest"}}),
        "sets": {name: _asked(segmenter, folder, name) for name in sets},
    }


def _config(manifest: Path, cell: str, seed: int) -> Config:
    """The recipe of `general`, smaller and shorter."""
    n_sets = len(SOURCES) if cell == ALL else 1
    epochs = STEPS * n_sets // 100
    return as_config(RECIPE).replace(
        **{
            "data.manifest": str(manifest),
            "data.size": 160,
            "data.shares": EQUAL if cell == ALL else {},
            "data.mosaic": 0.0,
            "data.half": 0.0,
            "fusion.words_first": 200,
            "network.name": "lite",
            "train.epochs": epochs,
            "train.validate_every": epochs,
            "train.seed": seed,
        }
    )


def _asked(segmenter: Segmenter, folder: Path, name: str) -> dict[str, list[float]]:
    """Kind → Dice of each test image, or whether its mask is empty where the words are foreign."""
    rows = _some(folder, name)
    # The same ones for every network and seed.
    random = seeds.generator(0, f"together {name}")
    foreign = [_some(folder, other) for other in SOURCES if is_foreign(name, other)]
    others = list(chain.from_iterable(foreign))
    lenders = [others[int(random.integers(len(others)))] for _ in rows]
    prompts = {
        "right": [row.prompts["check"][0] for row in rows],
        "blank": [""] * len(rows),
        "foreign": [row.prompts["check"][0] for row in lenders],
    }
    answers = {kind: answers_of(segmenter, Asked(rows, prompts[kind])) for kind in KINDS}
    values = {kind: map(itemgetter(KINDS[kind]), answers[kind]) for kind in KINDS}
    return {kind: list(of_kind) for kind, of_kind in values.items()}


def _some(folder: Path, name: str) -> list[Row]:
    """Test images of a set where something is marked."""
    rows = test_rows(folder / f"{name}.jsonl")
    order = seeds.generator(0, f"together {name}").permutation(len(rows))
    marked = (rows[number] for number in order if _marks(rows[number]))
    return [row for _, row in zip(range(MOST_TESTED), marked)]


def _marks(row: Row) -> bool:
    return row.mask is not None and bool(read_mask(row.mask).any())


def _table() -> dict[str, Any]:
    cells = {place.stem: json.loads(place.read_text()) for place in RUNS.glob("*-?.json")}
    together = [cells[f"{ALL}-{seed}"] for seed in SEEDS]
    return {
        "command": "python benchmarks/measure/together.py FOLDER",
        "steps": STEPS,
        "size_px": together[0]["config"]["data"]["size"],
        "network": together[0]["config"]["network"]["name"],
        "seeds": list(SEEDS),
        "sets": {name: _compared(name, cells) for name in SOURCES},
    }


def _compared(name: str, cells: dict[str, Any]) -> dict[str, Any]:
    """One set's means, and the differences over seeds and images."""
    ours = _kinds(cells, ALL, name)
    theirs = _kinds(cells, name, name)
    return {
        "n": ours["right"].shape[1],
        "together": {kind: float(values.mean()) for kind, values in ours.items()},
        "alone": {kind: float(values.mean()) for kind, values in theirs.items()},
        "each_seed": ours["right"].mean(axis=1).round(4).tolist(),
        "against": asdict(hierarchical_difference(ours["right"], theirs["right"], RESAMPLES, 0)),
        "words": asdict(hierarchical_difference(ours["right"], ours["blank"], RESAMPLES, 0)),
        "words_alone": asdict(
            hierarchical_difference(theirs["right"], theirs["blank"], RESAMPLES, 0)
        ),
    }


def _kinds(cells: dict[str, Any], cell: str, name: str) -> dict[str, np.ndarray]:
    """Kind → (seeds, images), what a network answered about a set."""
    sets = [cells[f"{cell}-{seed}"]["sets"][name] for seed in SEEDS]
    return {kind: np.array(list(map(itemgetter(kind), sets))) for kind in KINDS}


if __name__ == "__main__":
    main(*sys.argv[1:])
