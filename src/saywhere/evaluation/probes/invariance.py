"""One image–prompt pair under controlled geometry: does the mask turn with the image?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor

from saywhere.config import DataConfig
from saywhere.data.rows import Rows
from saywhere.data.select import evaluation_prompt, manifest_of, rows_of
from saywhere.errors import ConfigError
from saywhere.evaluation.probes import chart
from saywhere.evaluation.probes.probe_record import InvarianceRecord
from saywhere.evaluation.summary_record import IntervalRecord
from saywhere.inference.segmenter import Segmenter
from saywhere.io import files, images
from saywhere.io.framing import Framing
from saywhere.io.overlay import overlay, panel
from saywhere.metrics.functional import dice
from saywhere.metrics.statistics import Bootstrap
from saywhere.modeling.changes import Changes
from saywhere.runs.own_data import own_data
from saywhere.transforms.geometry import Geometry

TRANSFORMS: dict[str, dict[str, float]] = {
    "horizontal flip": {"horizontal_flip": 1},
    "vertical flip": {"vertical_flip": 1},
    "both flips": {"horizontal_flip": 1, "vertical_flip": 1},
    **{f"{degrees}°": {"degrees": degrees} for degrees in (15, 30, 45, 60, 90, 120, 150, 180)},
    **{f"scale {scale:g}": {"scale": scale} for scale in (0.5, 0.75, 1.25, 1.5)},
}
# These names stand in results that were measured, so they stay.
WAYS = ("early fusion: words turn with the image", "words fused without moving them", "no words")
LATE_WAYS = ("late fusion: words as they were", "no words")
IMAGE_ONLY = "image only"
Masks = Callable[[Geometry], Tensor]
"""Geometry → 0/1 float32 (case, 1, size, size), in the augmented frame."""


def probe_invariance(
    run: Path,
    out: Path,
    *,
    image_only: Path | None = None,
    n_cases: int = 50,
    device: str = "auto",
) -> InvarianceRecord:
    """Compare the mask of the transformed image with the transformed mask of the image.

    Agreement is their Dice: 1 means that the answer follows its image. Two empty masks agree, so
    a model that marks nothing agrees too. An early fusion is measured with a pseudo-image that is
    transformed with the image, and with one that is not. The prompt of another fusion cannot be
    transformed, so it stays as it was.

    Args:
        run: A run directory, a model's folder, or a model's name.
        out: Where invariance.json, invariance.png and invariance_chart.png go.
        image_only: A run without prompts, as one more column.
        n_cases: Test images.
        device: Where the models run: auto, cpu, cuda, cuda:1 or mps.

    Returns:
        What invariance.json holds: agreement by transform and way.

    Raises:
        MissingFile: Where there is no model or no manifest.
        ConfigError: For an image-only run, and data without a test split.
        NotWritable: Where the folder takes no file.
    """
    segmenter = Segmenter(run, device=device)
    if not segmenter.hears_words:
        raise ConfigError(
            "this run is image only",
            where=run,
            remedy="name a run with words, and this one with --image-only",
        )
    cases = _Cases(segmenter, n_cases)
    names = LATE_WAYS if segmenter.model.text_branch is None else WAYS
    ways = {way: _masks_of(segmenter, cases, way) for way in names}
    if image_only is not None:
        other = Segmenter(image_only, device=device)
        ways[IMAGE_ONLY] = lambda geometry: _segment(other, cases, geometry)
    agreement = {name: cases.agreement(ways, changes) for name, changes in TRANSFORMS.items()}
    summary: InvarianceRecord = {
        "run": str(run),
        "fusion": segmenter.config.fusion.name,
        "n": len(cases.prompts),
        "agreement": agreement,
    }
    files.write_json(out / "invariance.json", summary)
    images.write_image(out / "invariance.png", cases.draw(dict(list(ways.items())[:2])))
    files.write_bytes(out / "invariance_chart.png", chart.agreement(agreement))
    return summary


def _test_rows(data: DataConfig) -> Rows:
    return rows_of(manifest_of(data), data.test_split, "name another run")


class _Cases:
    """Test images with their prompts, at the network's size."""

    def __init__(self, segmenter: Segmenter, n_cases: int) -> None:
        config = segmenter.config
        rows = _test_rows(own_data(config.data, segmenter.folder))[:n_cases]
        framing = Framing.of(config.data)
        originals = [
            images.read_image(row.image, config.data.channels, config.data.grey) for row in rows
        ]
        pixels = np.stack([framing.image(original) for original in originals])
        self.image = torch.from_numpy(pixels.transpose(0, 3, 1, 2)).float() / 255
        self.prompts = [evaluation_prompt(row, config.evaluation_level) for row in rows]
        self.bootstrap = Bootstrap(config.evaluate.bootstrap, config.train.seed)

    def geometry(self, changes: Mapping[str, float]) -> Geometry:
        """The same transform for every case."""
        return Geometry.alike(len(self.prompts), **changes)

    def agreement(
        self, ways: Mapping[str, Masks], changes: Mapping[str, float]
    ) -> dict[str, IntervalRecord]:
        """Way → agreement under a transform, with its 95 % interval over cases."""
        geometry = self.geometry(changes)
        return {way: self._agreement(masks, geometry) for way, masks in ways.items()}

    def _agreement(self, masks: Masks, geometry: Geometry) -> IntervalRecord:
        """Dice between "transform, then segment" and "segment, then transform"."""
        # Nearest, so that a mask stays 0 or 1.
        turned = geometry(masks(self.geometry({})), mode="nearest")[:, 0].numpy() > 0.5
        answered = masks(geometry)[:, 0].numpy() > 0.5
        values = [dice(a, b) for a, b in zip(answered, turned)]
        mean = self.bootstrap.mean(values)
        return cast(IntervalRecord, vars(mean))

    def draw(self, ways: Mapping[str, Masks]) -> np.ndarray:
        """The first case as it is, flipped, and turned, in two ways."""
        pictures = []
        captions = []
        for name in ("as it is", "horizontal flip", "90°"):
            geometry = self.geometry(TRANSFORMS.get(name, {}))
            pixels = geometry(self.image)[0].permute(1, 2, 0).numpy() * 255
            for way, masks in ways.items():
                mask = masks(geometry)[0, 0].numpy() > 0.5
                pictures.append(overlay(pixels.round().astype(np.uint8), mask))
                # Only what stands behind the colon: a caption has little room.
                captions.append(f"{name}; {way.partition(': ')[2] or way}")
        return panel(pictures, captions, f"“{self.prompts[0]}”")


def _masks_of(segmenter: Segmenter, cases: _Cases, way: str) -> Masks:
    prompts = [""] * len(cases.prompts) if way == WAYS[2] else cases.prompts

    def masks(geometry: Geometry) -> Tensor:
        if segmenter.model.text_branch is not None:
            # Set at each call, since all ways share one model.
            segmenter.model.pseudo_image_turns = way != WAYS[1]
        return _segment(segmenter, cases, geometry, prompts)

    return masks


@torch.inference_mode()
def _segment(
    segmenter: Segmenter, cases: _Cases, geometry: Geometry, prompts: list[str] | None = None
) -> Tensor:
    """0/1 float32 (case, 1, size, size), in the augmented frame."""
    embedding = segmenter.embeddings(prompts or [""] * len(cases.prompts))
    logits = []
    for start in range(0, len(cases.prompts), 16):
        part = slice(start, start + 16)
        turned = Geometry(*(rows[part] for rows in geometry))
        stack = [numbers[part].to(segmenter.device) for numbers in (cases.image, embedding)]
        logits.append(segmenter.model(*stack, Changes(turned)).logits.cpu())
    return (torch.cat(logits).sigmoid() > segmenter.config.evaluate.threshold).float()
