"""Referring phantoms, drawn on the spot: the demo's set, and one that needs no download."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from saywhere.data.manifest import read_manifest
from saywhere.datasets.layout import Prepared
from saywhere.datasets.synthetic import make_phantoms

SEED = 2510
SIZE = 64


def prepare_phantoms(target: Path) -> Prepared:
    """128 images to train on, 16 to validate, 100 to test, of 64 px; each of their lesions is a row. Raises NotWritable."""
    manifest = make_phantoms(target, n_train=128, n_val=16, n_test=100, size=SIZE, seed=SEED)
    return Prepared(manifest, dict(Counter(row.split for row in read_manifest(manifest).rows)))
