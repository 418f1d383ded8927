"""Where the words decide: mosaics of test images, and a sentence that names one tile."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from saywhere.data import mosaic
from saywhere.data.decoded_cache import open_store
from saywhere.data.select import data_of, rows_of
from saywhere.evaluation.evaluate import Case, summarise
from saywhere.inference.segmenter import Segmenter
from saywhere.io import files, images
from saywhere.io.overlay import overlay, panel
from saywhere.io.paths import cache_folder
from saywhere.metrics.functional import case_metrics

SAID = {
    "right": "right",
    "contradictory": "another tile's",
    "empty": "blank",
    "unseen": "unseen wording",
}
"""Kind of words → what it is on mosaics."""
N_SHOWN = 4


class Measured(NamedTuple):
    """Mosaics, what was said of them, and what came of it."""

    image: Tensor
    """float32 (mosaic, channel, size, size), [0, 1]"""
    prompts: dict[str, list[str]]
    masks: dict[str, np.ndarray]
    """kind of words → bool (mosaic, size, size)"""
    cases: dict[str, list[Case]]
    """as `evaluate.measure` gives them, at the network's size"""


def probe_mosaic(
    run: Path,
    out: Path,
    *,
    n_cases: int = 100,
    seed: int = 0,
    side: int | None = None,
    manifest: Path | None = None,
) -> dict[str, Any]:
    """Dice against the named tile's mask, at the network's size; write out/{mosaic.json,mosaic.png}.

    An image-only run, which has one answer ("right"), cannot exceed a Dice of about 0.4 on 2×2 and 0.2 on 3×3 images. Mosaics are drawn from the
    test split of the run's data, or of `manifest`, by the seed; side: 2 or 3, else the run's own `data.mosaic_side`.
    """
    segmenter = Segmenter(run)
    side = side or segmenter.config.data.mosaic_side
    measured = measure_mosaics(segmenter, n_cases, seed, side, manifest)
    found = summarise(measured.cases, segmenter.config)["words"]
    interval = {SAID[kind]: words["dice_mean"] for kind, words in found.items()}
    summary = {"run": str(run), "n": n_cases, "seed": seed, "side": side, "dice_mean": interval}
    files.write_json(out / "mosaic.json", summary)
    images.write_image(out / "mosaic.png", _sheet(measured))
    return summary


def measure_mosaics(
    segmenter: Segmenter,
    n_cases: int,
    seed: int = 0,
    side: int | None = None,
    manifest: Path | None = None,
) -> Measured:
    """Every mosaic with every kind of words that it has; an image-only model has one answer."""
    config = segmenter.config
    rows = rows_of(data_of(config, manifest), config.data.test_split, "name another run")
    store = open_store(rows, config.data.size, config.data.channels, cache_folder() / "stores")
    drawn = mosaic.draw(store, n_cases, seed, config.data.target, side or config.data.mosaic_side)
    prompts = {
        "right": drawn.right,
        "contradictory": drawn.contradictory,
        "empty": [""] * n_cases,
        "unseen": drawn.unseen,
    }
    if not segmenter.hears_words:
        prompts = {"right": prompts["right"]}
    image, targets = drawn.images.float() / 255, drawn.masks[:, 0].numpy() > 0
    masks = {kind: _masks(segmenter, image, said) for kind, said in prompts.items()}
    tolerance = config.evaluate.surface_tolerance_px
    cases = {
        kind: [
            {
                "id": f"mosaic-{i}",
                "words": kind,
                "prompt": prompts[kind][i],
                **case_metrics(mask, target, tolerance),
            }
            for i, (mask, target) in enumerate(zip(answers, targets))
        ]
        for kind, answers in masks.items()
    }
    return Measured(image, prompts, masks, cases)


@torch.inference_mode()
def _masks(segmenter: Segmenter, image: Tensor, prompts: list[str]) -> np.ndarray:
    """bool (case, size, size)"""
    size, embedding = segmenter.config.evaluate.batch_size, segmenter.embeddings(prompts)
    logits = [
        segmenter.model(part, words).logits
        for part, words in zip(image.split(size), embedding.split(size))
    ]
    return (torch.cat(logits).sigmoid() > segmenter.config.evaluate.threshold)[:, 0].numpy()


def _sheet(measured: Measured) -> np.ndarray:
    shown = (measured.image[:N_SHOWN].permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
    pictures = [overlay(picture, mask) for picture, mask in zip(shown, measured.masks["right"])]
    return panel(pictures, measured.prompts["right"][:N_SHOWN], "Mosaics: the words name one tile")
