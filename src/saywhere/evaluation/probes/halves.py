"""Words that name one half of a picture alone: does the mask stay there?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from saywhere import seeds
from saywhere.data import halves
from saywhere.data.select import data_of, rows_of
from saywhere.evaluation.evaluate import answers
from saywhere.inference.segmenter import Segmenter
from saywhere.io import files, images
from saywhere.io.overlay import overlay, panel
from saywhere.metrics.functional import dice
from saywhere.metrics.statistics import bootstrap_mean

N_SHOWN = 4


def probe_halves(
    run: Path, out: Path, *, n_cases: int = 100, seed: int = 0, manifest: Path | None = None
) -> dict[str, Any]:
    """Ask for each half of so many test images, at their own size; write out/{halves.json,halves.png}.

    The halves are those of the frame: of a chest film taken straight, the lungs. `inside`: of the pixels marked, the share that lies in the named
    half (a case that marks nothing has none). `dice`: with what truly lies there, where something does. `empty_area`: the share of the image that is
    marked where nothing lies there. `presence` and `empty_presence`: how sure the model is (`Result.presence`) where something lies there, and where nothing
    does. None where no case is of that kind.
    Raises: MissingFile, ConfigError, ManifestError, BadCheckpoint.
    """
    segmenter = Segmenter(run)
    config = segmenter.config
    rows = rows_of(data_of(config, manifest), config.data.test_split, "name other data")
    random = seeds.generator(seed, "halves probe")
    chosen = [rows[i] for i in sorted(random.permutation(len(rows))[:n_cases])]
    said = {
        side: [
            seeds.one_of(halves.wordings(config.data.target, side, config.data.half_name), random)
            for _ in chosen
        ]
        for side in halves.SIDES
    }
    cases: list[dict[str, Any]] = []
    pictures: list[np.ndarray] = []
    captions: list[str] = []
    for side in halves.SIDES:
        for result, truth in answers(segmenter, list(zip(chosen, said[side]))):
            cases.append(_judged(result.mask, result.presence, truth, side))
            if len(pictures) < N_SHOWN and cases[-1]["dice"] is not None:
                pictures.append(overlay(result.image, result.mask))
                captions.append(result.prompt)
    summary: dict[str, Any] = {"run": str(run), "n": len(chosen), "seed": seed} | {
        key: _mean(
            [case[key] for case in cases if case[key] is not None], config.evaluate.bootstrap
        )
        for key in ("inside", "dice", "empty_area", "presence", "empty_presence")
    }
    files.write_json(out / "halves.json", summary)
    images.write_image(out / "halves.png", panel(pictures, captions, "The words name one half"))
    return summary


def _judged(mask: np.ndarray, presence: float, truth: np.ndarray, side: str) -> dict[str, Any]:
    inside, there = (halves.cut(torch.from_numpy(whole), side).numpy() for whole in (mask, truth))
    is_there = bool(there.any())
    return {
        "inside": float(inside.sum() / mask.sum()) if mask.any() else None,
        "dice": dice(mask, there) if is_there else None,
        "empty_area": None if is_there else float(mask.mean()),
        "presence": presence if is_there else None,
        "empty_presence": None if is_there else presence,
    }


def _mean(values: list[float], resamples: int) -> dict[str, float] | None:
    return asdict(bootstrap_mean(values, resamples, 0)) if values else None
