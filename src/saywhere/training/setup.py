"""What a training needs, made ready before the first step: checked rows, decoded store, embedded prompts, fitted scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from saywhere.config import Config
from saywhere.data import mosaic
from saywhere.data.checks import CheckReport, check, within_budget
from saywhere.data.dataset import Dataset
from saywhere.data.decoded_cache import Store
from saywhere.data.manifest import Manifest, Row
from saywhere.data.prompt_table import PromptTable, embed, groups_of_meaning, texts_of, wordless
from saywhere.data.select import evaluation_prompt, limited, manifest_of
from saywhere.data.training_prompts import levels_of, same_place, training_prompts, versions
from saywhere.data.training_set import TrainingSet
from saywhere.errors import ConfigError, nearest
from saywhere.modeling.build import reads_tokens_of
from saywhere.prompt_policies import PromptPolicy, open_policy
from saywhere.text.cache import EmbeddingCache
from saywhere.text.encoder import Encoder, open_encoder
from saywhere.text.whitening import EmbeddingScale, fit, one_vector, spread_of


@dataclass(frozen=True)
class Material:
    """Everything but the model."""

    report: CheckReport
    training: TrainingSet
    validation_rows: list[Row]
    validation: Dataset
    table: PromptTable
    scale: EmbeddingScale | None
    encoder: Encoder | None
    policy: PromptPolicy
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
    dataset = _decoded(config, train)
    validation_rows = report.manifest.split(config.data.validation_split) or train[:64]
    validation, asked = _validation(config, validation_rows)
    encoder, scale, table, policy = None, None, wordless(), open_policy(config, train)
    if config.fusion.uses_text:
        encoder, spoken = open_encoder(config.text), training_prompts(config, train)
        cache = EmbeddingCache(encoder, tokens=reads_tokens_of(config))
        changed = [text for prompt in dict.fromkeys(spoken) for text in policy.sentences(prompt)]
        table = embed(spoken + changed + asked, cache)
        scale = fitted_scale(config, train, spoken, table)
    return Material(
        report,
        TrainingSet(config, dataset, table),
        validation_rows,
        validation,
        table,
        scale,
        encoder,
        policy,
        asked,
    )


def _validation(config: Config, rows: list[Row]) -> tuple[Dataset, list[str]]:
    """Pictures and what is said of them; of a model that learns from mosaics alone, mosaics, for it knows nothing of single images."""
    dataset = _decoded(config, rows)
    if config.data.mosaic < 1:
        return dataset, [evaluation_prompt(row, config) for row in rows]
    drawn = mosaic.draw(
        dataset, len(rows), config.train.seed, config.data.target, config.data.mosaic_side
    )
    said = drawn.right if config.fusion.uses_text else [""] * len(rows)
    decoded = Store(drawn.images, drawn.masks, np.arange(len(rows)))
    size, channels = config.data.size, config.data.channels
    return Dataset.of_rows(rows, size=size, channels=channels, decoded=decoded), said


def _decoded(config: Config, rows: list[Row]) -> Dataset:
    """Decoded at once: a file that is missing is an error before the first step."""
    dataset = Dataset.of_rows(rows, size=config.data.size, channels=config.data.channels)
    dataset.decode()
    return dataset


def checked(config: Config) -> CheckReport:
    """The manifest's clean rows. Raises ConfigError for prompts that it has not, TooManyFaults over `data.fault_budget`."""
    manifest = manifest_of(config)
    levels = _levels(config, manifest) if config.fusion.uses_text else []
    report = within_budget(
        check(manifest, levels), manifest.n_lines, config.data.fault_budget, "data.fault_budget"
    )
    if levels and (unseen := config.text.unseen_prompts):
        for row in report.manifest.split(config.data.test_split):
            texts_of(
                row, unseen, "text.unseen_prompts"
            )  # else the evaluation would say so, after the training
    return report


def _levels(config: Config, manifest: Manifest) -> list[str]:
    """The prompt levels that each row must have. Raises ConfigError, naming the key, for one that no row has."""
    text, asked = config.text, [("train_prompts", level) for level in levels_of(config)]
    asked.append(("evaluate_prompts", text.evaluate_prompts))
    if text.unseen_prompts is not None and manifest.split(
        config.data.test_split
    ):  # without test rows, nothing asks for it
        asked.append(("unseen_prompts", text.unseen_prompts))
    for key, level in asked:
        if level not in manifest.levels:
            advice = (
                nearest(level, manifest.levels)
                if manifest.levels
                else "write prompts, or set fusion.name = 'none'"
            )
            raise ConfigError(
                f"no prompts named {level!r}",
                where=f"{manifest.path}, which text.{key} asks for",
                remedy=advice,
            )
    return list(dict.fromkeys([*levels_of(config), text.evaluate_prompts]))


def fitted_scale(
    config: Config, rows: Sequence[Row], spoken: Sequence[str], table: PromptTable
) -> EmbeddingScale:
    """`text.scale` on the distinct training prompts."""
    groups = groups_of_meaning(rows, levels_of(config), table, partial(versions, config=config))
    for same in same_place(config):
        groups[table.numbers(same)] = table.number[same[0]]
    chosen = sorted(set(table.numbers(spoken).tolist()))
    return fit(
        one_vector(table.embeddings[chosen]).numpy(), groups[chosen].tolist(), config.text.scale
    )
