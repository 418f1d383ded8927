"""Where the prompt decides: mosaics of test images, and a sentence that names one tile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from saywhere.data import mosaic
from saywhere.data.dataset import Dataset
from saywhere.data.select import data_of, rows_of
from saywhere.data.targets import one_set, target_of
from saywhere.evaluation.cases import Case
from saywhere.evaluation.probes.probe_record import MosaicRecord
from saywhere.evaluation.summary import summarise
from saywhere.evaluation.summary_record import IntervalRecord
from saywhere.inference.segmenter import Segmenter
from saywhere.io import files, images
from saywhere.io.overlay import overlay, panel
from saywhere.metrics.functional import case_metrics
from saywhere.metrics.statistics import Bootstrap
from saywhere.runs.own_data import own_data

LABELS = {
    "right": "right",
    "contradictory": "another tile's",
    "empty": "blank",
    "unseen": "unseen wording",
}
"""Prompt condition → what it is on mosaics."""
N_SHOWN = 4


@dataclass(frozen=True)
class Measured:
    """Mosaics, their prompts, and what came of them.

    Attributes:
        image: float32 (mosaic, channel, size, size), [0, 1].
        prompts: Prompt condition → one prompt per mosaic.
        masks: Prompt condition → bool (mosaic, size, size), as predicted.
        cases: Prompt condition → one case per mosaic, at the network's size.
    """

    image: Tensor
    prompts: Mapping[str, list[str]]
    masks: Mapping[str, np.ndarray]
    cases: Mapping[str, list[Case]]


def probe_mosaic(
    run: Path,
    out: Path,
    *,
    n_cases: int = 100,
    seed: int = 0,
    side: int | None = None,
    manifest: Path | None = None,
    device: str = "auto",
) -> MosaicRecord:
    """Measure Dice with the named tile's mask, at the network's size.

    An image-only run has one answer ("right"). It cannot exceed a Dice of about 0.4 on 2×2 images
    and 0.2 on 3×3.

    Args:
        run: A run directory, a model's folder, or a model's name.
        out: Where mosaic.json and mosaic.png go.
        n_cases: Mosaics. They are drawn from the test split.
        seed: Of the drawing.
        side: 2 or 3 images across; default: the run's own `data.mosaic_side`.
        manifest: Other data than the run's.
        device: Where the model runs: auto, cpu, cuda, cuda:1 or mps.

    Returns:
        What mosaic.json holds: dice_mean by prompt condition, and what was measured.

    Raises:
        MissingFile: Where there is no model or no manifest.
        ConfigError: Where the data has no test split.
        NotWritable: Where the folder takes no file.
    """
    segmenter = Segmenter(run, device=device)
    side = side or segmenter.config.data.mosaic_side
    measured = measure_mosaics(segmenter, n_cases, seed, side, manifest)
    bootstrap = Bootstrap(segmenter.config.evaluate.bootstrap, segmenter.config.train.seed)
    conditions = summarise(measured.cases, bootstrap).conditions
    summary: MosaicRecord = {
        "run": str(run),
        "n": n_cases,
        "seed": seed,
        "side": side,
        "dice_mean": {
            LABELS[kind]: cast(IntervalRecord, vars(one.means["dice"]))
            for kind, one in conditions.items()
        },
    }
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
    """Segment every mosaic with every kind of prompt that it has.

    Args:
        segmenter: The model; an image-only one has one answer.
        n_cases: Mosaics.
        seed: Of the drawing.
        side: 2 or 3 images across; default: the configuration's `data.mosaic_side`.
        manifest: Other data than the configuration's.

    Returns:
        The mosaics, and how right the masks were.

    Raises:
        MissingFile: Where there is no manifest.
        ConfigError: Where the data has no test split.
    """
    config = segmenter.config
    data = config.data if manifest else own_data(config.data, segmenter.folder)
    rows = rows_of(data_of(data, manifest), data.test_split, "name another run")
    dataset = Dataset.of_config(rows, config.data)
    named = one_set(config.data, rows)
    nouns = [target_of(row, named).name for row in rows]
    drawn = mosaic.draw(dataset, n_cases, seed, nouns, side or config.data.mosaic_side)
    prompts = {
        "right": drawn.right,
        "contradictory": drawn.contradictory,
        "empty": [""] * n_cases,
        "unseen": drawn.unseen,
    }
    if not segmenter.hears_words:
        # It answers every prompt alike, so one is enough.
        prompts = {"right": drawn.right}
    image = drawn.images.float() / 255
    # At the network's size: tiles are resized when a mosaic is made, so it has no larger frame.
    targets = drawn.masks[:, 0].numpy() > 0
    masks = {kind: _masks(segmenter, image, texts) for kind, texts in prompts.items()}
    tolerance_px = config.evaluate.surface_tolerance_px
    cases = {
        kind: _cases(kind, texts, masks[kind], targets, tolerance_px)
        for kind, texts in prompts.items()
    }
    return Measured(image, prompts, masks, cases)


def _cases(
    kind: str, prompts: list[str], masks: np.ndarray, targets: np.ndarray, tolerance_px: float
) -> list[Case]:
    cases = []
    for number, (prompt, mask, target) in enumerate(zip(prompts, masks, targets)):
        measures = case_metrics(mask, target, tolerance_px)
        # A mosaic is made of several rows: none of their ids is its own.
        cases.append(Case(f"mosaic-{number}", kind, prompt, **measures))  # type: ignore[arg-type]
    return cases


@torch.inference_mode()
def _masks(segmenter: Segmenter, image: Tensor, prompts: list[str]) -> np.ndarray:
    """bool (case, size, size)"""
    # Not by `segment_many`, which would resize what has the network's size already.
    size = segmenter.config.evaluate.batch_size
    embedding = segmenter.embeddings(prompts)
    logits = [
        segmenter.model(part.to(segmenter.device), vectors.to(segmenter.device)).logits.cpu()
        for part, vectors in zip(image.split(size), embedding.split(size))
    ]
    return (torch.cat(logits).sigmoid() > segmenter.config.evaluate.threshold)[:, 0].numpy()


def _sheet(measured: Measured) -> np.ndarray:
    shown = (measured.image[:N_SHOWN].permute(0, 2, 3, 1).numpy() * 255).round().astype(np.uint8)
    pictures = [overlay(picture, mask) for picture, mask in zip(shown, measured.masks["right"])]
    prompts = measured.prompts["right"][:N_SHOWN]
    return panel(pictures, prompts, "Mosaics: the words name one tile")
