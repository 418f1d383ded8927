"""A fixed subset of a manifest, as a file of ids: of each split those whose ids have the smallest
SHA-256, so that nobody chose them.

python benchmarks/measure/subset.py ../shared/data/qata/annotations.jsonl train=1000 val=100
test=500 > benchmarks/grids/base/qata_ids.txt
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from saywhere.data.manifest import read_manifest


def ids_of(manifest: Path, wanted: dict[str, int]) -> list[str]:
    """The ids in the manifest's order."""
    read = read_manifest(manifest)
    digest = {row.id: hashlib.sha256(row.id.encode()).hexdigest() for row in read.rows}
    chosen = {
        row.id
        for split, n in wanted.items()
        for row in sorted(read.split(split), key=lambda row: digest[row.id])[:n]
    }
    return [row.id for row in read.rows if row.id in chosen]


if __name__ == "__main__":
    counts = dict(argument.split("=") for argument in sys.argv[2:])
    print("\n".join(ids_of(Path(sys.argv[1]), {split: int(n) for split, n in counts.items()})))
