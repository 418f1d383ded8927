"""One model for five targets beside the models for one target each.

    python benchmarks/measure/general.py RUN FOLDER
    python benchmarks/measure/general.py RUN FOLDER --normal      only the normal pictures, anew

RUN is a run or model that was trained on FOLDER/manifest.jsonl (`general_manifest.py`). Each set's
published test split is asked with the right prompt, with words that only name the target, with
none, with another set's words, and with a denial; the model of that target alone is asked the same.
Writes benchmarks/results/general.json: mean Dice per image at the images' own size with its 95 %
interval, the paired difference to the other model, and the share of masks that are left empty.
Of BUSI it asks about normal pictures, too: does presence tell them?
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from blank import steps_of_model
from general_manifest import SOURCES

from saywhere import seeds
from saywhere.data.manifest import read_manifest
from saywhere.data.manifest_row import Row
from saywhere.data.near import near_duplicates
from saywhere.inference.segmenter import Segmenter, load
from saywhere.io.files import write_json
from saywhere.io.images import read_mask
from saywhere.metrics.functional import dice
from saywhere.metrics.presence import auroc
from saywhere.metrics.statistics import bootstrap_mean, paired_difference

RESULT = Path(__file__).parents[1] / "results" / "general.json"
ALONE = {"kvasir": "polyp", "isic": "skin-lesion", "qata": "lung-infection"}
"""Set → the model of its target alone."""
BEFORE = "4632ea7"
"""The last commit that had all of them."""
MOST_ASKED = 500
"""Rows of a set that are asked with other than the right prompt."""
BATCH = 16
# None of these forms is trained on. The fourth one failed at first, and forms like it were taught
# then; the last two were added before that training, and had never been asked.
VAGUE = (
    "where is the {n}?",
    "show the {n}, please",
    "{n} here",
    "mask of the {n}",
    "outline where the {n} lies",
    "a picture of the {n}",
)
DENIALS = ("I cannot see any {n}", "{n}: none", "the picture does not show a {n}")
SEED = 0


class Asked(NamedTuple):
    """Rows, and one sentence each."""

    rows: Sequence[Row]
    prompts: list[str]


def main(run: str, folder: str, *options: str) -> None:
    """Ask every model on every set, and write what came of it."""
    if "--normal" in options:
        measured = json.loads(RESULT.read_text(encoding="utf-8"))
        normal = _normal_pictures(load(run), Path(folder) / "busi.jsonl")
        measured["sets"]["busi"]["normal"] = normal
        write_json(RESULT, measured)
        return
    every = {name: test_rows(Path(folder) / f"{name}.jsonl") for name in SOURCES}
    ours = load(run)
    sets: dict[str, Any] = {}
    for name, rows in every.items():
        others = [row for other, them in every.items() if is_foreign(name, other) for row in them]
        questions = _questions(rows, others)
        answers = {kind: answers_of(ours, asked) for kind, asked in questions.items()}
        sets[name] = {kind: _summary(values) for kind, values in answers.items()}
        sets[name]["words"] = _difference(answers["right"], answers["blank"])
        if name in ALONE:
            alone = _alone(ALONE[name])
            theirs = {kind: answers_of(alone, asked) for kind, asked in questions.items()}
            sets[name]["alone"] = {kind: _summary(values) for kind, values in theirs.items()}
            sets[name]["against"] = {
                kind: _difference(answers[kind], theirs[kind]) for kind in ("right", "name")
            }
        if name == "busi":
            sets[name]["normal"] = _normal_pictures(ours, Path(folder) / f"{name}.jsonl")
        print(name, json.dumps(sets[name], default=str), flush=True)
    write_json(
        RESULT,
        {
            "command": "python benchmarks/measure/general.py RUN FOLDER",
            "config": ours.config.model_dump(mode="json", exclude={"data": {"manifest"}}),
            "n_bytes": sum(file.stat().st_size for file in _weights(ours)),
            "steps": steps_of_model("general"),
            "sets": sets,
        },
    )


def _normal_pictures(segmenter: Segmenter, manifest: Path) -> dict[str, Any]:
    """Whether presence tells pictures without a target that it did not learn from.

    The validation split chose the checkpoint and the threshold, but no weights; without it there
    would be thirteen normal pictures. BUSI holds pictures that are nearly alike, in several splits.
    """
    rows = read_manifest(manifest).rows
    pairs = near_duplicates(rows)
    alike = {pair.id for pair in pairs} | {pair.other_id for pair in pairs}
    unseen = [row for row in rows if row.split != "train"]
    random = seeds.generator(SEED, "normal pictures")
    answers = answers_of(segmenter, Asked(unseen, [_one_of(VAGUE, row, random) for row in unseen]))
    apart = [one for one, row in zip(answers, unseen) if row.id not in alike]
    tested = [one for one, row in zip(answers, unseen) if row.split == "test"]
    return {"unseen": _told(answers), "alike left out": _told(apart), "test": _told(tested)}


def _told(answers: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Area under the curve of presence, and what the model's threshold does."""
    is_there = np.array([one["is_there"] > 0 for one in answers])
    is_empty = np.array([one["is_empty"] for one in answers])
    presence = np.array([one["presence"] for one in answers])
    return {
        "n": int(is_there.sum()),
        "n_absent": int((~is_there).sum()),
        "auroc": asdict(auroc(presence, is_there)),
        "left_empty": float(is_empty[~is_there].mean()),
        "wrongly_empty": float(is_empty[is_there].mean()),
    }


def _alone(name: str) -> Segmenter:
    """The model of one target, not the one that has taken up its name."""
    alone = load(name)
    if alone.folder.name != name:
        raise SystemExit(
            f"there is no model {name!r} of its own: take src/saywhere/models/{name} of commit "
            f"{BEFORE} into a folder, and name that in SAYWHERE_MODELS"
        )
    return alone


def _weights(segmenter: Segmenter) -> list[Path]:
    return list(segmenter.folder.glob("**/best/*.safetensors")) or list(
        segmenter.folder.glob("*.safetensors")
    )


def is_foreign(name: str, other: str) -> bool:
    """A chest film shows lungs, and half of the films of `lungs` are of tuberculosis."""
    return name != other and {name, other} != {"qata", "lungs"}


def test_rows(manifest: Path) -> list[Row]:
    return [row for row in read_manifest(manifest).rows if row.split == "test"]


def _questions(rows: Sequence[Row], others: Sequence[Row]) -> dict[str, Asked]:
    """Kind → what is asked."""
    random = seeds.generator(SEED, "general")
    picked = sorted(random.permutation(len(rows))[:MOST_ASKED])
    some = [rows[number] for number in picked]
    # A prompt that names no side is not right for one lung.
    whole = [row for row in some if not row.extra["target"][0].endswith(" lung")]
    lenders = [others[int(random.integers(len(others)))] for _ in some]
    return {
        "right": Asked(rows, [row.prompts["check"][0] for row in rows]),
        "name": Asked(whole, [_one_of(VAGUE, row, random) for row in whole]),
        "blank": Asked(rows, [""] * len(rows)),
        "foreign": Asked(some, [row.prompts["check"][0] for row in lenders]),
        "denied": Asked(some, [_one_of(DENIALS, row, random) for row in some]),
    }


def _one_of(forms: Sequence[str], row: Row, random: np.random.Generator) -> str:
    return seeds.one_of(forms, random).format(n=row.extra["target"][0])


def answers_of(segmenter: Segmenter, asked: Asked) -> list[dict[str, float]]:
    """Of each row: Dice with its mask, whether its mask is empty, and whether the answer is."""
    segmenter.embed(asked.prompts)
    found = []
    for start in range(0, len(asked.rows), BATCH):
        rows = asked.rows[start : start + BATCH]
        results = segmenter.segment_many(
            [row.image for row in rows], asked.prompts[start : start + BATCH], pseudo_images=False
        )
        for row, result in zip(rows, results):
            assert row.mask is not None
            truth = read_mask(row.mask)
            found.append(
                {
                    "dice": dice(result.mask, truth),
                    "is_there": float(truth.any()),
                    "is_empty": float(not result.mask.any()),
                    "presence": result.presence if result.presence is not None else 1.0,
                }
            )
    return found


def _summary(answers: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Dice where the row's own mask marks something, and how many answers mark nothing."""
    there = [one["dice"] for one in answers if one["is_there"]]
    return {
        "n": len(there),
        "dice": asdict(bootstrap_mean(there, 2000, SEED)),
        "left_empty": float(np.mean([one["is_empty"] for one in answers])),
        "n_absent": len(answers) - len(there),
        "absent_left_empty": _share([one["is_empty"] for one in answers if not one["is_there"]]),
    }


def _share(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _difference(ours: Sequence[dict[str, float]], theirs: Sequence[dict[str, float]]) -> Any:
    pairs = [(a["dice"], b["dice"]) for a, b in zip(ours, theirs) if a["is_there"]]
    return asdict(paired_difference([a for a, _ in pairs], [b for _, b in pairs], 2000, SEED))


if __name__ == "__main__":
    main(*sys.argv[1:])
