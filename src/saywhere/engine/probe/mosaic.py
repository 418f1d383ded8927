"""Where the words decide: mosaics of test images, and a sentence that names one tile."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saywhere import seeds
from saywhere.data import mosaic
from saywhere.data.manifest import read_manifest
from saywhere.data.store import open_store
from saywhere.engine.predict import Segmenter
from saywhere.io import files, images
from saywhere.io.overlay import overlay, panel
from saywhere.metrics.functional import dice
from saywhere.metrics.statistics import bootstrap_mean
from saywhere.text.cache import cache_folder

WORDS = ("right", "another tile's", "blank", "unseen wording")
N_SHOWN = 4


def probe_mosaic(run: Path, out: Path, *, n_cases: int = 100, seed: int = 0, side: int | None = None) -> dict[str, Any]:
    """Dice against the named tile's mask, at the network's size; write out/{mosaic.json,mosaic.png}.

    An image-only run, which has one answer ("right"), cannot exceed a Dice of about 0.4 on 2×2 and 0.2 on 3×3 images. Mosaics are drawn from the
    test split by the seed; side: 2 or 3, else the run's own `data.mosaic_side`.
    """
    segmenter = Segmenter(run)
    side = side or segmenter.config.data.mosaic_side
    image, target, prompts = _draw(segmenter, n_cases, seed, side)
    if not segmenter.hears_words:
        prompts = {WORDS[0]: prompts[WORDS[0]]}
    masks = {words: _masks(segmenter, image, said) for words, said in prompts.items()}
    found = {words: [dice(mask, truth) for mask, truth in zip(answer, target)] for words, answer in masks.items()}
    interval = {words: vars(bootstrap_mean(values, segmenter.config.evaluate.bootstrap, seed)) for words, values in found.items()}
    summary = {"run": str(run), "n": n_cases, "seed": seed, "side": side, "dice_mean": interval}
    files.write_json(out / "mosaic.json", summary)
    images.write_image(out / "mosaic.png", _sheet(image, masks["right"], prompts["right"]))
    return summary


def _draw(segmenter: Segmenter, n_cases: int, seed: int, side: int = 2) -> tuple[Tensor, np.ndarray, dict[str, list[str]]]:
    """Images float32 (case, channel, size, size) in [0, 1], targets bool (case, size, size), and the sentences a kind of words."""
    config = segmenter.config
    assert config.data.manifest is not None
    rows = read_manifest(config.data.manifest).split(config.data.test_split)
    store = open_store(rows, config.data.size, config.data.channels, cache_folder() / "stores")
    pictures, targets = [], []
    prompts: dict[str, list[str]] = {words: [] for words in WORDS}
    for case in range(n_cases):
        random = seeds.generator(seed, "mosaic probe", case)
        chosen, tile = random.integers(len(rows), size=side**2), int(random.integers(side**2))
        other = (tile + 1 + int(random.integers(side**2 - 1))) % side**2
        picture, target = mosaic.tile(store.images[store.image_of_row[chosen]], store.masks[chosen], tile, side)
        pictures.append(picture)
        targets.append(target[0].numpy() > 0)
        said = tuple(_one_of(mosaic.wordings(config.data.target, named, side), random) for named in (tile, other))
        for words, prompt in zip(WORDS, (*said, "", mosaic.unseen_wording(tile, side))):
            prompts[words].append(prompt)
    return torch.stack(pictures).float() / 255, np.stack(targets), prompts


def _one_of(texts: Sequence[str], random: np.random.Generator) -> str:
    return texts[int(random.integers(len(texts)))]


@torch.inference_mode()
def _masks(segmenter: Segmenter, image: Tensor, prompts: list[str]) -> np.ndarray:
    """bool (case, size, size)"""
    size, embedding = segmenter.config.evaluate.batch_size, segmenter.embeddings(prompts)
    logits = [segmenter.model(part, words).logits for part, words in zip(image.split(size), embedding.split(size))]
    return (torch.cat(logits).sigmoid() > segmenter.config.evaluate.threshold)[:, 0].numpy()


def _sheet(image: Tensor, masks: np.ndarray, prompts: list[str]) -> np.ndarray:
    shown = (image[:N_SHOWN].permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
    return panel([overlay(picture, mask) for picture, mask in zip(shown, masks)], prompts[:N_SHOWN], "Mosaics: the words name one tile")
