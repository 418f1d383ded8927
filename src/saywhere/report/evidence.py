"""What a run directory holds.

Every part is optional, and a part that cannot be read is named. The files may come from a stranger,
so nothing in them is taken on trust: a value of another shape counts as missing.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saywhere import config
from saywhere.errors import SaywhereError
from saywhere.runs.locate import find_directory
from saywhere.runs.older_values import read_stored

_STATE = "checkpoints/best/state.json"


@dataclass(frozen=True)
class Evidence:
    """A run's files, as they stand. Missing parts are empty."""

    folder: Path
    name: str
    record: Mapping[str, object]
    """run.json"""
    epochs: list[Mapping[str, object]]
    """the rows of metrics.jsonl"""
    summary: Mapping[str, object]
    """evaluation/summary.json"""
    pictures: Mapping[str, object]
    """evaluation/pictures.json"""
    comparison: Mapping[str, object]
    """comparison.json"""
    dice: dict[str, list[float]]
    """prompt condition → Dice of each image with a target, [0, 1], from evaluation/cases.csv"""
    config_text: str
    settings: config.Config | None
    steps_per_epoch: int | None
    """None where no checkpoint says it"""
    unreadable: list[str] = field(default_factory=list)
    """a sentence per part that could not be read"""

    @property
    def conditions(self) -> Mapping[str, object]:
        """Measurements by prompt condition: right, unseen, empty, shuffled, contradictory."""
        return mapping(self.summary.get("words"))

    @property
    def is_image_only(self) -> bool:
        """Does the run read no prompts at all?"""
        if self.settings is not None:
            return not self.settings.fusion.uses_text
        return "encoder" in self.record and self.record["encoder"] is None


def gather(run: Path) -> Evidence:
    """Read a run directory.

    Args:
        run: a run directory, finished or not, evaluated or not.

    Returns:
        Its content.

    Raises:
        MissingFile: nothing in the folder is a run's.
    """
    run = find_directory(run)
    unreadable: list[str] = []
    config_text = _text(run / "config.toml", unreadable)
    settings = _settings(run / "config.toml", unreadable) if config_text else None
    return Evidence(
        folder=run,
        # Resolved, since a folder given as "." has no name.
        name=run.resolve().name,
        record=_json(run, "run.json", unreadable),
        epochs=_rows(run / "metrics.jsonl", unreadable),
        summary=_json(run, "evaluation/summary.json", unreadable),
        pictures=_json(run, "evaluation/pictures.json", unreadable),
        comparison=_json(run, "comparison.json", unreadable),
        dice=_dice(run / "evaluation/cases.csv", unreadable),
        config_text=config_text,
        settings=settings,
        steps_per_epoch=_steps_per_epoch(run, settings),
        unreadable=unreadable,
    )


def mapping(value: object) -> Mapping[str, object]:
    """Take a JSON object.

    Args:
        value: any JSON value.

    Returns:
        The value if it is an object, else an empty one.
    """
    return value if isinstance(value, dict) else {}


def listed(value: object) -> list[Any]:
    """Take a JSON array.

    Args:
        value: any JSON value.

    Returns:
        The value if it is an array, else an empty one.
    """
    return value if isinstance(value, list) else []


def _text(path: Path, unreadable: list[str]) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        unreadable.append(f"{path.name} could not be read ({type(error).__name__}) and is left out")
        return ""


def _json(run: Path, name: str, unreadable: list[str]) -> Mapping[str, object]:
    text = _text(run / name, unreadable)
    if not text:
        return {}
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        unreadable.append(f"{name} is no JSON object and is left out")
    return mapping(document)


def _rows(path: Path, unreadable: list[str]) -> list[Mapping[str, object]]:
    rows = []
    lines = _text(path, unreadable).splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(mapping(json.loads(line)))
        except (ValueError, RecursionError):
            # A last line may be half written while the run is going on.
            if number < len(lines):
                unreadable.append(f"{path.name}, line {number}, is no JSON and is left out")
    return rows


def _dice(path: Path, unreadable: list[str]) -> dict[str, list[float]]:
    """Dice by prompt condition; rows whose Dice is no share of 1 are passed over.

    Of an image without a target Dice is 1 or 0, which the report counts apart.
    """
    text = _text(path, unreadable)
    dice: dict[str, list[float]] = {}
    try:
        for row in csv.DictReader(io.StringIO(text)):
            if (share := _share(row.get("dice"))) is None:
                continue
            of_kind = dice.setdefault(str(row.get("words")), [])
            if not _is_without_target(row):
                of_kind.append(share)
    except csv.Error as error:
        unreadable.append(f"{path.name} is no CSV ({error}) and is left out")
    if text and not dice:
        unreadable.append(f"{path.name} names no Dice and is left out")
    return {kind: values for kind, values in dice.items() if values}


def _is_without_target(row: Mapping[str, object]) -> bool:
    # An earlier version wrote no pixels: nothing is known of its targets.
    pixels = [row.get(name) for name in ("true_positive", "false_negative")]
    return all(_share(value) == 0 for value in pixels)


def _share(text: object) -> float | None:
    try:
        value = float(str(text))
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None


def _steps_per_epoch(run: Path, settings: config.Config | None) -> int | None:
    """metrics.jsonl counts epochs; the best checkpoint knows its step and how many epochs it had.

    It is always saved at an epoch's end, so the division leaves nothing over.
    """
    if settings is not None and settings.train.steps_per_epoch is not None:
        return settings.train.steps_per_epoch
    # Without a word where it cannot be read: the charts count epochs then.
    state = mapping(_json(run, _STATE, []).get("state"))
    step = state.get("step")
    n_epochs = len(listed(state.get("history")))
    # True counts as 1 in Python, and is no number of steps.
    if type(step) is not int or step < 1 or not n_epochs or step % n_epochs:
        return None
    return step // n_epochs


def _settings(path: Path, unreadable: list[str]) -> config.Config | None:
    try:
        return read_stored(path)
    except SaywhereError as error:
        unreadable.append(f"config.toml is shown as it stands, but not understood: {error.found}")
        return None
