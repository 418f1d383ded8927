"""What a training needs, made ready before the first step: checked rows, decoded images, embedded
prompts, fitted scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from saywhere.config import Config, DataConfig
from saywhere.data import mosaic
from saywhere.data.checks import CheckReport, check, within_budget
from saywhere.data.dataset import Dataset
from saywhere.data.decoded_cache import Store
from saywhere.data.manifest import Manifest
from saywhere.data.manifest_row import Row, texts_of
from saywhere.data.prompt_frames import Framed, frame_of, in_frame
from saywhere.data.prompt_table import PromptTable, embed, groups_of_meaning, wordless
from saywhere.data.rows import Rows
from saywhere.data.select import evaluation_prompt, limited, manifest_of
from saywhere.data.targets import target_of
from saywhere.data.training_prompts import TrainingPrompts
from saywhere.data.training_set import TrainingSet
from saywhere.errors import ConfigError, nearest
from saywhere.io.framing import Framing
from saywhere.modeling.build import reads_tokens_of
from saywhere.prompt_policies import PromptPolicy, open_policy
from saywhere.text.cache import EmbeddingCache
from saywhere.text.encoder import Encoder, open_encoder
from saywhere.text.frames import FRAMES, PATIENT
from saywhere.text.prompt_facts import PromptFacts, facts_of
from saywhere.text.whitening import EmbeddingScale, fit, one_vector, spread_of

N_STAND_IN = 64
"""Training rows that are validated where a manifest has no validation rows."""


@dataclass(frozen=True)
class Material:
    """Everything but the model.

    Attributes:
        report: the check of the manifest; clean rows and those set aside.
        training: the training rows as batches.
        validation_rows: of the validation split, else the first training rows.
        validation: their decoded images and masks.
        table: the embedding of each prompt that training or validation can meet.
        scale: of the embeddings, fitted on the training prompts; None for an image-only model.
        encoder: of the prompts; None for an image-only model.
        policy: what happens to the prompt when the image is transformed.
        policy_name: as `fusion.arm` names it.
        validation_prompts: one per row of `validation`.
        prompt_facts: whose left, script and language of the training prompts.
    """

    report: CheckReport
    training: TrainingSet
    validation_rows: Rows
    validation: Dataset
    table: PromptTable
    scale: EmbeddingScale | None
    encoder: Encoder | None
    policy: PromptPolicy
    policy_name: str
    validation_prompts: list[str]
    prompt_facts: PromptFacts = field(default_factory=PromptFacts)

    @property
    def data(self) -> DataConfig:
        """What the rows were chosen by."""
        return self.training.prompts.data

    @property
    def are_held_out(self) -> bool:
        """False where the validation rows are training rows: no others exist, or were chosen."""
        split = self.data.validation_split
        return bool(self.report.manifest.split(split)) and split != self.data.train_split

    @cached_property
    def noise_std(self) -> float:
        """σ of the noise on the scaled embedding.

        `text.noise` is in spreads of the training's prompts, which `text.scale` brings to 1 unless
        it is none.
        """
        text = self.training.prompts.text
        if self.scale is None or text.scale != "none":
            return text.noise
        return text.noise * spread_of(self.scale, self.table.embeddings)


def gather(config: Config) -> Material:
    """Check, decode, embed, fit.

    Args:
        config: of the training.

    Returns:
        Everything but the model.

    Raises:
        ConfigError: for prompts or splits that the manifest has not.
        ManifestError: where the manifest cannot be read.
        TooManyFaults: over `data.fault_budget`.
        MissingEncoder: where the text encoder's files are not there.
    """
    report, framed = _in_one_frame(config, checked(config))
    train = limited(report.manifest, config.data, config.train.seed)
    dataset = _decoded(config.data, train)
    held_out = report.manifest.split(config.data.validation_split)
    validation_rows = held_out or train[:N_STAND_IN]
    validation, validation_prompts = _validation(config, validation_rows)
    levels = config.training_levels
    policy = open_policy(config.fusion.chosen_arm, config.augment, levels, train)
    sentences = TrainingPrompts(levels, config.data, config.text)
    text = _text(config, sentences, train, policy, validation_prompts)
    return Material(
        report=report,
        training=TrainingSet(sentences, config.train, dataset, text.table),
        validation_rows=validation_rows,
        validation=validation,
        table=text.table,
        scale=text.scale,
        encoder=text.encoder,
        policy=policy,
        policy_name=config.fusion.chosen_arm,
        validation_prompts=validation_prompts,
        prompt_facts=_prompt_facts(train, levels, framed),
    )


def _in_one_frame(config: Config, report: CheckReport) -> tuple[CheckReport, Framed]:
    """Translate prompts of the other frame, and find the frame that is taught.

    Validation and test are prompted in that frame too: else they would measure the wrong side.
    """
    if not config.fusion.uses_text:
        return report, Framed(config.text.frame or "")
    rows = report.manifest.rows
    if config.text.frame:
        rows = in_frame(rows, config.training_levels, config.text.frame, "text.frame")
    train = rows.where(lambda row: row.split == config.data.train_split)
    framed = frame_of(train, config.training_levels)
    _refuse_image_words(config, framed)
    if framed.frame in FRAMES:
        others = (config.text.evaluate_prompts, config.text.unseen_prompts)
        levels = [level for level in others if level]
        rows = in_frame(rows, levels, framed.frame, "text.evaluate_prompts")
    return replace(report, manifest=replace(report.manifest, rows=rows)), framed


def _refuse_image_words(config: Config, framed: Framed) -> None:
    """Halves, mosaics and recaption write plain words that name the image's sides."""
    if PATIENT not in (framed.frame, framed.plain):
        return
    written = {
        "data.half": config.data.half > 0,
        "data.mosaic": config.data.mosaic > 0,
        'fusion.arm = "recaption"': config.fusion.chosen_arm == "recaption",
    }
    for key in (key for key, is_set in written.items() if is_set):
        raise ConfigError(
            f"{key} writes sentences of the image's left and right, and the plain words of the "
            "training prompts mean the patient's",
            where=key.split(" ")[0],
            allowed="plain words of one training have one frame",
            remedy='leave it out, or train in the image\'s frame: text.frame = "image"',
        )


def _prompt_facts(rows: Sequence[Row], levels: Sequence[str], framed: Framed) -> PromptFacts:
    texts = {text for row in rows for level in levels for text in row.prompts.get(level, ())}
    return facts_of(sorted(texts), framed.frame, framed.plain)


@dataclass(frozen=True)
class _Text:
    """The prompts of a training as numbers."""

    table: PromptTable
    scale: EmbeddingScale | None
    encoder: Encoder | None


def _text(
    config: Config,
    sentences: TrainingPrompts,
    train: Sequence[Row],
    policy: PromptPolicy,
    validation_prompts: list[str],
) -> _Text:
    """Every prompt is embedded beforehand, so that no step runs the encoder."""
    if not config.fusion.uses_text:
        # An image-only model opens no encoder: its files need not be installed.
        return _Text(wordless(), None, None)
    encoder = open_encoder(config.text)
    prompts = sentences.every(train)
    cache = EmbeddingCache(encoder, tokens=reads_tokens_of(config))
    # Every sentence that the policy may turn a prompt into is embedded as well.
    changed = [text for prompt in dict.fromkeys(prompts) for text in policy.sentences(prompt)]
    table = embed(prompts + changed + validation_prompts, cache)
    return _Text(table, fitted_scale(sentences, train, prompts, table), encoder)


def _validation(config: Config, rows: Rows) -> tuple[Dataset, list[str]]:
    """Images and one prompt each.

    A model that learns from mosaics alone knows nothing of single images: it is validated on
    mosaics.
    """
    data = config.data
    dataset = _decoded(data, rows)
    if data.mosaic < 1:
        return dataset, [evaluation_prompt(row, config.evaluation_level) for row in rows]
    targets = [target_of(row, data).name for row in rows]
    drawn = mosaic.draw(dataset, len(rows), config.train.seed, targets, data.mosaic_side)
    prompts = drawn.right if config.fusion.uses_text else [""] * len(rows)
    decoded = Store(drawn.images, drawn.masks, np.arange(len(rows)))
    return Dataset.of_config(rows, data, decoded), prompts


def _decoded(data: DataConfig, rows: Rows) -> Dataset:
    """Decoded at once: a file that is missing is an error before the first step."""
    dataset = Dataset.of_config(rows, data)
    dataset.decode()
    return dataset


def checked(config: Config) -> CheckReport:
    """Check the manifest's rows.

    Args:
        config: names manifest, splits, prompts and the budget of faults.

    Returns:
        The clean rows, and those that were set aside.

    Raises:
        ConfigError: for prompts that no row has.
        TooManyFaults: over `data.fault_budget`.
    """
    manifest = manifest_of(config.data)
    levels = _levels(config, manifest) if config.fusion.uses_text else []
    report = within_budget(
        check(manifest, levels, framing=Framing.of(config.data), once=True),
        manifest.n_lines,
        config.data.fault_budget,
        "data.fault_budget",
    )
    unseen = config.text.unseen_prompts
    if levels and unseen:
        # The evaluation would refuse such a row as well, but only after the training.
        for row in report.manifest.split(config.data.test_split):
            texts_of(row, unseen, "text.unseen_prompts")
    return report


def _levels(config: Config, manifest: Manifest) -> list[str]:
    """The prompt levels that each row must have; ConfigError names the key of a missing one."""
    text = config.text
    trained = config.training_levels
    wanted = [("train_prompts", level) for level in trained]
    wanted.append(("evaluate_prompts", text.evaluate_prompts))
    # Without test rows, nothing reads the unseen wordings.
    if text.unseen_prompts is not None and manifest.split(config.data.test_split):
        wanted.append(("unseen_prompts", text.unseen_prompts))
    for key, level in wanted:
        if level not in manifest.levels:
            raise _no_prompts(manifest, key, level)
    return list(dict.fromkeys([*trained, text.evaluate_prompts]))


def _no_prompts(manifest: Manifest, key: str, level: str) -> ConfigError:
    advice = "write prompts, or set fusion.name = 'none'"
    return ConfigError(
        f"no prompts named {level!r}",
        where=f"{manifest.path}, which text.{key} asks for",
        remedy=nearest(level, manifest.levels) if manifest.levels else advice,
    )


def fitted_scale(
    sentences: TrainingPrompts, rows: Sequence[Row], prompts: Sequence[str], table: PromptTable
) -> EmbeddingScale:
    """Fit `text.scale` on the distinct training prompts.

    Args:
        sentences: which ones the training draws from, and `text.scale`.
        rows: the training rows.
        prompts: every prompt that training can draw.
        table: their embeddings.

    Returns:
        The scale. Prompts of one meaning are one group: `within` scales by what differs inside.
    """
    groups = groups_of_meaning(rows, sentences.levels, table, sentences.versions)
    for same in sentences.same_place(rows):
        groups[table.numbers(same)] = table.number[same[0]]
    chosen = sorted(set(table.numbers(prompts).tolist()))
    embeddings = one_vector(table.embeddings[chosen]).numpy()
    return fit(embeddings, groups[chosen].tolist(), sentences.text.scale)
