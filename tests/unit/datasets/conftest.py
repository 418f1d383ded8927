"""Small trees of the published layouts, made of noise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

DISC = np.hypot(*np.mgrid[-40:40, -40:40]) < 25


def _draw_image(path: Path, mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    seed = list(path.name.encode())
    Image.fromarray(
        np.random.default_rng(seed).integers(0, 256, (80, 80, 3), dtype=np.uint8)
    ).convert(mode).save(path)


def _draw_mask(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(DISC.astype(np.uint8) * 255).save(
        path, **({"quality": 60} if path.suffix == ".jpg" else {})
    )


def _annotation(stem: str, mask_suffix: str) -> dict[str, Any]:
    return {
        "bbox": [1, 2, 3, 4],
        "cat": 0,
        "segment_id": stem,
        "img_name": f"{stem}.jpg",
        "mask_name": f"{stem}{mask_suffix}",
        "sentences": [{"idx": 0, "sent_id": 7, "sent": ""}],
        "prompts": {
            "p0": "",
            "p6": f"one lesion {stem}, located in top left of the image",
            "p9": [f"{stem} in other words {i}" for i in range(5)],
        },
        "sentences_num": 1,
    }


def _annotate(folder: Path, splits: dict[str, list[str]], mask_suffix: str) -> None:
    """MedVLSM's train.json, val.json, test.json, as published: further keys and all."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, stems in splits.items():
        records = [_annotation(stem, mask_suffix) for stem in stems]
        (folder / f"{split}.json").write_text(json.dumps(records), encoding="utf-8")


@pytest.fixture
def draw_image() -> Callable[..., None]:
    return _draw_image


@pytest.fixture
def draw_mask() -> Callable[[Path], None]:
    return _draw_mask


@pytest.fixture
def annotate() -> Callable[[Path, dict[str, list[str]], str], None]:
    return _annotate


@pytest.fixture
def disc() -> np.ndarray:
    """The mask that every case of a tree has, bool (80, 80)."""
    return DISC
