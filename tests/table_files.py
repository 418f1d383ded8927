"""Result files as `saywhere experiment` writes them, with numbers of a test's choice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from saywhere.config import Config


def cell(
    label: str, seed: int, dice: np.ndarray, wrong: np.ndarray | None = None
) -> dict[str, Any]:
    kinds = {"right": dice} | ({} if wrong is None else {"shuffled": wrong})
    cases = [
        {"id": f"case-{i}", "words": kind, "dice": float(value)}
        for kind, values in kinds.items()
        for i, value in enumerate(values)
    ]
    measured = {"dice_pooled": 0.5, "iou_pooled": 0.4, "iou_mean": {"mean": 0.3}}
    summary = {
        "n": len(dice),
        "words": {kind: measured for kind in kinds},
        "listening": {} if wrong is None else {"shuffled": {}},
    }
    about = {
        "status": "finished",
        "command": "saywhere experiment g.toml",
        "config": Config().model_dump(mode="json"),
    }
    return about | {"label": label, "seed": seed, "cases": cases, "summary": summary}


def written(folder: Path, cells: list[dict[str, Any]], reference: str | None = "image") -> Path:
    (folder / "table.json").write_text(
        json.dumps({"title": "T", "note": "N.", "reference": reference})
    )
    for found in cells:
        (folder / f"{found['label'].replace(' ', '-')}-seed{found['seed']}.json").write_text(
            json.dumps(found)
        )
    return folder


def with_negatives(one: dict[str, Any], left_empty: list[bool]) -> dict[str, Any]:
    """A cell as `cell` makes it, its cases with pixels, and these without a target besides."""
    for case in one["cases"]:
        case |= {"iou": case["dice"] / 2, "true_positive": 9, "false_positive": 1}
        case["false_negative"] = 1
    kinds = dict.fromkeys(case["words"] for case in one["cases"])
    one["cases"] += [
        {
            "id": f"normal-{i}",
            "words": kind,
            "dice": float(is_empty),
            "iou": float(is_empty),
            "true_positive": 0,
            "false_positive": 0 if is_empty else 7,
            "false_negative": 0,
        }
        for kind in kinds
        for i, is_empty in enumerate(left_empty)
    ]
    return one
