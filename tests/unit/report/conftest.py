"""A run directory as `train` and `evaluate` leave it, with synthetic images."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from saywhere.config import Config

PLACES = {"upper left": (0.3, 0.28), "centre": (0.52, 0.5), "lower right": (0.75, 0.72)}
SIDES = (90, 120)  # height, width


def interval(mean: float, half: float = 0.03) -> dict[str, float]:
    return {"mean": mean, "low": mean - half, "high": mean + half}


def measured(dice: float) -> dict[str, Any]:
    factors = {"dice": 1, "iou": 0.86, "precision": 1.02, "recall": 0.98, "surface_dice": 0.8}
    means = {f"{name}_mean": interval(dice * factor) for name, factor in factors.items()}
    distance = {"median": 4.2, "mean_finite": 11.75, "n_infinite": 3}
    return {
        "n": 100,
        **means,
        "hausdorff_95_px": distance,
        "dice_pooled": dice + 0.0123,
        "iou_pooled": dice * 0.88,
    }


def heard(difference: float, verdict: str, p: float = 3e-9) -> dict[str, Any]:
    return {
        "difference": difference,
        "low": difference - 0.021,
        "high": difference + 0.019,
        "p": p,
        "n": 100,
        "verdict": verdict,
    }


def summary() -> dict[str, Any]:
    words = {
        "right": 0.871,
        "empty": 0.312,
        "shuffled": 0.204,
        "contradictory": 0.043,
        "unseen": 0.664,
    }
    listening = {
        "empty": heard(0.559, "heard"),
        "shuffled": heard(0.667, "heard"),
        "contradictory": heard(0.828, "heard"),
    }
    measures = {name: measured(dice) for name, dice in words.items()}
    return {
        "split": "test",
        "n": 100,
        "level": "p6",
        "frame": "original",
        "words": measures,
        "listening": listening,
        "verdict": "heard",
        "spread": 0.134,
        "trust": {
            "n": 100,
            "share": 0.8,
            "confidence": 0.93,
            "precision": 0.818,
            "spearman": 0.856,
            "surest": interval(0.893),
            "gain": interval(0.022, 0.008),
            "tells": True,
        },
    }


def record() -> dict[str, Any]:
    return {
        "saywhere": "0.1.0",
        "status": "finished",
        "created": "2026-11-24T09:12:00Z",
        "finished": "2026-11-24T09:14:07Z",
        "seconds": 127.4,
        "packages": {"torch": "2.13.0", "kornia": "0.9.0", "monai": "1.6.1"},
        "python": "3.11.9",
        "platform": "Linux x86_64",
        "device": "cpu",
        "threads": 2,
        "precision": "bf16-mixed",
        "seed": 0,
        "data": {
            "manifest": "phantoms/manifest.jsonl",
            "digest": "sha256:9f2c41d07be3aa10",
            "rows": {"train": 128, "val": 32, "test": 100},
            "quarantined": 2,
        },
        "encoder": {"name": "minilm", "revision": "e4ce9877", "pooling": "mean"},
        "parameters": {"network": 1942289, "text": 313456},
        "warnings": ["2 rows were set aside, see quarantine.jsonl"],
    }


def epochs(n: int = 40) -> list[dict[str, Any]]:
    rows = []
    for epoch in range(1, n + 1):
        fit = 1 - math.exp(-epoch / 12)
        loss = 1.4 - 1.1 * fit + 0.02 * math.sin(epoch)
        row = {
            "epoch": epoch,
            "loss": loss,
            "segmentation_loss": loss - 0.02,
            "roi_loss": 0.2,
            "spread": 0.12 + 0.02 * fit,
            "learning_rate": 1e-3,
        }
        validation = (
            {
                "val_dice_mean": 0.88 * fit,
                "val_dice_pooled": 0.9 * fit,
                "val_loss": 1.45 - 1.05 * fit,
            }
            if epoch % 2 == 0
            else {"val_dice_mean": None}
        )
        rows.append({**row, **validation})
    return rows


def lesion(place: tuple[float, float], radius: float = 0.12) -> np.ndarray:
    rows, columns = np.mgrid[: SIDES[0], : SIDES[1]] / np.array(SIDES)[:, None, None]
    return (rows - place[0]) ** 2 + ((columns - place[1]) * 1.3) ** 2 < radius**2


def write_pictures(folder: Path) -> dict[str, Any]:
    """An image with three lesions, a blurred pseudo-image, a prediction and a truth for each."""
    folder.mkdir(parents=True)
    image = 70 + 25 * np.random.default_rng(0).normal(size=(*SIDES, 1)).repeat(3, axis=2)
    for place in PLACES.values():
        image[lesion(place)] += 80
    Image.fromarray(image.clip(0, 255).astype(np.uint8)).save(folder / "image.png")
    for index, place in enumerate(PLACES.values()):
        rows, columns = np.mgrid[: SIDES[0], : SIDES[1]] / np.array(SIDES)[:, None, None]
        glow = 255 * np.exp(-((rows - place[0]) ** 2 + (columns - place[1]) ** 2) / 0.06)
        Image.fromarray(np.stack([glow] * 3, axis=2).astype(np.uint8)).save(
            folder / f"pseudo{index}.png"
        )
        Image.fromarray(lesion(place, 0.115).astype(np.uint8) * 255).save(
            folder / f"prediction{index}.png"
        )
        Image.fromarray(lesion(place).astype(np.uint8) * 255).save(folder / f"truth{index}.png")
    answers = [
        {
            "prompt": f"one bright round lesion, {place}",
            "pseudo_image": f"pseudo{index}.png",
            "prediction": f"prediction{index}.png",
            "dice": 0.9 - index / 20,
        }
        for index, place in enumerate(PLACES)
    ]
    cases = [
        {
            "rank": rank,
            "id": f"phantom-{index:03}",
            "image": "image.png",
            "truth": f"truth{index}.png",
            **answers[index],
        }
        for index, rank in enumerate(("best", "median", "worst"))
    ]
    return {
        "cases": cases,
        "prompts": [{"id": "phantom-017", "image": "image.png", "answers": answers}],
    }


def comparison() -> dict[str, Any]:
    labels = {
        "pseudo-image transformed with the image": 0.71,
        "prompt not transformed": 0.45,
        "no augmentation": 0.14,
    }
    rows = [
        {"label": label, "dice_mean": interval(dice, 0.04), "n": 100}
        for label, dice in labels.items()
    ]
    return {
        "title": "Fuse first, then augment",
        "note": "Three short runs from 64 images.",
        "rows": rows,
    }


def cases_csv(n: int = 40) -> str:
    """Dice of `n` images with the right and with an empty prompt."""
    lines = ["id,words,prompt,dice"]
    for index in range(n):
        lines.append(f'phantom-{index:03},right,"a lesion, left",{1 - index / n:.6g}')
        lines.append(f"phantom-{index:03},empty,,{0.3:.6g}")
    return "\n".join(lines) + "\n"


def write(path: Path, document: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Everything that a finished and evaluated run holds."""
    folder = tmp_path / "phantoms-001"
    write(folder / "run.json", record())
    (folder / "config.toml").write_text(Config().to_toml(), encoding="utf-8")
    (folder / "metrics.jsonl").write_text(
        "".join(json.dumps(row) + "\n" for row in epochs()), encoding="utf-8"
    )
    write(folder / "evaluation/summary.json", summary())
    write(folder / "evaluation/pictures.json", write_pictures(folder / "evaluation/pictures"))
    (folder / "evaluation/cases.csv").write_text(cases_csv(), encoding="utf-8")
    write(folder / "comparison.json", comparison())
    state = {"step": 32 * 30, "history": epochs(30)}
    write(folder / "checkpoints/best/state.json", {"state": state})
    return folder


@pytest.fixture
def fake() -> SimpleNamespace:
    """The parts of such a directory, to be changed by a test."""
    return SimpleNamespace(
        record=record, summary=summary, measured=measured, heard=heard, write=write
    )
