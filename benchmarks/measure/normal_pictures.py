"""What an encoder that never saw ultrasound knows of normal pictures: BUSI, five folds.

    python benchmarks/measure/normal_pictures.py

Mean, spread and maximum of the maps of EfficientNet-Lite0, with ImageNet weights and untouched, and
a logistic regression on them. Each picture is judged by one that was fitted on the other folds,
those of `presence.py`. The size is also chosen inside of each fold ("nested"): the one that tells
best among the other four folds, each judged by a regression that was fitted on three of them.
Features are kept in runs/normal_pictures. Writes benchmarks/results/normal_pictures.json;
`presence_table.py` is about trained networks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from presence import _folds
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from saywhere.io.files import write_json
from saywhere.metrics.presence import auroc
from saywhere.networks.efficientnet import EfficientNetLite, imagenet_state

RUNS = Path("runs/normal_pictures")
RESULT = Path(__file__).parents[1] / "results" / "normal_pictures.json"
SIZES = (128, 224, 320)
STRENGTH = 0.01


def main() -> None:
    """One area under the curve per size."""
    torch.set_num_threads(1)
    lines = _folds()
    is_there = np.array([not line["absent"] for line in lines])
    fold = np.array([line["fold"] for line in lines])
    features = {size: _features(lines, size) for size in SIZES}
    scores = {size: _out_of_fold(features[size], is_there, fold) for size in SIZES}
    nested, chosen = _nested(features, is_there, fold)
    document = {
        "command": "python benchmarks/measure/normal_pictures.py",
        "n": int(is_there.sum()),
        "n_absent": int((~is_there).sum()),
        "sizes": {str(size): asdict(auroc(score, is_there)) for size, score in scores.items()},
        "nested": asdict(auroc(nested, is_there)),
        "nested_sizes": chosen,
    }
    write_json(RESULT, document)
    print(json.dumps(document, indent=1))


def _features(lines: list[dict[str, Any]], size: int) -> np.ndarray:
    place = RUNS / f"features{size}.npy"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        np.save(place, np.concatenate(list(_computed(lines, size))))
    features: np.ndarray = np.load(place)
    return features


def _computed(lines: list[dict[str, Any]], size: int) -> Iterator[np.ndarray]:
    encoder = EfficientNetLite(3)
    encoder.load_state_dict(imagenet_state())
    encoder.eval()
    for start in range(0, len(lines), 16):
        pictures = [_square(line["image"], size) for line in lines[start : start + 16]]
        with torch.inference_mode():
            maps = encoder(torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2))
        columns = [part for one in maps for part in _statistics(one)]
        yield torch.cat(columns, dim=1).numpy()


def _square(place: str, size: int) -> np.ndarray:
    with Image.open(place) as picture:
        pixels = picture.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    # As the weights were trained.
    return (np.asarray(pixels, np.float32) - 127) / 128


def _statistics(one: torch.Tensor) -> tuple[torch.Tensor, ...]:
    return one.mean((2, 3)), one.std((2, 3)), one.amax((2, 3))


def _nested(
    features: dict[int, np.ndarray], is_there: np.ndarray, fold: np.ndarray
) -> tuple[np.ndarray, list[int]]:
    """Scores, and the size of each fold: its own pictures have no part in the choice."""
    scores = np.zeros(len(is_there))
    chosen = []
    for number in np.unique(fold):
        others = fold != number
        worth = {}
        for size in SIZES:
            inner = _out_of_fold(features[size][others], is_there[others], fold[others])
            worth[size] = auroc(inner, is_there[others], resamples=1).mean
        best = max(SIZES, key=worth.__getitem__)
        chosen.append(best)
        scores[~others] = _judged(features[best], is_there, others)
    return scores, chosen


def _out_of_fold(features: np.ndarray, is_there: np.ndarray, fold: np.ndarray) -> np.ndarray:
    scores = np.zeros(len(features))
    for number in np.unique(fold):
        scores[fold == number] = _judged(features, is_there, fold != number)
    return scores


def _judged(features: np.ndarray, is_there: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Scores of the other pictures by a regression that was fitted on the known ones."""
    model = make_pipeline(
        StandardScaler(),
        LogisticRegression(C=STRENGTH, class_weight="balanced", max_iter=2000),
    )
    model.fit(features[known], is_there[known])
    scores: np.ndarray = model.decision_function(features[~known])
    return scores


if __name__ == "__main__":
    main()
