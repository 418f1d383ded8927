"""Does a model know when nothing is there?

    python benchmarks/measure/presence.py fold 1       BUSI: one of five folds is tested
    python benchmarks/measure/presence.py sets         five sets, words of another organ

Trains `lite` with a presence head (or goes on with the training where it stopped), asks it about
each picture, and writes what it answers to RUNS/CELL.json: the head, the largest probability, the
marked share, and a logistic regression on the frozen network's features. `presence_table.py` makes
the table of these. RUNS is runs/presence; SAYWHERE_DATA names the folder of the sets.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from saywhere import seeds
from saywhere.config import Config, parse
from saywhere.data.manifest import read_manifest
from saywhere.data.manifest_row import Row
from saywhere.data.near import near_duplicates
from saywhere.inference.segmenter import Segmenter, load
from saywhere.io.files import write_json, write_text
from saywhere.io.images import read_mask
from saywhere.metrics.functional import dice
from saywhere.training.trainer import train

DATA = Path(os.environ.get("SAYWHERE_DATA", "../shared/data"))
RUNS = Path("runs/presence")
N_FOLDS, SEED = 5, 0
QUESTION = "Tumor in the breast ultrasound image."
# None of these forms is trained on.
DENIALS = ("the image shows no tumor", "tumor: none", "I cannot see any tumor")
NOUNS = {
    "kvasir": "polyp",
    "isic": "skin melanoma",
    "qata": "pulmonary infection",
    "lungs": "lung",
    "busi": "breast tumor",
}
FOREIGN = ("polyp", "skin melanoma", "pulmonary infection", "left lung", "kidney", "optic disc")
UNSEEN_FOREIGN = ("please outline the polyp here", "where is the skin melanoma?", "liver", "lung")
LEVELS = {
    "kvasir": ("p1", "p5", "p6", "p8"),
    "isic": ("p1", "p5", "p6", "p8"),
    "qata": ("text",),
    "lungs": ("image", "short"),
    "busi": ("p1", "p2", "p4", "p5", "p6"),
}
N_TRAINED, N_TESTED = 300, 40
"""Of each of the five sets."""
TRAINED_ASKED = 4
"""One in so many training pictures is asked about, for the regression."""
STEPS = {"fold": 500, "sets": 900}


class Asked(NamedTuple):
    """A picture, a sentence, and the mask that it means; None: nothing is meant."""

    row: Row
    kind: str
    prompt: str
    mask: np.ndarray | None


def main(name: str, *which: str) -> None:
    """Train a cell, ask, and write what it answered."""
    cell = f"{name}{''.join(which)}"
    folder = RUNS / cell
    folder.mkdir(parents=True, exist_ok=True)
    manifest = folder / "manifest.jsonl"
    if not manifest.exists():
        lines = _folds() if name == "fold" else _sets(folder)
        write_text(manifest, "".join(json.dumps(line) + "\n" for line in lines))
    config = _config(name, manifest, *map(int, which))
    run = train(config, folder / "run", resume=True)
    segmenter = load(run)
    rows = {split: _rows(segmenter, split) for split in ("train", "val", "test")}
    # The regression learns from some of them: asking takes as long as training.
    rows["train"] = rows["train"][::TRAINED_ASKED]
    questions = _of_fold if name == "fold" else _of_sets
    answers = {split: _answers(segmenter, list(questions(rows[split]))) for split in rows}
    document = {
        "cell": cell,
        "command": f"python benchmarks/measure/presence.py {name} {' '.join(which)}".rstrip(),
        "config": config.model_dump(mode="json", exclude={"data": {"manifest"}}),
        "cases": {split: answers[split] for split in ("val", "test")},
    }
    _regress(answers)
    write_json(RUNS / f"{cell}.json", document)


def _config(name: str, manifest: Path, fold: int | None = None) -> Config:
    levels = list(LEVELS["busi"]) if name == "fold" else ["own"]
    own = {"denied": 0.12, "foreign": 0.12, "foreign_targets": list(FOREIGN), "borrowed": 0.8}
    of_sets = {"denied": 0.0}
    document: dict[str, Any] = {
        "data": {
            "manifest": str(manifest),
            "size": 128,
            "target": "tumor",
            "fault_budget": 1.0,
            **(own if name == "fold" else of_sets),
        },
        "text": {
            "train_prompts": levels,
            "evaluate_prompts": levels[0],
            "blank": 0.05,
        },
        "fusion": {"words_first": 150},
        "augment": {
            "degrees": 30.0,
            "scale": [0.75, 1.25],
            "brightness": 0.2,
            "contrast": 0.2,
            "vertical_flip": 0.0 if name == "fold" else 0.5,
        },
        "network": {"name": "lite", "first_filters": "scale"},
        "loss": {"roi": "none", "presence": 0.5},
        "train": {
            "epochs": STEPS[name] // 100,
            "steps_per_epoch": 100,
            "batch_size": 8,
            "validate_every": STEPS[name] // 100,
            "precision": "bf16-mixed",
            "threads": 1,
            "seed": SEED,
        },
    }
    if fold is not None:
        document["data"]["fold"] = fold
    return parse(document, where="benchmarks/measure/presence.py")


def _folds() -> list[dict[str, Any]]:
    """BUSI's lines with a fold each; pictures that are nearly one stay in one fold."""
    place = DATA / "busi" / "annotations.jsonl"
    lines = [json.loads(line) for line in place.read_text().splitlines()]
    groups = _groups(place, [line["id"] for line in lines])
    random = np.random.default_rng(SEED)
    fold_of: dict[str, int] = {}
    # Normal and other pictures apart, so that each fold has its share of both.
    for is_normal in (False, True):
        own = sorted({groups[one["id"]] for one in lines if one["absent"] == is_normal})
        for number, index in enumerate(random.permutation(len(own))):
            fold_of.setdefault(own[index], number % N_FOLDS + 1)
    for line in lines:
        line |= {"fold": fold_of[groups[line["id"]]], "split": "train"}
        line |= {key: str((place.parent / line[key]).resolve()) for key in ("image", "mask")}
    return lines


def _groups(place: Path, ids: Sequence[str]) -> dict[str, str]:
    """Each id → the first one of those that show nearly the same picture."""
    rows = read_manifest(place).rows
    # Each row in a split of its own: pairs are looked for across splits alone.
    apart = [replace(row, split=row.id) for row in rows]
    group = {one: one for one in ids}
    for pair in near_duplicates(apart):
        first, second = sorted((group[pair.id], group[pair.other_id]))
        group = {one: first if root == second else root for one, root in group.items()}
    return group


def _sets(folder: Path) -> list[dict[str, Any]]:
    """Rows of five sets with their own sentences, and rows with another set's and no mask."""
    lines: list[dict[str, Any]] = []
    for name in NOUNS:
        place = DATA / name / "annotations.jsonl"
        own = [json.loads(line) for line in place.read_text().splitlines()]
        own = [line for line in own if not line.get("absent")]
        for split, most in (("train", N_TRAINED), ("val", N_TESTED), ("test", N_TESTED)):
            random = np.random.default_rng([SEED, len(lines)])
            chosen = [line for line in own if line["split"] == split]
            picked = random.permutation(len(chosen))[:most]
            lines += [_line(name, place, chosen[number]) for number in sorted(picked)]
    random = np.random.default_rng(SEED)
    foreign = [_foreign(folder, line, lines, random) for line in lines]
    return lines + foreign


def _foreign(
    folder: Path,
    line: dict[str, Any],
    lines: Sequence[dict[str, Any]],
    random: np.random.Generator,
) -> dict[str, Any]:
    """The same picture with three sentences of other sets, and no mask."""
    others = [one for one in lines if one["set"] != line["set"]]
    lenders = [others[int(random.integers(len(others)))] for _ in range(3)]
    return line | {
        "id": f"{line['id']}-foreign",
        "mask": _empty(folder, line["image"]),
        "prompts": {"own": [seeds.one_of(one["prompts"]["own"], random) for one in lenders]},
        "absent": True,
        "meant": "empty_mask",
    }


def _line(name: str, place: Path, line: dict[str, Any]) -> dict[str, Any]:
    texts: list[str] = []
    for level in LEVELS[name]:
        given = line["prompts"].get(level, [])
        texts += [given] if isinstance(given, str) else given
    return {
        "id": f"{name}-{line['id']}",
        "image": str((place.parent / line["image"]).resolve()),
        "mask": str((place.parent / line["mask"]).resolve()),
        "split": line["split"],
        "prompts": {"own": texts},
        "set": name,
    }


def _empty(folder: Path, image: str) -> str:
    with Image.open(image) as picture:
        size = picture.size
    place = folder / f"empty-{size[0]}x{size[1]}.png"
    if not place.exists():
        Image.new("L", size).save(place)
    return str(place.resolve())


def _rows(segmenter: Segmenter, split: str) -> list[Row]:
    from saywhere.data.select import manifest_of

    return list(manifest_of(segmenter.config.data).split(split))


def _of_fold(rows: Sequence[Row]) -> Iterator[Asked]:
    """Is there a tumor? Then denials, and words of other organs."""
    for row in rows:
        random = seeds.generator(SEED, "presence", *row.id.encode())
        mask = read_mask(row.mask)
        yield Asked(row, "question", QUESTION, mask if mask.any() else None)
        if mask.any():
            yield Asked(row, "own", row.prompts["p6"][0], mask)
        yield Asked(row, "denied", seeds.one_of(DENIALS, random), None)
        yield Asked(row, "foreign", seeds.one_of(UNSEEN_FOREIGN, random), None)


def _of_sets(rows: Sequence[Row]) -> Iterator[Asked]:
    """A row's own sentences, or another set's."""
    for row in rows:
        mask = read_mask(row.mask)
        random = seeds.generator(SEED, "presence", *row.id.encode())
        prompt = seeds.one_of(row.prompts["own"], random)
        yield Asked(row, "own" if mask.any() else "foreign", prompt, mask if mask.any() else None)


def _answers(segmenter: Segmenter, questions: Sequence[Asked]) -> list[dict[str, Any]]:
    """Each question with what the network answers; features are taken out again later."""
    cases = []
    threshold = segmenter.config.evaluate.threshold
    segmenter.embed([one.prompt for one in questions])
    for start in range(0, len(questions), 16):
        part = questions[start : start + 16]
        pictures = [segmenter.prepare(one.row.image) for one in part]
        readings = [segmenter.read(one.prompt) for one in part]
        scores = segmenter.scores(pictures, readings)
        for number, (one, picture) in enumerate(zip(part, pictures)):
            answer = scores.of(number)
            assert answer.presence is not None
            assert answer.features is not None
            mask = picture.in_frame(answer.probability, segmenter.runtime)[..., 0] > threshold
            case = {
                "id": one.row.id,
                "kind": one.kind,
                "is_there": one.mask is not None,
                "head": float(answer.presence[0]),
                "maximum": float(answer.probability.max()),
                "area": float(mask.mean()),
                "dice": None if one.mask is None else dice(mask, one.mask),
                "features": answer.features[0],
            }
            cases.append(case)
    return cases


def _regress(answers: dict[str, list[dict[str, Any]]]) -> None:
    """Give each case the score of a logistic regression, fitted on the training's answers.

    Ridge, with the strength that is best on the validation answers; the features leave the cases.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features = {split: _taken_out(cases) for split, cases in answers.items()}
    is_there = {split: _truth(cases) for split, cases in answers.items()}
    best = None
    for strength in (1e-4, 1e-3, 1e-2, 1e-1):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=500))
        model.fit(features["train"], is_there["train"])
        loss = log_loss(is_there["val"], model.predict_proba(features["val"])[:, 1])
        if best is None or loss < best[0]:
            best = (loss, model)
    assert best is not None
    for split, cases in answers.items():
        for case, score in zip(cases, best[1].decision_function(features[split])):
            case["regression"] = float(score)


def _taken_out(cases: list[dict[str, Any]]) -> np.ndarray:
    return np.stack([case.pop("features") for case in cases])


def _truth(cases: list[dict[str, Any]]) -> list[bool]:
    return [case["is_there"] for case in cases]


if __name__ == "__main__":
    main(*sys.argv[1:])
