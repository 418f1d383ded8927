"""Does a calibrated model that comes along know when what is named is not there?

    python benchmarks/measure/absent_words.py polyp ../shared/data/kvasir/annotations.jsonl \\
        --folder runs/polyp

FOLDER is a copy of the model that `saywhere calibrate` has learned presence of; without it the
model itself is asked. Each test picture is asked for with each level of its own prompts, without
words, with a denial and with words of another organ, in forms that were not calibrated on. Writes
benchmarks/results/absent_words/NAME.json.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from saywhere import seeds
from saywhere.data.dataset import Dataset
from saywhere.data.manifest import read_manifest
from saywhere.data.manifest_row import Row
from saywhere.data.sampler import Sampler
from saywhere.inference.segmenter import Segmenter, load
from saywhere.io.files import write_json
from saywhere.metrics.functional import dice
from saywhere.metrics.presence import auroc
from saywhere.metrics.statistics import bootstrap_mean

RESULTS = Path(__file__).parents[1] / "results" / "absent_words"
MOST = 100
DENIALS = ("the image shows no {n}", "{n}: none", "I cannot see any {n}")
FOREIGN = ("please outline the liver here", "where is the aorta?", "prostate", "the left femur")
OTHERS = ("please outline the {n}", "where is the {n}?", "{n}s", "show me the {n} in this picture")
"""Wordings of what is there."""
ABSENT = ("denied", "foreign")


def main(name: str, manifest: str, folder: str | None = None) -> dict[str, Any]:
    """Ask, and sum up."""
    segmenter = load(folder or name)
    assert segmenter.presence_rule.weights, "calibrate the folder first"
    rows = list(read_manifest(Path(manifest)).split("test"))
    chosen = sorted(np.random.default_rng(0).permutation(len(rows))[:MOST])
    cases = _answers(segmenter, [rows[number] for number in chosen])
    present = [case for case in cases if case["kind"] not in ABSENT]
    kinds = dict.fromkeys(case["kind"] for case in cases)
    own = [case for case in present if case["kind"] == segmenter.config.evaluation_level]
    return {
        "name": name,
        "command": f"python benchmarks/measure/absent_words.py {name} MANIFEST --folder COPY",
        "own": segmenter.config.evaluation_level,
        "auroc": {kind: _auroc(own, cases, kind) for kind in ABSENT},
        "kinds": {kind: _summary(_of(cases, kind)) for kind in kinds},
        "calibration": {
            key: value for key, value in asdict(segmenter.presence_rule).items() if key != "weights"
        },
    }


def _questions(segmenter: Segmenter, row: Row) -> Iterator[tuple[str, str]]:
    random = seeds.generator(0, "absent words", *row.id.encode())
    noun = segmenter.config.data.target
    for level, texts in row.prompts.items():
        yield level, seeds.one_of(texts, random)
    yield "no words", ""
    yield "other words", seeds.one_of(OTHERS, random).format(n=noun)
    yield "denied", seeds.one_of(DENIALS, random).format(n=noun)
    yield "foreign", seeds.one_of(FOREIGN, random)


def _answers(segmenter: Segmenter, rows: list[Row]) -> list[dict[str, Any]]:
    cases = []
    dataset = Dataset.of_config(rows, segmenter.config.data)
    asked: list[tuple[int, str, str]] = []
    for number, row in enumerate(rows):
        asked += [(number, *one) for one in _questions(segmenter, row)]
    segmenter.embed([prompt for _, _, prompt in asked])
    threshold = segmenter.config.evaluate.threshold
    for part in Sampler(len(asked), segmenter.batch_size):
        pairs = [asked[number] for number in part]
        pictures = [rows[number].image for number, _, _ in pairs]
        prompts = [prompt for _, _, prompt in pairs]
        results = segmenter.segment_many(pictures, prompts, pseudo_images=False)
        for (number, kind, _), result in zip(pairs, results):
            before = result.probability > threshold
            target = dataset.truth(number, before.shape)
            case = {"kind": kind, "presence": result.presence, "is_empty": not result.mask.any()}
            case["was_empty"] = not before.any()
            case["before"], case["after"] = dice(before, target), dice(result.mask, target)
            cases.append(case)
    return cases


def _auroc(own: list[dict[str, Any]], cases: list[dict[str, Any]], kind: str) -> dict[str, float]:
    absent = _of(cases, kind)
    scores = [case["presence"] for case in (*own, *absent)]
    return asdict(auroc(scores, [True] * len(own) + [False] * len(absent)))


def _of(cases: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [case for case in cases if case["kind"] == kind]


def _summary(cases: list[dict[str, Any]]) -> dict[str, Any]:
    lost = [case["before"] - case["after"] for case in cases]
    return {
        "n": len(cases),
        "presence": float(np.mean([case["presence"] for case in cases])),
        "was_empty": float(np.mean([case["was_empty"] for case in cases])),
        "left_empty": float(np.mean([case["is_empty"] for case in cases])),
        "dice": float(np.mean([case["before"] for case in cases])),
        "dice_lost": asdict(bootstrap_mean(lost, 2000, 0)),
    }


if __name__ == "__main__":
    arguments = [one for one in sys.argv[1:] if one != "--folder"]
    write_json(RESULTS / f"{arguments[0]}.json", main(*arguments))
