"""What a training needs, made ready before the first step: checked rows, decoded store, embedded prompts, fitted scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from saywhere import seeds
from saywhere.config import Config
from saywhere.data import mosaic
from saywhere.data.dataset import TrainingSet, levels_of, same_place, training_prompts, versions
from saywhere.data.manifest import Manifest, Row, read_manifest, subset
from saywhere.data.prompt_table import PromptTable, embed, groups_of_meaning, texts_of, wordless
from saywhere.data.store import Store, open_store
from saywhere.data.validate import CheckReport, check, within_budget
from saywhere.engine.arms import Arm, open_arm
from saywhere.engine.build import reads_tokens_of
from saywhere.errors import ConfigError, MissingFile, nearest
from saywhere.io.places import cache_folder
from saywhere.text.cache import EmbeddingCache
from saywhere.text.encoder import Encoder, open_encoder
from saywhere.text.scale import EmbeddingScale, fit, one_vector, spread_of


@dataclass(frozen=True)
class Material:
    """Everything but the model."""

    report: CheckReport
    training: TrainingSet
    validation_rows: list[Row]
    validation: Store
    table: PromptTable
    scale: EmbeddingScale | None
    encoder: Encoder | None
    arm: Arm
    validation_prompts: list[str]
    """one a picture of `validation`"""

    @cached_property
    def noise_std(self) -> float:
        """σ of the noise on the scaled embedding: `text.noise` is in spreads of the training's prompts, which `text.scale` brings to 1 unless it is none."""
        text = self.training.config.text
        if self.scale is None or text.scale != "none":
            return text.noise
        return text.noise * spread_of(self.scale, self.table.embeddings)


def gather(config: Config) -> Material:
    """Check, decode, embed, fit. Raises ConfigError, ManifestError, TooManyFaults and what encoders and files raise."""
    report = checked(config)
    train = limited(report.manifest, config)
    stores = cache_folder() / "stores"
    store = open_store(train, config.data.size, config.data.channels, stores)
    validation_rows = report.manifest.split(config.data.validation_split) or train[:64]
    validation, asked = _validation(config, validation_rows, stores)
    encoder, scale, table, arm = None, None, wordless(), open_arm(config, train)
    if config.fusion.name != "none":
        encoder, spoken = open_encoder(config.text), training_prompts(config, train)
        cache = EmbeddingCache(encoder, tokens=reads_tokens_of(config))
        changed = [text for prompt in dict.fromkeys(spoken) for text in arm.sentences(prompt)]
        table = embed(spoken + changed + asked, cache)
        scale = fitted_scale(config, train, spoken, table)
    return Material(
        report,
        TrainingSet(config, train, store, table),
        validation_rows,
        validation,
        table,
        scale,
        encoder,
        arm,
        asked,
    )


def _validation(config: Config, rows: list[Row], stores: Path) -> tuple[Store, list[str]]:
    """Pictures and what is said of them; of a model that learns from mosaics alone, mosaics, for it knows nothing of single images."""
    store = open_store(rows, config.data.size, config.data.channels, stores)
    if config.data.mosaic < 1:
        return store, [evaluation_prompt(row, config) for row in rows]
    drawn = mosaic.draw(store, len(rows), config.train.seed, config.data.target, config.data.mosaic_side)
    said = drawn.right if config.fusion.name != "none" else [""] * len(rows)
    return Store(drawn.images, drawn.masks, np.arange(len(rows))), said


def checked(config: Config) -> CheckReport:
    """The manifest's clean rows. Raises ConfigError for prompts that it has not, TooManyFaults over `data.fault_budget`."""
    manifest = manifest_of(config)
    levels = _levels(config, manifest) if config.fusion.name != "none" else []
    report = within_budget(check(manifest, levels), manifest.n_lines, config.data.fault_budget, "data.fault_budget")
    if levels and (unseen := config.text.unseen_prompts):
        for row in report.manifest.split(config.data.test_split):
            texts_of(row, unseen, "text.unseen_prompts")  # else the evaluation would say so, after the training
    return report


def _levels(config: Config, manifest: Manifest) -> list[str]:
    """The prompt levels that each row must have. Raises ConfigError, naming the key, for one that no row has."""
    text, asked = config.text, [("train_prompts", level) for level in levels_of(config)]
    asked.append(("evaluate_prompts", text.evaluate_prompts))
    if text.unseen_prompts is not None and manifest.split(config.data.test_split):  # without test rows, nothing asks for it
        asked.append(("unseen_prompts", text.unseen_prompts))
    for key, level in asked:
        if level not in manifest.levels:
            advice = nearest(level, manifest.levels) if manifest.levels else "write prompts, or set fusion.name = 'none'"
            raise ConfigError(f"no prompts named {level!r}", where=f"{manifest.path}, which text.{key} asks for", remedy=advice)
    return list(dict.fromkeys([*levels_of(config), text.evaluate_prompts]))


def manifest_of(config: Config) -> Manifest:
    """`data.manifest`, and of it the rows of `data.ids` where that is set. Raises ConfigError, MissingFile, ManifestError."""
    if config.data.manifest is None:
        raise ConfigError("data.manifest is not set", remedy="set it in the configuration, or --set data.manifest=PATH")
    manifest = read_manifest(Path(config.data.manifest), lenient=True)
    return manifest if config.data.ids is None else subset(manifest, Path(config.data.ids))


def data_of(config: Config, manifest: Path | None) -> Manifest:
    """Other data where that is named, else the configuration's own. Raises MissingFile, ConfigError, ManifestError."""
    if manifest is None and config.data.manifest is None:
        raise MissingFile("no manifest: a model that was passed on does not know where your data lies", remedy="name it with --data")
    return read_manifest(manifest, lenient=True) if manifest else manifest_of(config)


def rows_of(manifest: Manifest, split: str, remedy: str) -> list[Row]:
    """The rows of a split that must be there. Raises ConfigError."""
    rows = manifest.split(split)
    if not rows:
        raise ConfigError(f"no rows of split {split!r}", where=manifest.path, allowed=f"splits there: {', '.join(manifest.splits)}", remedy=remedy)
    return rows


def limited(manifest: Manifest, config: Config) -> list[Row]:
    """The training rows, or `data.limit` of them drawn by the seed."""
    rows = rows_of(manifest, config.data.train_split, "set data.train_split")
    if config.data.limit is None or config.data.limit >= len(rows):
        return rows
    chosen = seeds.generator(config.train.seed, "limit").permutation(len(rows))[: config.data.limit]
    return [rows[i] for i in sorted(chosen)]


def fitted_scale(config: Config, rows: Sequence[Row], spoken: Sequence[str], table: PromptTable) -> EmbeddingScale:
    """`text.scale` on the distinct training prompts."""
    groups = groups_of_meaning(rows, levels_of(config), table, partial(versions, config=config))
    for same in same_place(config):
        groups[table.numbers(same)] = table.number[same[0]]
    chosen = sorted(set(table.numbers(spoken).tolist()))
    return fit(one_vector(table.embeddings[chosen]).numpy(), groups[chosen].tolist(), config.text.scale)


def evaluation_prompt(row: Row, config: Config) -> str:
    """The one sentence that a row is evaluated with: the first of its level; none for an image-only model."""
    return "" if config.fusion.name == "none" else texts_of(row, config.text.evaluate_prompts, "text.evaluate_prompts")[0]
