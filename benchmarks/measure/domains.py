"""Two domains of one set, by the size of what is marked: ids of a training in one of them and a
test in another.

    python benchmarks/measure/domains.py ../shared/data/kvasir/annotations.jsonl small large \\
        > benchmarks/grids/base/kvasir_small_large_ids.txt

Small: the mask covers no more of its image than the median of the training split's masks does. The
same border parts the test split. No hospital or endoscope changes with it: an example of the table,
until a user brings another set.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from saywhere.data.manifest import read_manifest
from saywhere.data.manifest_row import Row
from saywhere.io.images import read_mask

DOMAINS = ("small", "large")


def ids_of(manifest: Path, learned: str, asked: str) -> list[str]:
    """Ids in manifest order: of `learned` in training and validation, of `asked` in the test."""
    read = read_manifest(manifest)
    area = {row.id: _area(row) for row in read.rows}
    border = float(np.median([area[row.id] for row in read.split("train")]))
    wanted = {"train": learned, "val": learned, "test": asked}
    return [
        row.id
        for row in read.rows
        if row.split in wanted and DOMAINS[area[row.id] > border] == wanted[row.split]
    ]


def _area(row: Row) -> float:
    return 0.0 if row.mask is None else float(read_mask(row.mask).mean())


if __name__ == "__main__":
    print("\n".join(ids_of(Path(sys.argv[1]), *sys.argv[2:4])))
