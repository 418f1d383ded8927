"""One image–prompt pair under controlled geometry: does the mask turn with the image?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from saywhere.data.select import evaluation_prompt, manifest_of, rows_of
from saywhere.errors import ConfigError
from saywhere.evaluation.probes import chart
from saywhere.inference.segmenter import Segmenter
from saywhere.io import files, images
from saywhere.io.overlay import overlay, panel
from saywhere.metrics.functional import dice
from saywhere.metrics.statistics import bootstrap_mean
from saywhere.modeling.changes import Changes
from saywhere.transforms.geometry import Geometry

TRANSFORMS: dict[str, dict[str, float]] = {
    "horizontal flip": {"horizontal_flip": 1},
    "vertical flip": {"vertical_flip": 1},
    "both flips": {"horizontal_flip": 1, "vertical_flip": 1},
    **{f"{degrees}°": {"degrees": degrees} for degrees in (15, 30, 45, 60, 90, 120, 150, 180)},
    **{f"scale {scale:g}": {"scale": scale} for scale in (0.5, 0.75, 1.25, 1.5)},
}
WAYS = ("early fusion: words turn with the image", "words fused without moving them", "no words")
LATE_WAYS = ("late fusion: words as they were", "no words")
IMAGE_ONLY = "image only"


def probe_invariance(
    run: Path, out: Path, *, image_only: Path | None = None, n_cases: int = 50
) -> dict[str, Any]:
    """Agreement (Dice) of the mask of the turned image with the turned mask of the image; write out/{invariance.json,…png,…_chart.png}.

    1 means that the answer follows its image; two empty masks agree, so a model that marks nothing agrees too. Of early fusion, with words that turn
    with the image and with words left behind; of the others, whose words cannot turn, with the words as they were. `image_only`: a run without words,
    as one more column.
    """
    segmenter = Segmenter(run)
    if not segmenter.hears_words:
        raise ConfigError(
            "this run is image only",
            where=run,
            remedy="name a run with words, and this one with --image-only",
        )
    cases = _Cases(segmenter, n_cases)
    ways = {
        way: _masks_of(segmenter, cases, way)
        for way in (WAYS if segmenter.model.text_branch is not None else LATE_WAYS)
    }
    if image_only is not None:
        other = Segmenter(image_only)
        ways[IMAGE_ONLY] = lambda geometry: _segment(other, cases, geometry)
    found = {
        name: {way: cases.agreement(masks, cases.geometry(changes)) for way, masks in ways.items()}
        for name, changes in TRANSFORMS.items()
    }
    summary = {
        "run": str(run),
        "fusion": segmenter.config.fusion.name,
        "n": len(cases.prompts),
        "agreement": found,
    }
    files.write_json(out / "invariance.json", summary)
    images.write_image(out / "invariance.png", cases.draw(dict(list(ways.items())[:2])))
    files.write_bytes(out / "invariance_chart.png", chart.agreement(found))
    return summary


class _Cases:
    """Test images with their prompts, at the network's size."""

    def __init__(self, segmenter: Segmenter, n_cases: int) -> None:
        config = segmenter.config
        rows = rows_of(manifest_of(config), config.data.test_split, "name another run")[:n_cases]
        size = (config.data.size, config.data.size)
        pixels = np.stack(
            [
                images.resize_image(images.read_image(row.image, config.data.channels), size)
                for row in rows
            ]
        )
        self.image = torch.from_numpy(pixels.transpose(0, 3, 1, 2)).float() / 255
        self.prompts = [evaluation_prompt(row, config) for row in rows]
        self.config = config

    def geometry(self, changes: dict[str, float]) -> Geometry:
        return Geometry.alike(len(self.prompts), **changes)

    def agreement(self, masks: Any, geometry: Geometry) -> dict[str, float]:
        """Dice between "turn, then segment" and "segment, then turn", with its 95 % interval over cases."""
        turned = geometry(masks(self.geometry({})), mode="nearest")[:, 0].numpy() > 0.5
        answered = masks(geometry)[:, 0].numpy() > 0.5
        values = [dice(a, b) for a, b in zip(answered, turned)]
        return vars(bootstrap_mean(values, self.config.evaluate.bootstrap, self.config.train.seed))

    def draw(self, ways: dict[str, Any]) -> np.ndarray:
        """The first case as it is, flipped, and turned, in two ways."""
        pictures, captions = [], []
        for name in ("as it is", "horizontal flip", "90°"):
            geometry = self.geometry(TRANSFORMS.get(name, {}))
            shown = (
                (geometry(self.image)[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
            )
            for way, masks in ways.items():
                pictures.append(overlay(shown, masks(geometry)[0, 0].numpy() > 0.5))
                captions.append(f"{name}; {way.partition(': ')[2] or way}")
        return panel(pictures, captions, f"“{self.prompts[0]}”")


def _masks_of(segmenter: Segmenter, cases: _Cases, way: str) -> Any:
    def masks(geometry: Geometry) -> Tensor:
        if segmenter.model.text_branch is not None:
            segmenter.model.pseudo_image_turns = way != WAYS[1]
        return _segment(
            segmenter,
            cases,
            geometry,
            cases.prompts if way != WAYS[2] else [""] * len(cases.prompts),
        )

    return masks


@torch.inference_mode()
def _segment(
    segmenter: Segmenter, cases: _Cases, geometry: Geometry, prompts: list[str] | None = None
) -> Tensor:
    """0/1 float32 (case, 1, size, size), in the augmented frame."""
    embedding = segmenter.embeddings(prompts or [""] * len(cases.prompts))
    logits = []
    for start in range(0, len(cases.prompts), 16):
        part = Geometry(*(rows[start : start + 16] for rows in geometry))
        logits.append(
            segmenter.model(
                cases.image[start : start + 16], embedding[start : start + 16], Changes(part)
            ).logits
        )
    return (torch.cat(logits).sigmoid() > segmenter.config.evaluate.threshold).float()
