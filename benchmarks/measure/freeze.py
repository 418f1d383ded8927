"""Freeze finished tables: TABLE/CELL.json … become TABLE.csv.gz and TABLE.json.

    python benchmarks/measure/freeze.py lungs_fusions learning_lungs
    python benchmarks/measure/freeze.py --all

The two files are read back and compared with the folder, value for value, before it is removed.
`saywhere compare`, `saywhere experiment` and the programs that make the pages read both forms.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from saywhere.experiments.frozen import freeze
from saywhere.experiments.results import read_results

RESULTS = Path(__file__).parents[1] / "results"


def freeze_folder(folder: Path) -> int:
    """Freeze, compare what a program reads before and after, remove; returns the number of cells."""
    before = read_results(folder)
    cells = freeze(folder).cells
    kept = folder.with_name(f".{folder.name}.frozen")
    folder.rename(kept)
    after = read_results(folder)
    same = json.dumps([before.about, before.results]) == json.dumps([after.about, after.results])
    if not same:
        kept.rename(folder)
        raise SystemExit(f"{folder}: what is read is not what it was; the folder is as it was")
    shutil.rmtree(kept)
    return len(cells)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", nargs="*", help="a folder of benchmarks/results")
    parser.add_argument("--all", action="store_true", help="every table that is not frozen")
    asked = parser.parse_args()
    running = sorted(place.parent.name for place in RESULTS.glob("*/table.json"))
    for name in running if asked.all else asked.table:
        print(f"{name}: {freeze_folder(RESULTS / name)} cells")
