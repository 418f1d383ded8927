"""The run directory: resolved configuration, versions, metrics; numbered, never overwritten."""

from __future__ import annotations

import csv
import io
import json
import platform
import re
import time
from importlib import metadata
from pathlib import Path
from typing import Any

from saywhere._version import __version__
from saywhere.config import Config, read
from saywhere.errors import MissingFile, UsageError
from saywhere.io import files
from saywhere.runs.config_diff import differences
from saywhere.runs.provenance import RUNNING

PACKAGES = ("torch", "numpy", "kornia", "monai", "lightning-fabric", "transformers", "safetensors")
FREE = {"train.threads"}
"""What may differ when a run is resumed."""


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

    @property
    def exists(self) -> bool:
        """True for a run, and for one that was killed before run.json was written."""
        return (self.folder / "run.json").is_file() or (self.folder / "checkpoints").is_dir()

    def write_config(self, config: Config) -> None:
        files.write_text(self.folder / "config.toml", config.to_toml())

    def write_facts(self, **facts: Any) -> None:
        """Add to run.json."""
        files.write_json(self.folder / "run.json", self.facts() | facts)

    def facts(self) -> dict[str, Any]:
        """run.json; empty before it is written. Raises UsageError where it is damaged."""
        path = self.folder / "run.json"
        try:
            return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
        except (OSError, ValueError, TypeError):
            raise UsageError(
                "run.json is damaged",
                where=path,
                remedy="remove it to go on; the checkpoints do not depend on it",
            ) from None

    def config(self, asked: Config, saved: Config | None) -> Config:
        """What to resume with: the checkpoint's, else config.toml's, else (killed before it was written) `asked`; with `asked`'s threads, if it names any.

        Raises: UsageError where they differ in more.
        """
        path = self.folder / "config.toml"
        before = saved or (read(path) if path.is_file() else asked)
        is_finished = self.facts().get("status") == "finished"
        same_config(before, asked, finished=self.folder if is_finished else None)
        return (
            before.replace(**{"train.threads": asked.train.threads})
            if asked.train.threads
            else before
        )

    def same_data(self, digest: str) -> None:
        """Refuse to resume on another manifest than the one begun with. Raises UsageError."""
        self._same("the manifest", self.facts().get("data", {}).get("digest", digest), digest)

    def same_weights(self, weights: dict[str, str] | None) -> None:
        """Refuse to resume on another file of first weights than the one begun with. Raises UsageError."""
        self._same("network.weights", self.facts().get("weights", weights), weights)

    def _same(self, what: str, begun: Any, now: Any) -> None:
        if begun != now:
            raise UsageError(
                f"{what} has changed since this run began",
                where=self.folder,
                allowed="a run goes on as it began",
                remedy="bring the file back, or start another run",
            )

    def write_metrics(self, history: list[dict[str, Any]]) -> None:
        """metrics.jsonl and metrics.csv, whole: they hold no times, so that a resumed run's are equal to the byte."""
        files.write_text(
            self.folder / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in history)
        )
        columns = list(dict.fromkeys(key for row in history for key in row))
        sheet = io.StringIO()
        writer = csv.DictWriter(sheet, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
        files.write_text(self.folder / "metrics.csv", sheet.getvalue())


def create(wanted: Path | None, name: str, claim: str = "checkpoints") -> Run:
    """A new folder: `wanted`, or runs/NAME, with -2, -3 … appended where that is taken.

    The subfolder `claim` is made at once: of two processes that find one empty folder, only one gets it. Raises NotWritable.
    """
    base = wanted or Path("runs") / name
    folder, number = base, 1
    while not _claimed(folder, claim):
        number += 1
        folder = base.with_name(f"{base.name}-{number}")
    return Run(folder)


def _claimed(folder: Path, claim: str) -> bool:
    with files.refusing(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                return False
            (folder / claim).mkdir()
        except FileExistsError:  # a file of that name, or another process was faster
            return False
    return True


def reopen(folder: Path | None, name: str) -> Run | None:
    """The run to go on with: `folder`, or the newest of runs/NAME, runs/NAME-2 …

    A run that was killed before run.json was written is one, too. None where there is none yet: a
    queue that kills and restarts calls one line again and again, and the first call begins.

    Raises:
        MissingFile: where `folder` holds something else than a run.
    """
    if folder is None:
        numbered = re.compile(re.escape(name) + r"(-\d+)?")
        places = [path.parent for path in Path("runs").glob("*/checkpoints")]
        found = [place for place in places if numbered.fullmatch(place.name)]
        if not found:
            return None
        folder = max(found, key=_latest)
    is_run = Run(folder).exists
    if not is_run and (not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))):
        return None
    if not is_run:
        remedy = "name a run directory, or a place where nothing is yet, with --out"
        raise MissingFile(f"{folder} is no run", remedy=remedy)
    for place in (folder, Run(folder).last, Run(folder).best):
        files.sweep(place)
    return Run(folder)


def _latest(folder: Path) -> float:
    return max(
        path.stat().st_mtime
        for path in (folder, folder / "checkpoints", folder / "run.json")
        if path.exists()
    )


def same_config(saved: Config, asked: Config, finished: Path | None = None) -> None:
    """Refuse to resume under another configuration: the saved one is resumed, so that another
    would be ignored.

    Args:
        saved: the configuration that the run began with.
        asked: the one of this call.
        finished: the run's directory, where the run has reached its last epoch.

    Raises:
        UsageError: naming the first key that differs.
    """
    for key, (before, now) in differences(saved.model_dump(mode="json"), asked, FREE).items():
        what = f"{key} was {before!r} and is now {now!r}"
        if finished is not None:
            raise UsageError(
                what,
                allowed="this run is finished, and a finished run is not extended",
                remedy=f"start another run from its weights with --from {finished}",
            )
        raise UsageError(
            what,
            allowed="a run goes on as it began",
            remedy="resume with the same configuration, or start another run",
        )


def weights_of(config: Config) -> dict[str, str] | None:
    """Name and sha256 of `network.weights`, for run.json; None where it is not set. Raises MissingFile."""
    path = config.network.weights
    if path is None:
        return None
    if not path.is_file():
        raise MissingFile(
            f"no file {path}",
            where="network.weights",
            remedy="name the published R50+ViT-B_16.npz, or leave the key out",
        )
    return {"file": path.name, "sha256": files.digest(path)}


def versions() -> dict[str, Any]:
    """Code, packages, machine."""
    return {
        "saywhere": __version__,
        "commit": RUNNING,
        "packages": {name: metadata.version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def now() -> str:
    """The time in UTC, as in ISO 8601."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
