"""Words → pseudo-image, trained alone: how much of *where* can a sentence say, before any network sees it?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saywhere.config import Config
from saywhere.data.manifest import Row
from saywhere.data.prompt_table import embed
from saywhere.data.store import Store, open_store
from saywhere.engine.build import build_model
from saywhere.engine.material import Material, evaluation_prompt, gather, rows_of
from saywhere.engine.words_first import train_words
from saywhere.errors import ConfigError
from saywhere.fusion.stack import spread
from saywhere.io import files, images
from saywhere.io.overlay import panel
from saywhere.metrics.statistics import bootstrap_mean
from saywhere.model import ReferringSegmenter
from saywhere.text.cache import EmbeddingCache, cache_folder

N_SHOWN = 6


def probe_generator(config: Config, out: Path, *, steps: int = 400, trained: ReferringSegmenter | None = None) -> dict[str, Any]:
    """Train projection and generator by the region-of-interest loss alone; write out/{generator.json,generator.png}.

    Measured on the test split with `text.evaluate_prompts`: the area under the ROC curve of the pseudo-image's brightness as a
    guess of the mask (0.5: it says nothing about where), before, after, and for `trained`, a model that was trained jointly.
    """
    if config.fusion.name != "early":
        raise ConfigError(f"a model with fusion {config.fusion.name!r} has no generator", where="fusion.name", remedy="probe a run with fusion.name = 'early'")
    config = config.replace(**{"data.mosaic": 0.0, "data.absent": 0.0})
    material = gather(config)
    rows = rows_of(material.report.manifest, config.data.test_split, "set data.test_split")[:500]
    model = build_model(config, material.scale, material.table.embeddings, pretrained=False)
    assert isinstance(model, ReferringSegmenter)
    test = _Test(config, rows, material)
    found = {"before": test.measure(model)}
    train_words(model, material.training, steps, noise_std=material.noise_std, roi=_roi(config))
    found["alone"] = test.measure(model)
    if trained is not None:
        found["jointly trained"] = test.measure(trained)
    summary = {"steps": steps, "roi": _roi(config), "level": config.text.evaluate_prompts, "n": len(rows), "pseudo_image": found}
    files.write_json(out / "generator.json", summary)
    images.write_image(out / "generator.png", test.draw(model))
    return summary


def _roi(config: Config) -> str:
    return "balanced" if config.loss.roi == "none" else config.loss.roi


class _Test:
    """The test split's prompts and masks at the network's size."""

    def __init__(self, config: Config, rows: list[Row], material: Material) -> None:
        assert material.encoder is not None
        self.prompts = [evaluation_prompt(row, config) for row in rows]
        self.store: Store = open_store(rows, config.data.size, config.data.channels, cache_folder() / "stores")
        table = embed(self.prompts, EmbeddingCache(material.encoder))
        self.embedding = table.embeddings[table.numbers(self.prompts)]
        self.config = config

    @torch.inference_mode()
    def imagine(self, model: ReferringSegmenter) -> Tensor:
        model.eval()
        return torch.cat([model.imagine(part) for part in self.embedding.split(64)])

    def measure(self, model: ReferringSegmenter) -> dict[str, Any]:
        """AUC a case with its 95 % interval, and the spread between prompts."""
        pseudo_images = self.imagine(model)
        brightness = pseudo_images.mean(1).numpy()
        areas = [auc(guess, mask[0] > 0) for guess, mask in zip(brightness, self.store.masks.numpy())]
        interval = bootstrap_mean([area for area in areas if area is not None], self.config.evaluate.bootstrap, self.config.train.seed)
        return {"auc": vars(interval), "spread": float(spread(pseudo_images[:256]))}

    def draw(self, model: ReferringSegmenter) -> np.ndarray:
        """A sheet: the words as a picture, and the mask that they mean."""
        pseudo_images, pictures, captions = self.imagine(model), [], []
        for i in np.linspace(0, len(self.prompts) - 1, min(N_SHOWN, len(self.prompts))).astype(int):
            pseudo = (pseudo_images[i].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
            mask = np.repeat(self.store.masks[i].permute(1, 2, 0).numpy() * 255, 3, axis=2).astype(np.uint8)
            pictures += [np.repeat(pseudo, 3, axis=2) if pseudo.shape[2] == 1 else pseudo, mask]
            captions += [self.prompts[i], "what is meant"]
        return panel(pictures, captions, "The generator alone: pseudo-image and mask")


def auc(guess: np.ndarray, mask: np.ndarray) -> float | None:
    """Area under the ROC curve (Mann–Whitney U / (n₁ n₀), ties count half); None where the mask is empty or full."""
    from scipy.stats import rankdata

    n_in, n_out = int(mask.sum()), int((~mask).sum())
    if not n_in or not n_out:
        return None
    ranks = rankdata(guess, axis=None).reshape(guess.shape)
    return float((ranks[mask].sum() - n_in * (n_in + 1) / 2) / (n_in * n_out))
