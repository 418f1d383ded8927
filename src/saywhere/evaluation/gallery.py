"""The pictures of an evaluation: best, median and worst cases, and one image that is given several prompts."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from saywhere.data.manifest import Row
from saywhere.evaluation.prompt_conditions import evaluation_prompt
from saywhere.inference.result import Result
from saywhere.inference.segmenter import Segmenter
from saywhere.io import files, images
from saywhere.metrics.functional import dice
from saywhere.text.directions import contradict

N_EACH, N_ASKED = 2, 3
Case = dict[str, Any]


def write(
    folder: Path,
    segmenter: Segmenter,
    rows: Sequence[Row],
    cases: Sequence[Case],
    contradicted: Sequence[Case] = (),
) -> None:
    """Fill folder/pictures and folder/pictures.json, in place of what an earlier evaluation left.

    `cases`: with the right words; `contradicted`: with contradictory ones, as far as there are any.
    """
    place = folder / "pictures"
    with files.refusing(place):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True, exist_ok=True)
    by_id = {row.id: row for row in rows}
    shown = [
        _case(place, segmenter, by_id[case["id"]], rank, case) for rank, case in _ranked(cases)
    ]
    files.write_json(
        folder / "pictures.json",
        {"cases": shown, "prompts": _asked(place, segmenter, rows, cases, contradicted)},
    )


def _ranked(cases: Sequence[Case]) -> list[tuple[str, Case]]:
    ordered = sorted(cases, key=lambda case: case["dice"])
    middle = max(0, (len(ordered) - N_EACH) // 2)
    chosen = [("best", case) for case in reversed(ordered[-N_EACH:])] + [
        ("median", case) for case in ordered[middle : middle + N_EACH]
    ]
    return chosen + [("worst", case) for case in ordered[:N_EACH]]


def _case(place: Path, segmenter: Segmenter, row: Row, rank: str, case: Case) -> dict[str, Any]:
    result = segmenter.segment(row.image, case["prompt"])
    name = f"{rank}-{len(list(place.glob(f'{rank}-*-image.png'))) + 1}"
    target = (
        images.read_mask(row.mask) if row.mask is not None else np.zeros(result.mask.shape, bool)
    )
    images.write_image(place / f"{name}-image.png", result.image)
    images.write_mask(place / f"{name}-truth.png", target)
    written = _answer(place, name, result)
    return {
        "rank": rank,
        "id": row.id,
        "prompt": case["prompt"],
        "dice": case["dice"],
        "image": f"{name}-image.png",
        "truth": f"{name}-truth.png",
        **written,
    }


def _answer(place: Path, name: str, result: Result) -> dict[str, str | None]:
    images.write_mask(place / f"{name}-prediction.png", result.mask)
    if result.pseudo_image is None:
        return {"prediction": f"{name}-prediction.png", "pseudo_image": None}
    images.write_image(
        place / f"{name}-pseudo.png", (result.pseudo_image * 255).round().astype(np.uint8)
    )
    return {"prediction": f"{name}-prediction.png", "pseudo_image": f"{name}-pseudo.png"}


def _asked(
    place: Path,
    segmenter: Segmenter,
    rows: Sequence[Row],
    cases: Sequence[Case],
    contradicted: Sequence[Case],
) -> list[dict[str, Any]]:
    """One image, several prompts: its own lesions' where the set names several, else its own, the contradictory and no words."""
    if not segmenter.hears_words:
        return []
    questions = _several_lesions(rows, segmenter) or _one_lesion(rows, cases, contradicted)
    found = []
    for number, (image, asked) in enumerate(questions[:N_ASKED], start=1):
        answers = []
        for i, (prompt, mask) in enumerate(asked, start=1):
            result = segmenter.segment(image, prompt)
            truth = None if mask is None else dice(result.mask, images.read_mask(mask))
            answers.append(
                {"prompt": prompt, "dice": truth, **_answer(place, f"asked-{number}-{i}", result)}
            )
        images.write_image(place / f"asked-{number}-image.png", result.image)
        found.append(
            {"id": Path(image).stem, "image": f"asked-{number}-image.png", "answers": answers}
        )
    return found


Question = tuple[Path, list[tuple[str, "Path | None"]]]


def _several_lesions(rows: Sequence[Row], segmenter: Segmenter) -> list[Question]:
    by_image: dict[Path, list[Row]] = {}
    for row in rows:
        by_image.setdefault(row.image, []).append(row)
    several = [(image, found) for image, found in by_image.items() if len(found) >= 3]
    return [
        (image, [(evaluation_prompt(row, segmenter.config), row.mask) for row in found[:3]])
        for image, found in several
    ]


def _one_lesion(
    rows: Sequence[Row], cases: Sequence[Case], contradicted: Sequence[Case]
) -> list[Question]:
    """The case whose mask contradictory words changed most, the median one, and the one that they changed least; where they were not measured, the best."""
    by_id, own = {row.id: row for row in rows}, {case["id"]: case for case in cases}
    opposite = {case["id"]: case["prompt"] for case in contradicted}
    if opposite:
        ordered = [
            case["id"]
            for case in sorted(
                contradicted, key=lambda case: case["dice"] - own[case["id"]]["dice"]
            )
        ]
        chosen = [ordered[i] for i in sorted({0, len(ordered) // 2, len(ordered) - 1})]
    else:
        opposite = {
            case["id"]: said for case in cases if (said := contradict(case["prompt"])) is not None
        }
        chosen = sorted(opposite, key=lambda name: -own[name]["dice"])
    return [
        (
            by_id[name].image,
            [(own[name]["prompt"], by_id[name].mask), (opposite[name], None), ("", None)],
        )
        for name in chosen
    ]
