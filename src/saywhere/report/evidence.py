"""What a run directory holds, read with patience: every part is optional, and a part that cannot be read is named."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from saywhere import config
from saywhere.errors import SaywhereError
from saywhere.runs.named import find_directory


@dataclass(frozen=True)
class Evidence:
    """A run's files, as they stand. Missing parts are empty."""

    folder: Path
    name: str
    record: dict[str, Any]
    epochs: list[dict[str, Any]]
    summary: dict[str, Any]
    pictures: dict[str, Any]
    comparison: dict[str, Any]
    config_text: str
    settings: config.Config | None
    unreadable: list[str] = field(default_factory=list)

    @property
    def words(self) -> dict[str, Any]:
        """Measurements by kind of words: right, unseen, empty, shuffled, contradictory."""
        return mapping(self.summary.get("words"))

    @property
    def is_image_only(self) -> bool:
        """Does the run read no words at all?"""
        if self.settings is not None:
            return not self.settings.fusion.uses_text
        return "encoder" in self.record and self.record["encoder"] is None


def gather(run: Path) -> Evidence:
    """Read a run directory. Raises MissingFile if it is none."""
    run = find_directory(run)
    unreadable: list[str] = []
    config_text = _text(run / "config.toml", unreadable)
    return Evidence(
        folder=run,
        name=run.resolve().name,
        record=_json(run, "run.json", unreadable),
        epochs=_rows(run / "metrics.jsonl", unreadable),
        summary=_json(run, "evaluation/summary.json", unreadable),
        pictures=_json(run, "evaluation/pictures.json", unreadable),
        comparison=_json(run, "comparison.json", unreadable),
        config_text=config_text,
        settings=_settings(run / "config.toml", unreadable) if config_text else None,
        unreadable=unreadable,
    )


def mapping(value: object) -> dict[str, Any]:
    """The value if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def listed(value: object) -> list[Any]:
    """The value if it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def _text(path: Path, unreadable: list[str]) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.is_file() else ""
    except (OSError, UnicodeDecodeError) as error:
        unreadable.append(f"{path.name} could not be read ({type(error).__name__}) and is left out")
        return ""


def _json(run: Path, name: str, unreadable: list[str]) -> dict[str, Any]:
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


def _rows(path: Path, unreadable: list[str]) -> list[dict[str, Any]]:
    rows = []
    lines = _text(path, unreadable).splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(mapping(json.loads(line)))
        except (ValueError, RecursionError):
            if number < len(lines):  # a last line may be half written while the run is going on
                unreadable.append(f"{path.name}, line {number}, is no JSON and is left out")
    return rows


def _settings(path: Path, unreadable: list[str]) -> config.Config | None:
    try:
        return config.read(path)
    except SaywhereError as error:
        unreadable.append(f"config.toml is shown as it stands, but not understood: {error.found}")
        return None
