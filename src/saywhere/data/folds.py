"""Folds of a manifest: each case is tested once, by a model that has not seen it."""

from __future__ import annotations

from dataclasses import replace

from saywhere.config import DataConfig
from saywhere.data.manifest import Manifest
from saywhere.data.manifest_row import Row
from saywhere.data.rows import Rows
from saywhere.errors import ConfigError, ManifestError

COLUMN = "fold"
"""A manifest's column: 1, 2 … for each row."""
FEWEST = 3
"""One to test, one to choose the best epoch by, and the rest to train on."""


def fold_of(row: Row) -> int | None:
    """The fold of a row.

    Args:
        row: of a manifest.

    Returns:
        Its number from 1; None where the row has no fold.

    Raises:
        ManifestError: what stands there is no whole number from 1.
    """
    value = row.extra.get(COLUMN)
    if value is None or value == "":
        return None
    # A CSV holds texts alone. True counts as 1 in Python, and is no fold.
    text = "" if isinstance(value, bool) else str(value).strip()
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ManifestError(
            f"fold is {str(value)[:40]!r}",
            where=f"row {row.number}, column {COLUMN}",
            allowed="a whole number from 1",
            remedy="mend it, or write the folds with `saywhere prepare folder --folds 5`",
        )
    return int(text)


def role(fold: int, tested: int, n_folds: int) -> str:
    """What a fold serves for while one is tested.

    Args:
        fold: from 1.
        tested: the fold that is tested.
        n_folds: how many there are.

    Returns:
        test for the tested fold, val for the one after it (the first one after the last), else
        train. So the best epoch is never chosen on the cases that are tested.
    """
    if fold == tested:
        return "test"
    return "val" if fold == tested % n_folds + 1 else "train"


def in_folds(manifest: Manifest, data: DataConfig) -> Manifest:
    """Give each row the split that its fold has while `data.fold` is tested.

    Args:
        manifest: with a column `fold`.
        data: its `fold`, and the names of the splits.

    Returns:
        The manifest with these splits; the same one where `data.fold` is not set.

    Raises:
        ConfigError: there are no folds, too few, or no such one.
        ManifestError: a fold is no number, or rows lack one.
    """
    if data.fold is None:
        return manifest
    folds = [fold_of(row) for row in manifest.rows]
    known = sorted({fold for fold in folds if fold is not None})
    _check(manifest, data.fold, known)
    names = {"train": data.train_split, "val": data.validation_split, "test": data.test_split}

    def in_its_split(row: Row, fold: int | None) -> Row:
        if fold is None:
            raise ManifestError(
                "no fold, while other rows have one",
                where=f"{manifest.path}, row {row.number}, column {COLUMN}",
                remedy="give each row a fold, or none",
            )
        assert data.fold is not None
        return replace(row, split=names[role(fold, data.fold, len(known))])

    return replace(manifest, rows=Rows(map(in_its_split, manifest.rows, folds)))


def in_own_folds(manifest: Manifest, data: DataConfig) -> Manifest:
    """Do the same for other data than the configuration's, which need not have folds.

    It may be the same data under another path: its own splits would test on what was trained on.

    Args:
        manifest: with or without a column `fold`.
        data: see `in_folds`.

    Returns:
        The manifest with these splits; the same one where it has no folds.

    Raises:
        ConfigError: see `in_folds`.
        ManifestError: see `in_folds`.
    """
    has_folds = any(fold_of(row) is not None for row in manifest.rows)
    return in_folds(manifest, data) if has_folds else manifest


def _check(manifest: Manifest, tested: int, known: list[int]) -> None:
    if not known:
        raise ConfigError(
            f"data.fold is {tested}, and the manifest has no folds",
            where=manifest.path,
            remedy="write a column `fold`, for instance with `saywhere prepare folder --folds 5`",
        )
    if known != list(range(1, len(known) + 1)) or len(known) < FEWEST:
        raise ConfigError(
            f"folds {', '.join(map(str, known[:10]))}",
            where=manifest.path,
            allowed=f"1, 2 … without a gap, {FEWEST} or more",
            remedy="number them anew, or write them with `saywhere prepare folder --folds 5`",
        )
    if tested not in known:
        raise ConfigError(
            f"data.fold is {tested}", where=manifest.path, allowed=f"folds 1 to {len(known)}"
        )
