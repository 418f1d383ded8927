"""Prompts that name one half of an image alone: does the mask stay there?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import cast

import numpy as np
import torch

from saywhere import seeds
from saywhere.data import halves
from saywhere.data.select import data_of, rows_of
from saywhere.data.targets import one_set, target_of
from saywhere.evaluation.cases import answers
from saywhere.evaluation.probes.probe_record import HalvesRecord
from saywhere.inference.segmenter import Segmenter
from saywhere.io import files, images
from saywhere.io.overlay import overlay, panel
from saywhere.metrics.functional import dice
from saywhere.metrics.statistics import bootstrap_mean
from saywhere.runs.own_data import own_data

N_SHOWN = 4
HALF_NAME = "half"  # of rows that name none


@dataclass(frozen=True)
class HalfCase:
    """One image whose prompt names one half. Each number is None where it does not apply.

    Attributes:
        inside: Share of the marked pixels that lie in the named half; None where nothing is marked.
        dice: With what truly lies in that half, where something does.
        empty_area: Share of the image that is marked, where nothing lies in that half.
        presence: The largest probability, where something lies in that half.
        empty_presence: The largest probability, where nothing does.
    """

    inside: float | None
    dice: float | None
    empty_area: float | None
    presence: float | None
    empty_presence: float | None


MEASURES = tuple(field.name for field in fields(HalfCase))


def probe_halves(
    run: Path,
    out: Path,
    *,
    n_cases: int = 100,
    seed: int = 0,
    manifest: Path | None = None,
    device: str = "auto",
) -> HalvesRecord:
    """Segment each half of test images, at their own size.

    The halves are those of the frame: of a chest film that was taken straight, the lungs.

    Args:
        run: A run directory, a model's folder, or a model's name.
        out: Where halves.json and halves.png go.
        n_cases: Test images.
        seed: Chooses them, and the wordings.
        manifest: Other data than the run's.
        device: Where the model runs: auto, cpu, cuda, cuda:1 or mps.

    Returns:
        What halves.json holds: for each of HalfCase's numbers the mean over cases with its 95 %
        interval; None where no case has it.

    Raises:
        MissingFile: Where there is no model or no manifest.
        ConfigError: Where the data has no test split.
        ManifestError: For a file that is no manifest.
        BadCheckpoint: For damaged weights.
    """
    segmenter = Segmenter(run, device=device)
    config = segmenter.config
    data = config.data if manifest else own_data(config.data, segmenter.folder)
    rows = rows_of(data_of(data, manifest), data.test_split, "name other data")
    random = seeds.generator(seed, "halves probe")
    chosen = [rows[i] for i in sorted(random.permutation(len(rows))[:n_cases])]
    named = one_set(config.data, rows)
    targets = [target_of(row, named) for row in chosen]
    prompts = {}
    for side in halves.SIDES:
        wordings = [halves.wordings(one.name, side, one.half or HALF_NAME) for one in targets]
        prompts[side] = [seeds.one_of(texts, random) for texts in wordings]
    cases: list[HalfCase] = []
    pictures: list[np.ndarray] = []
    captions: list[str] = []
    for side in halves.SIDES:
        for result, target in answers(segmenter, list(zip(chosen, prompts[side]))):
            case = _judge(result.mask, result.presence, target, side)
            cases.append(case)
            # An image whose half is empty would show a picture without a mask.
            if len(pictures) < N_SHOWN and case.dice is not None:
                pictures.append(overlay(result.image, result.mask))
                captions.append(result.prompt)
    about = {"run": str(run), "n": len(chosen), "seed": seed}
    means = {measure: _mean(cases, measure, config.evaluate.bootstrap) for measure in MEASURES}
    summary = cast(HalvesRecord, about | means)
    files.write_json(out / "halves.json", summary)
    images.write_image(out / "halves.png", panel(pictures, captions, "The words name one half"))
    return summary


def _judge(mask: np.ndarray, presence: float, target: np.ndarray, side: str) -> HalfCase:
    inside = halves.cut(torch.from_numpy(mask), side).numpy()
    there = halves.cut(torch.from_numpy(target), side).numpy()
    is_there = bool(there.any())
    return HalfCase(
        inside=float(inside.sum() / mask.sum()) if mask.any() else None,
        # The whole mask: what spills over into the other half lowers the Dice.
        dice=dice(mask, there) if is_there else None,
        empty_area=None if is_there else float(mask.mean()),
        presence=presence if is_there else None,
        empty_presence=None if is_there else presence,
    )


def _mean(cases: Sequence[HalfCase], measure: str, resamples: int) -> dict[str, float] | None:
    values = [getattr(case, measure) for case in cases if getattr(case, measure) is not None]
    # One fixed seed: equal cases give an equal interval.
    return asdict(bootstrap_mean(values, resamples, 0)) if values else None
