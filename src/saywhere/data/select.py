"""Which rows of which manifest a verb works on."""

from __future__ import annotations

from pathlib import Path

from saywhere import seeds
from saywhere.config import DataConfig
from saywhere.data.folds import in_folds, in_own_folds
from saywhere.data.manifest import Manifest, read_manifest, subset
from saywhere.data.manifest_row import Row, texts_of
from saywhere.data.rows import Rows
from saywhere.errors import ConfigError, MissingFile


def manifest_of(data: DataConfig) -> Manifest:
    """Read `data.manifest`, and of it the rows of `data.ids` where that is set.

    Where `data.fold` is set, each row's split is that of its fold.

    Args:
        data: names the manifest, and the list of ids.

    Returns:
        The manifest; lines that are no row are in its `bad`.

    Raises:
        ConfigError: `data.manifest` is not set, or has no such fold.
        MissingFile: the manifest or the list of ids is not there.
        ManifestError: the manifest is broken, or an id is no row's.
    """
    if data.manifest is None:
        raise ConfigError(
            "data.manifest is not set",
            remedy="set it in the configuration, or --set data.manifest=PATH",
        )
    manifest = read_manifest(Path(data.manifest), lenient=True)
    chosen = manifest if data.ids is None else subset(manifest, Path(data.ids))
    return in_folds(chosen, data)


def data_of(data: DataConfig, manifest: Path | None) -> Manifest:
    """Read other data where that is named, else the configuration's own.

    Args:
        data: of the configuration.
        manifest: the other data's; None for the configuration's.

    Returns:
        The manifest; lines that are no row are in its `bad`.

    Raises:
        MissingFile: the manifest is not there, or none is known.
        ManifestError: the manifest is broken.
    """
    if manifest is None and data.manifest is None:
        raise MissingFile(
            "no manifest: a model that was passed on does not know where your data lies",
            remedy="name it with --data",
        )
    if not manifest:
        return manifest_of(data)
    # Leniently: lines that are no row are set aside as faulty rows are, by the fault budget.
    return in_own_folds(read_manifest(manifest, lenient=True), data)


def rows_of(manifest: Manifest, split: str, remedy: str) -> Rows:
    """Give the rows of a split that must be there.

    Args:
        manifest: whose rows.
        split: its name.
        remedy: what to do where there is no such split.

    Returns:
        At least one row.

    Raises:
        ConfigError: the split has no rows.
    """
    rows = manifest.split(split)
    if not rows:
        raise ConfigError(
            f"no rows of split {split!r}",
            where=manifest.path,
            allowed=f"splits there: {', '.join(manifest.splits)}",
            remedy=remedy,
        )
    return rows


def limited(manifest: Manifest, data: DataConfig, seed: int) -> Rows:
    """Give the training rows, or `data.limit` of them.

    Args:
        manifest: whose rows.
        data: its `train_split` and `limit` are read.
        seed: draws the rows.

    Returns:
        Rows in the manifest's order.

    Raises:
        ConfigError: the training split has no rows.
    """
    rows = rows_of(manifest, data.train_split, "set data.train_split")
    if data.limit is None or data.limit >= len(rows):
        return rows
    # The start of one permutation: a smaller limit's rows are among a larger one's.
    chosen = seeds.generator(seed, "limit").permutation(len(rows))[: data.limit]
    return rows.chosen(sorted(chosen))


def evaluation_prompt(row: Row, level: str | None) -> str:
    """Give the one sentence that a row is evaluated with.

    Args:
        row: of a manifest.
        level: `Config.evaluation_level`; None for an image-only model.

    Returns:
        The first one of that level; blank for None.

    Raises:
        ConfigError: the row has no such level.
    """
    return "" if level is None else texts_of(row, level, "text.evaluate_prompts")[0]
