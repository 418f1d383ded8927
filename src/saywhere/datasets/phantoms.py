"""Referring phantoms, drawn on the spot: the demo's set, and one that needs no download."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from saywhere.data.file_checks import Progress
from saywhere.data.manifest import read_manifest
from saywhere.datasets.set_writer import Prepared
from saywhere.datasets.synthetic import make_phantoms
from saywhere.errors import UsageError
from saywhere.io.files import keep_earlier

SEED = 2510
SIZE = 64


def prepare_phantoms(
    source: Path | None, target: Path, progress: Progress | None = None
) -> Prepared:
    """Draw 128 images to train on, 16 to validate on and 100 to test, of 64 × 64 pixels.

    Each of their lesions is a row.

    Args:
        source: None: phantoms are drawn, not read.
        target: the folder to write to.
        progress: not called, since drawing takes seconds.

    Returns:
        What was written.

    Raises:
        UsageError: a source is given.
        NotWritable: the folder cannot be written.
    """
    refuse_source(source)
    # Drawing begins with the removal of a manifest, which may be another set's.
    place = target / "manifest.jsonl"
    earlier = keep_earlier(place, b"")
    manifest = make_phantoms(target, n_train=128, n_val=16, n_test=100, size=SIZE, seed=SEED)
    counts = Counter(row.split for row in read_manifest(manifest).rows)
    return Prepared(manifest, dict(counts), told_of_earlier(earlier, manifest))


def refuse_source(source: Path | None) -> None:
    """Refuse a folder to read phantoms from.

    Args:
        source: what --from names; None without it.

    Raises:
        UsageError: a source is given.
    """
    if source is not None:
        raise UsageError("phantoms are drawn, not read from --from", remedy="leave --from out")


def told_of_earlier(earlier: Path | None, manifest: Path) -> list[str]:
    """Tell of another set's manifest that lay there; an equal one is removed.

    Args:
        earlier: the kept copy of what lay there; None where nothing did.
        manifest: that was written.

    Returns:
        At most one warning.
    """
    if earlier is None:
        return []
    if earlier.read_bytes() == manifest.read_bytes():
        earlier.unlink()
        return []
    return [f"{manifest.parent} held another manifest: it is kept as {earlier.name}"]
