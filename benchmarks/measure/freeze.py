"""Freeze finished tables: TABLE/CELL.json … become TABLE.csv.gz and TABLE.json. And back.

    python benchmarks/measure/freeze.py lungs_fusions learning_lungs
    python benchmarks/measure/freeze.py --all             every table that has cell files
    python benchmarks/measure/freeze.py --again           write every frozen table anew
    python benchmarks/measure/freeze.py --thaw lungs_fusions      two files become cell files

What was written is read back and compared with what was there, value for value, before that is
removed. `saywhere compare`, `saywhere experiment` and the programs that make the pages read both
forms.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from saywhere.errors import SaywhereError
from saywhere.experiments.frozen import TABLE, freeze, places, tables_in, thaw
from saywhere.experiments.results import read_results

RESULTS = Path(__file__).parents[1] / "results"


def freeze_folder(folder: Path) -> int:
    """Freeze a table, compare what a program reads before and after, and remove its folder.

    Args:
        folder: of the table. A table that is frozen already, without a folder, is written anew.

    Returns:
        The number of its cells.

    Raises:
        SystemExit: where what is read is not what it was; the folder is as it was then.
    """
    before = _contents(folder)
    cells = freeze(folder).cells
    if not folder.is_dir():
        return len(cells)
    aside = folder.with_name(f".{folder.name}.frozen")
    folder.rename(aside)
    if _contents(folder) != before:
        aside.rename(folder)
        raise SystemExit(f"{folder}: what is read is not what it was; the folder is as it was")
    shutil.rmtree(aside)
    return len(cells)


def thaw_table(folder: Path) -> int:
    """Write a frozen table's cell files, compare what a program reads, and remove the two files.

    Args:
        folder: where the table's folder lay.

    Returns:
        The number of cells that were frozen.

    Raises:
        SystemExit: where what is read is not what it was; the two frozen files are left then.
    """
    before = _contents(folder)
    cells = thaw(folder).cells
    frozen = {place: place.read_bytes() for place in places(folder)}
    for place in frozen:
        place.unlink()
    if _contents(folder) != before:
        for place, content in frozen.items():
            place.write_bytes(content)
        raise SystemExit(f"{folder}: what is read is not what it was; the frozen files are left")
    return len(cells)


def _contents(folder: Path) -> str:
    """What a program reads of a table, as text: 1 and 1.0 are not the same."""
    table = read_results(folder)
    return json.dumps([table.about, table.results])


def main() -> None:
    """Freeze or thaw the tables that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("table", nargs="*", help="a table of benchmarks/results")
    parser.add_argument("--all", action="store_true", help="every table that has cell files")
    parser.add_argument("--again", action="store_true", help="write every frozen table anew")
    parser.add_argument("--thaw", action="store_true", help="make cell files of frozen tables")
    options = parser.parse_args()
    names = [Path(name).name for name in options.table]
    if options.all:
        names = sorted(place.parent.name for place in RESULTS.glob(f"*/{TABLE}"))
    elif options.again:
        names = [name for name in tables_in(RESULTS) if not (RESULTS / name).is_dir()]
    change = thaw_table if options.thaw else freeze_folder
    for name in names:
        try:
            print(f"{name}: {change(RESULTS / name)} cells")
        except SaywhereError as error:
            parser.exit(error.exit_code, f"{error}\n")


if __name__ == "__main__":
    main()
