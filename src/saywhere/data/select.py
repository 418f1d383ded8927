"""Which rows of which manifest a verb works on."""

from __future__ import annotations

from pathlib import Path

from saywhere import seeds
from saywhere.config import Config
from saywhere.data.manifest import Manifest, Row, read_manifest, subset
from saywhere.data.prompt_table import texts_of
from saywhere.errors import ConfigError, MissingFile


def manifest_of(config: Config) -> Manifest:
    """Read `data.manifest`, and of it the rows of `data.ids` where that is set.

    Args:
        config: the resolved configuration.

    Returns:
        The manifest; lines that are no row are in its `bad`.

    Raises:
        ConfigError: `data.manifest` is not set.
        MissingFile: the manifest or the list of ids is not there.
        ManifestError: the manifest is broken, or an id is no row's.
    """
    if config.data.manifest is None:
        raise ConfigError(
            "data.manifest is not set",
            remedy="set it in the configuration, or --set data.manifest=PATH",
        )
    manifest = read_manifest(Path(config.data.manifest), lenient=True)
    return manifest if config.data.ids is None else subset(manifest, Path(config.data.ids))


def data_of(config: Config, manifest: Path | None) -> Manifest:
    """Read other data where that is named, else the configuration's own.

    Args:
        config: the resolved configuration.
        manifest: the other data's; None for the configuration's.

    Returns:
        The manifest; lines that are no row are in its `bad`.

    Raises:
        MissingFile: the manifest is not there, or none is known.
        ManifestError: the manifest is broken.
    """
    if manifest is None and config.data.manifest is None:
        raise MissingFile(
            "no manifest: a model that was passed on does not know where your data lies",
            remedy="name it with --data",
        )
    # Leniently: lines that are no row are set aside as faulty rows are, by the fault budget.
    return read_manifest(manifest, lenient=True) if manifest else manifest_of(config)


def rows_of(manifest: Manifest, split: str, remedy: str) -> list[Row]:
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


def limited(manifest: Manifest, config: Config) -> list[Row]:
    """Give the training rows, or `data.limit` of them.

    Args:
        manifest: whose rows.
        config: the resolved configuration; `train.seed` draws the rows.

    Returns:
        Rows in the manifest's order.

    Raises:
        ConfigError: the training split has no rows.
    """
    rows = rows_of(manifest, config.data.train_split, "set data.train_split")
    if config.data.limit is None or config.data.limit >= len(rows):
        return rows
    # The start of one permutation: a smaller limit's rows are among a larger one's.
    chosen = seeds.generator(config.train.seed, "limit").permutation(len(rows))[: config.data.limit]
    return [rows[i] for i in sorted(chosen)]


def evaluation_prompt(row: Row, config: Config) -> str:
    """Give the one sentence that a row is evaluated with.

    Args:
        row: of a manifest.
        config: the resolved configuration.

    Returns:
        The first one of the level `text.evaluate_prompts`; blank for an image-only model.

    Raises:
        ConfigError: the row has no such level.
    """
    if not config.fusion.uses_text:
        return ""
    return texts_of(row, config.text.evaluate_prompts, "text.evaluate_prompts")[0]
