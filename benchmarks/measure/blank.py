"""What a blank prompt costs: python benchmarks/measure/blank.py NAME RUN ALONE [--keep]

`RUN`: a run of the model `NAME`; `ALONE`: one of an image-only network on the same images (`make
alone`); both were evaluated. Prints the Dice per case with words, without words, and of the
image-only network, and the paired difference of the last two; --keep writes it to
benchmarks/results/blank/NAME.json.
"""

from __future__ import annotations

import argparse
import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from saywhere.config import read
from saywhere.io.csv_cells import text_of
from saywhere.io.files import write_json
from saywhere.metrics.statistics import bootstrap_mean, paired_difference

RESULTS = Path(__file__).parents[1] / "results" / "blank"
RECIPES = Path(__file__).parents[2] / "configs" / "models"
RESAMPLES, SEED = 2000, 0


def main(name: str, run: Path, alone: Path) -> dict[str, Any]:
    """Both means and their difference, over the same cases."""
    blank, right, image = dice_of(run, "empty"), dice_of(run, "right"), dice_of(alone, "right")
    if set(blank) != set(image):
        raise SystemExit(
            f"{run} was evaluated on other cases ({len(blank)}) than {alone} ({len(image)})"
        )
    ids = sorted(blank)
    ours = [blank[case] for case in ids]
    words = [right[case] for case in ids]
    theirs = [image[case] for case in ids]
    return {
        "name": name,
        "n": len(ids),
        "steps": {"model": steps_of_model(name), "image only": steps_of_run(alone)},
        **{
            key: asdict(bootstrap_mean(values, RESAMPLES, SEED))
            for key, values in (("right", words), ("blank", ours), ("image only", theirs))
        },
        "difference": asdict(paired_difference(ours, theirs, RESAMPLES, SEED)),
    }


def dice_of(run: Path, words: str) -> dict[str, float]:
    """Case → Dice, of one kind of words."""
    with (run / "evaluation" / "cases.csv").open(newline="", encoding="utf-8") as sheet:
        return {
            text_of(row["id"]): float(row["dice"])
            for row in csv.DictReader(sheet)
            if row["words"] == words
        }


def steps_of_model(name: str) -> int:
    """Of all the parts of its recipe."""
    paths = [RECIPES / part / f"{name}.toml" for part in ("", "more", "last")]
    return sum(_steps(path) for path in paths if path.is_file())


def steps_of_run(run: Path) -> int:
    """Of this training and of those whose weights it started from."""
    before = json.loads((run / "run.json").read_text()).get("started_from")
    return _steps(run / "config.toml") + (steps_of_run(Path(before)) if before else 0)


def _steps(config: Path) -> int:
    train = read(config).train
    return train.epochs * (train.steps_per_epoch or 0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name")
    parser.add_argument("run", type=Path)
    parser.add_argument("alone", type=Path)
    parser.add_argument("--keep", action="store_true")
    asked = parser.parse_args()
    found = main(asked.name, asked.run, asked.alone)
    print(json.dumps(found, indent=2))
    if asked.keep:
        write_json(RESULTS / f"{asked.name}.json", found)
