"""Prompt → pseudo-image, trained alone.

How much of *where* can a sentence say, before any network sees it?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from saywhere.config import Config, DataConfig, FusionConfig
from saywhere.data.dataset import Dataset
from saywhere.data.manifest_row import Row, texts_of
from saywhere.data.prompt_table import PromptTable, embed
from saywhere.data.select import rows_of
from saywhere.errors import ConfigError
from saywhere.evaluation.probes import chart
from saywhere.evaluation.probes.probe_record import GeneratorRecord, WhereRecord
from saywhere.fusion.stack import spread
from saywhere.fusion.text_branch import TextBranch
from saywhere.io import files, images
from saywhere.io.overlay import panel
from saywhere.metrics.statistics import Bootstrap, Interval
from saywhere.modeling.build import build_model
from saywhere.text.cache import EmbeddingCache
from saywhere.training.pretrain import train_words
from saywhere.training.setup import Material, gather

MOST_ROWS = 500
"""Test rows; more would cost time and change the third digit."""
N_SHOWN = 6
N_THRESHOLDS = 51


@dataclass(frozen=True)
class WhereScore:
    """How well a pseudo-image's brightness tells where the mask is.

    Attributes:
        auc: Area under the ROC curve, a mean over cases; 0.5 says nothing about where.
        dice: At the one threshold that is best for all cases, a mean over them.
        threshold: That threshold, on the brightness.
        is_bright: Is the mask where the pseudo-image is bright? Else it is where it is dark.
        spread: Of the pseudo-image between prompts.
    """

    auc: Interval
    dice: Interval
    threshold: float
    is_bright: bool
    spread: float

    def to_json(self) -> WhereRecord:
        """Returns the numbers by name, as generator.json holds them."""
        return cast(WhereRecord, asdict(self))


def probe_generator(
    config: Config, out: Path, *, steps: int = 400, trained: TextBranch | None = None
) -> GeneratorRecord:
    """Train projection and generator by the region-of-interest loss alone, and measure them.

    Measured on the test split, with each prompt set (level) that all of its rows have.

    Args:
        config: What to train, and on what.
        out: Where generator.json, generator.png and generator_sets.png go.
        steps: Of training.
        trained: The text branch of a model that was trained jointly, to compare with.

    Returns:
        What generator.json holds. `pseudo_image`: stage, as "before", "alone", "jointly trained" →
        WhereScore, of `text.evaluate_prompts`. `prompt_sets`: the same of every level.

    Raises:
        ConfigError: For a model without a generator, and data without a test split.
        NotWritable: Where the folder takes no file.
    """
    _refuse_without_generator(config.fusion)
    # Mosaics and absent targets are made for the network, which is not there.
    config = config.replace(**{"data.mosaic": 0.0, "data.absent": 0.0})
    material = gather(config)
    manifest = material.report.manifest
    rows = rows_of(manifest, config.data.test_split, "set data.test_split")[:MOST_ROWS]
    model = _untrained(config, material)
    # A model with a generator reads prompts, so its material has their encoder.
    assert material.encoder is not None
    level = config.text.evaluate_prompts
    bootstrap = Bootstrap(config.evaluate.bootstrap, config.train.seed)
    tests = _tests(config.data, rows, level, EmbeddingCache(material.encoder), bootstrap)
    stages = {"before": _measure(tests, model)}
    # A pseudo-image alone learns by nothing else: without a region term the default one serves.
    roi = "balanced" if config.loss.roi == "none" else config.loss.roi
    train_words(model, material.training, steps, noise_std=material.noise_std, roi=roi)
    stages["alone"] = _measure(tests, model)
    if trained is not None:
        stages["jointly trained"] = _measure(tests, trained)
    by_level = {name: _of_level(stages, name) for name in tests}
    summary: GeneratorRecord = {
        "steps": steps,
        "roi": roi,
        "level": level,
        "n": len(rows),
        "pseudo_image": by_level[level],
        "prompt_sets": by_level,
    }
    files.write_json(out / "generator.json", summary)
    images.write_image(out / "generator.png", tests[level].draw(model))
    files.write_bytes(out / "generator_sets.png", chart.prompt_sets(by_level))
    return summary


def _refuse_without_generator(fusion: FusionConfig) -> None:
    if not fusion.has_pseudo_image:
        raise ConfigError(
            f"a model with fusion {fusion.name!r} has no generator",
            where="fusion.name",
            remedy="probe a run with fusion.name = 'early'",
        )


def _untrained(config: Config, material: Material) -> TextBranch:
    embeddings = material.table.embeddings
    # "Restored", so that it reads no pretrained weights: the network is not used.
    branch = build_model(config, material.scale, embeddings, restored=True).text_branch
    assert branch is not None
    return branch


def best_threshold(guesses: np.ndarray, masks: np.ndarray) -> tuple[float, list[float]]:
    """Find the threshold that turns guesses into the best masks.

    Args:
        guesses: (case, height, width), any range.
        masks: bool (case, height, width).

    Returns:
        The threshold, of 51 between the least and the greatest guess, with the best mean Dice; and
        the Dice of each case there.
    """
    areas = masks.sum((1, 2))
    threshold = 0.0
    # Below every Dice: the first threshold always counts.
    best = np.full(len(guesses), -1.0)
    for tried in np.linspace(guesses.min(), guesses.max(), N_THRESHOLDS):
        marked = guesses >= tried
        either = marked.sum((1, 2)) + areas
        overlap = (marked & masks).sum((1, 2))
        dices = np.where(either > 0, 2 * overlap / np.maximum(either, 1), 1.0)
        if dices.mean() > best.mean():
            threshold = float(tried)
            best = dices
    return threshold, best.tolist()


def auc(guess: np.ndarray, mask: np.ndarray) -> float | None:
    """Area under the ROC curve of a guess: Mann–Whitney U / (n₁ n₀), ties count half.

    Args:
        guess: (height, width), any range.
        mask: bool (height, width).

    Returns:
        [0, 1]; None where the mask is empty or full.
    """
    # Loaded when it is needed: scipy takes a while, and nothing else here uses it.
    from scipy.stats import rankdata

    n_in = int(mask.sum())
    n_out = int((~mask).sum())
    if not n_in or not n_out:
        return None
    ranks = rankdata(guess, axis=None).reshape(guess.shape)
    return float((ranks[mask].sum() - n_in * (n_in + 1) / 2) / (n_in * n_out))


def _levels(rows: Sequence[Row], own: str) -> list[str]:
    """The configuration's own level, and every other one of which all rows have a text."""
    shared = set(rows[0].prompts)
    for row in rows:
        shared &= {level for level, texts in row.prompts.items() if texts}
    return [own, *sorted(shared - {own})]


def _tests(
    data: DataConfig, rows: Sequence[Row], own: str, cache: EmbeddingCache, bootstrap: Bootstrap
) -> dict[str, _Test]:
    """Level → its test."""
    masks = Dataset.of_config(rows, data).decoded.masks
    prompts = {level: _texts(rows, level) for level in _levels(rows, own)}
    every = [prompt for texts in prompts.values() for prompt in texts]
    table = embed(every, cache)
    return {level: _Test(masks, texts, table, bootstrap) for level, texts in prompts.items()}


def _texts(rows: Sequence[Row], level: str) -> list[str]:
    return [texts_of(row, level, "text.evaluate_prompts")[0] for row in rows]


def _measure(tests: Mapping[str, _Test], model: TextBranch) -> dict[str, WhereScore]:
    return {level: test.measure(model) for level, test in tests.items()}


def _of_level(stages: Mapping[str, Mapping[str, WhereScore]], level: str) -> dict[str, WhereRecord]:
    return {stage: scores[level].to_json() for stage, scores in stages.items()}


class _Test:
    """The test split's prompts of one level, and its masks at the network's size."""

    def __init__(
        self, masks: Tensor, prompts: list[str], table: PromptTable, bootstrap: Bootstrap
    ) -> None:
        self.bootstrap = bootstrap
        self.prompts = prompts
        self.masks = masks
        self.embedding = table.embeddings[table.numbers(prompts)]

    @torch.inference_mode()
    def generate(self, model: TextBranch) -> Tensor:
        """float32 (case, channel, size, size), [0, 1]."""
        model.eval()
        # In parts: the generator's inner maps of a whole split take gigabytes.
        return torch.cat([model.generate(part) for part in self.embedding.split(64)])

    def measure(self, model: TextBranch) -> WhereScore:
        pseudo_images = self.generate(model)
        brightness = pseudo_images.mean(1).numpy()
        masks = self.masks[:, 0].numpy() > 0
        areas = [auc(guess, mask) for guess, mask in zip(brightness, masks)]
        # A network may have made dark the sign for the target.
        bright_threshold, bright_dices = best_threshold(brightness, masks)
        dark_threshold, dark_dices = best_threshold(-brightness, masks)
        is_bright = bool(np.mean(bright_dices) >= np.mean(dark_dices))
        return WhereScore(
            # An empty or a full mask has no ROC curve.
            auc=self.bootstrap.mean([area for area in areas if area is not None]),
            dice=self.bootstrap.mean(bright_dices if is_bright else dark_dices),
            threshold=bright_threshold if is_bright else -dark_threshold,
            is_bright=is_bright,
            # As many rows as a training's validation takes.
            spread=float(spread(pseudo_images[:256])),
        )

    def draw(self, model: TextBranch) -> np.ndarray:
        """A sheet: the prompt as a picture, and the mask that it means."""
        pseudo_images = self.generate(model)
        pictures = []
        captions = []
        n_shown = min(N_SHOWN, len(self.prompts))
        for i in np.linspace(0, len(self.prompts) - 1, n_shown).astype(int):
            pseudo = (pseudo_images[i].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
            mask = self.masks[i].permute(1, 2, 0).numpy() * 255
            # The sheet has three channels, and a grey pseudo-image has one.
            pictures.append(np.repeat(pseudo, 3, axis=2) if pseudo.shape[2] == 1 else pseudo)
            pictures.append(np.repeat(mask, 3, axis=2).astype(np.uint8))
            captions += [self.prompts[i], "what is meant"]
        return panel(pictures, captions, "The generator alone: pseudo-image and mask")
