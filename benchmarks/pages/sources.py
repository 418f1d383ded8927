"""Where the pages' numbers lie, and the one form that their tables have."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from saywhere.experiments.moved import moved

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
MODELS = ROOT / "src" / "saywhere" / "models"


def markdown(heads: Iterable[object], rows: Iterable[Iterable[object]], note: str = "") -> str:
    """A table in Markdown.

    Args:
        heads: the columns' names.
        rows: cells, as many a row as there are heads.
        note: what stands below the table; blank: nothing.

    Returns:
        Lines, each with its line break.
    """
    named = list(heads)
    lines = [named, ["---"] * len(named), *(list(row) for row in rows)]
    text = "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
    return f"{text}\n{note}\n" if note else text


def result(name: str) -> dict[str, Any]:
    """A result file of `benchmarks/results`, with today's paths in its commands."""
    return moved(json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8")))


def results(folder: str) -> list[dict[str, Any]]:
    """All result files of a folder there, by name: one a pretrained model."""
    places = sorted((RESULTS / folder).glob("*.json"))
    return [result(f"{folder}/{place.stem}") for place in places]


def evidence() -> dict[str, dict[str, Any]]:
    """What was evaluated and probed of each pretrained model, by the model's name."""
    places = sorted(MODELS.glob("*/config.json"))
    read = {place.parent.name: json.loads(place.read_text(encoding="utf-8")) for place in places}
    return {name: facts["evidence"] for name, facts in read.items()}
