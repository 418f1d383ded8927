"""Words → pseudo-image, trained alone: how much of *where* can a sentence say, before any network sees it?"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saywhere.config import Config
from saywhere.data.dataset import Dataset
from saywhere.data.manifest import Row
from saywhere.data.prompt_table import PromptTable, embed, texts_of
from saywhere.data.select import rows_of
from saywhere.errors import ConfigError
from saywhere.evaluation.probes import chart
from saywhere.fusion.stack import spread
from saywhere.fusion.text_branch import TextBranch
from saywhere.io import files, images
from saywhere.io.overlay import panel
from saywhere.metrics.statistics import bootstrap_mean
from saywhere.modeling.build import build_model
from saywhere.text.cache import EmbeddingCache
from saywhere.training.pretrain import train_words
from saywhere.training.setup import gather

N_SHOWN = 6


def probe_generator(
    config: Config, out: Path, *, steps: int = 400, trained: TextBranch | None = None
) -> dict[str, Any]:
    """Train projection and generator by the region-of-interest loss alone; write out/{generator.json,generator.png,generator_sets.png}.

    Measured on the test split, with each prompt set (level) that all of its rows have, before, after, and for `trained`, a model that was trained
    jointly: the area under the ROC curve of the pseudo-image's brightness as a guess of the mask (0.5: it says nothing about where), and its Dice at
    the one threshold, above or below it, that is best for the set. `pseudo_image` in the summary is that of `text.evaluate_prompts`.
    """
    if not config.fusion.has_pseudo_image:
        raise ConfigError(
            f"a model with fusion {config.fusion.name!r} has no generator",
            where="fusion.name",
            remedy="probe a run with fusion.name = 'early'",
        )
    config = config.replace(**{"data.mosaic": 0.0, "data.absent": 0.0})
    material = gather(config)
    rows = rows_of(material.report.manifest, config.data.test_split, "set data.test_split")[:500]
    model = build_model(
        config, material.scale, material.table.embeddings, restored=True
    ).text_branch
    assert model is not None
    assert material.encoder is not None
    dataset = Dataset.of_rows(rows, size=config.data.size, channels=config.data.channels)
    levels = {
        level: [texts_of(row, level, "text.evaluate_prompts")[0] for row in rows]
        for level in _levels(rows, config)
    }
    table = embed(
        [prompt for prompts in levels.values() for prompt in prompts],
        EmbeddingCache(material.encoder),
    )
    tests = {level: _Test(config, dataset, prompts, table) for level, prompts in levels.items()}
    found = {"before": _measure(tests, model)}
    train_words(model, material.training, steps, noise_std=material.noise_std, roi=_roi(config))
    found["alone"] = _measure(tests, model)
    if trained is not None:
        found["jointly trained"] = _measure(tests, trained)
    by_level = {level: {stage: sets[level] for stage, sets in found.items()} for level in tests}
    level = config.text.evaluate_prompts
    summary = {
        "steps": steps,
        "roi": _roi(config),
        "level": level,
        "n": len(rows),
        "pseudo_image": by_level[level],
        "prompt_sets": by_level,
    }
    files.write_json(out / "generator.json", summary)
    images.write_image(out / "generator.png", tests[level].draw(model))
    files.write_bytes(out / "generator_sets.png", chart.prompt_sets(by_level))
    return summary


def _roi(config: Config) -> str:
    """The configuration's region term; `balanced` where it has none."""
    return "balanced" if config.loss.roi == "none" else config.loss.roi


def _levels(rows: list[Row], config: Config) -> list[str]:
    """`text.evaluate_prompts`, and every other level of which all rows have a text."""
    shared = set.intersection(
        *({level for level, texts in row.prompts.items() if texts} for row in rows)
    )
    return [config.text.evaluate_prompts, *sorted(shared - {config.text.evaluate_prompts})]


def _measure(tests: dict[str, _Test], model: TextBranch) -> dict[str, dict[str, Any]]:
    return {level: test.measure(model) for level, test in tests.items()}


class _Test:
    """The test split's prompts of one level, and its masks at the network's size."""

    def __init__(
        self, config: Config, dataset: Dataset, prompts: list[str], table: PromptTable
    ) -> None:
        self.config, self.prompts = config, prompts
        self.masks = dataset.decoded.masks
        self.embedding = table.embeddings[table.numbers(prompts)]

    @torch.inference_mode()
    def generate(self, model: TextBranch) -> Tensor:
        model.eval()
        return torch.cat([model.generate(part) for part in self.embedding.split(64)])

    def measure(self, model: TextBranch) -> dict[str, Any]:
        """AUC a case with its 95 % interval, Dice at the best threshold with its own, and the spread between prompts."""
        pseudo_images = self.generate(model)
        brightness, masks = pseudo_images.mean(1).numpy(), self.masks[:, 0].numpy() > 0
        areas = [
            area for guess, mask in zip(brightness, masks) if (area := auc(guess, mask)) is not None
        ]
        bright, dark = (
            best_threshold(brightness, masks),
            best_threshold(-brightness, masks),
        )  # a network may have made dark the sign for "here"
        is_bright = np.mean(bright[1]) >= np.mean(dark[1])
        threshold, dices = bright if is_bright else (-dark[0], dark[1])
        interval = partial(
            bootstrap_mean, resamples=self.config.evaluate.bootstrap, seed=self.config.train.seed
        )
        overlap = {
            "auc": vars(interval(areas)),
            "dice": vars(interval(dices)),
            "threshold": threshold,
            "is_bright": bool(is_bright),
        }
        return overlap | {"spread": float(spread(pseudo_images[:256]))}

    def draw(self, model: TextBranch) -> np.ndarray:
        """A sheet: the words as a picture, and the mask that they mean."""
        pseudo_images, pictures, captions = self.generate(model), [], []
        for i in np.linspace(0, len(self.prompts) - 1, min(N_SHOWN, len(self.prompts))).astype(int):
            pseudo = (pseudo_images[i].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
            mask = np.repeat(self.masks[i].permute(1, 2, 0).numpy() * 255, 3, axis=2).astype(
                np.uint8
            )
            pictures += [np.repeat(pseudo, 3, axis=2) if pseudo.shape[2] == 1 else pseudo, mask]
            captions += [self.prompts[i], "what is meant"]
        return panel(pictures, captions, "The generator alone: pseudo-image and mask")


def best_threshold(guesses: np.ndarray, masks: np.ndarray) -> tuple[float, list[float]]:
    """(case, height, width) both → the threshold, of 51 between the darkest and the brightest, of the best mean Dice; and the Dice a case there."""
    areas = masks.sum((1, 2))
    best: tuple[float, np.ndarray] = (0.0, np.full(len(guesses), -1.0))
    for threshold in np.linspace(guesses.min(), guesses.max(), 51):
        found = guesses >= threshold
        either = found.sum((1, 2)) + areas
        dices = np.where(either > 0, 2 * (found & masks).sum((1, 2)) / np.maximum(either, 1), 1.0)
        if dices.mean() > best[1].mean():
            best = float(threshold), dices
    return best[0], best[1].tolist()


def auc(guess: np.ndarray, mask: np.ndarray) -> float | None:
    """Area under the ROC curve (Mann–Whitney U / (n₁ n₀), ties count half); None where the mask is empty or full."""
    from scipy.stats import rankdata

    n_in, n_out = int(mask.sum()), int((~mask).sum())
    if not n_in or not n_out:
        return None
    ranks = rankdata(guess, axis=None).reshape(guess.shape)
    return float((ranks[mask].sum() - n_in * (n_in + 1) / 2) / (n_in * n_out))
