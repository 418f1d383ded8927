"""The run directory: resolved configuration, versions, metrics; numbered, never overwritten."""

from __future__ import annotations

import csv
import io
import json
import platform
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from saywhere._version import __version__
from saywhere.config import Config
from saywhere.errors import MissingFile, UsageError
from saywhere.io import files

PACKAGES = ("torch", "numpy", "kornia", "monai", "lightning-fabric", "transformers", "safetensors")


class Run:
    """One training's folder and what is written there while it goes on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def last(self) -> Path:
        return self.folder / "checkpoints" / "last"

    @property
    def best(self) -> Path:
        return self.folder / "checkpoints" / "best"

    def write_config(self, config: Config) -> None:
        files.write_text(self.folder / "config.toml", config.to_toml())

    def write_facts(self, **facts: Any) -> None:
        """Add to run.json."""
        files.write_json(self.folder / "run.json", self.facts() | facts)

    def facts(self) -> dict[str, Any]:
        path = self.folder / "run.json"
        return json.loads(path.read_text()) if path.is_file() else {}

    def write_metrics(self, history: list[dict[str, Any]]) -> None:
        """metrics.jsonl and metrics.csv, whole: they hold no times, so that a resumed run's are equal to the byte."""
        files.write_text(self.folder / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in history))
        columns = list(dict.fromkeys(key for row in history for key in row))
        sheet = io.StringIO()
        writer = csv.DictWriter(sheet, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        files.write_text(self.folder / "metrics.csv", sheet.getvalue())


def create(wanted: Path | None, name: str) -> Run:
    """A new folder: `wanted`, or runs/NAME, with -2, -3 … appended where that is taken."""
    base = wanted or Path("runs") / name
    folder, number = base, 1
    while True:
        try:
            with files.refusing(folder):
                folder.mkdir(parents=True)
            return Run(folder)
        except FileExistsError:
            if folder.is_dir() and not any(folder.iterdir()):
                return Run(folder)
            number += 1
            folder = base.with_name(f"{base.name}-{number}")


def reopen(folder: Path | None, name: str) -> Run:
    """The folder to resume: `folder`, or the newest runs/NAME*."""
    if folder is None:
        found = sorted(Path("runs").glob(f"{name}*/run.json"), key=lambda path: path.stat().st_mtime)
        if not found:
            raise MissingFile(f"no run of {name!r} to resume", where="runs", remedy="name it with --out, or train without --resume")
        folder = found[-1].parent
    if not (folder / "run.json").is_file():
        raise MissingFile("no run.json", where=folder, remedy="name a run directory with --out, or train without --resume")
    files.sweep(folder)
    files.sweep(folder / "checkpoints" / "last")
    files.sweep(folder / "checkpoints" / "best")
    return Run(folder)


def same_config(saved: Config, asked: Config) -> None:
    """Refuse to resume under another configuration, naming the first key that differs (what `auto` chose is not compared)."""
    free = {("train", "precision"), ("train", "threads"), ("train", "channels_last")}
    before, after = saved.model_dump(mode="json"), asked.model_dump(mode="json")
    for section, values in after.items():
        for key, value in values.items():
            if value != before[section].get(key) and (section, key) not in free:
                raise UsageError(f"{section}.{key} was {before[section].get(key)!r} and is now {value!r}", allowed="a run goes on as it began",
                                 remedy="resume with the same configuration, or start another run")  # fmt: skip


def versions() -> dict[str, Any]:
    """Code, packages, machine."""
    return {
        "saywhere": __version__,
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
