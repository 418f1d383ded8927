"""The run directory: resolved configuration, versions, metrics; numbered, never overwritten."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack, cast

from saywhere.config import Config, NetworkConfig
from saywhere.errors import MissingFile, UsageError
from saywhere.io import files
from saywhere.io.pseudonyms import Pseudonyms
from saywhere.runs.config_diff import differences
from saywhere.runs.formats import refuse_newer
from saywhere.runs.history import EpochRow
from saywhere.runs.older_values import keep_taught, read_stored
from saywhere.runs.run_record import RunRecord

FREE = {"train.threads"}
"""What may differ when a run is resumed, where the call says so."""
PLACES = ("data.manifest", "data.ids", "network.weights")
"""Keys that name a place of the training's data. `text.path` is none: it is where the encoder of a
prediction lies as well.
"""


class Run:
    """One training's folder and what is written there while it goes on."""

    def __init__(
        self, folder: Path, pseudonyms: Pseudonyms | None = None, *, is_written: bool = True
    ) -> None:
        """Name a folder; nothing is read or made.

        Args:
            folder: of the run.
            pseudonyms: where given, what is written names no path: config.toml and checkpoints
                leave out where the data lies, and run.json holds keyed hashes.
            is_written: False where another process writes: then nothing is written here.
        """
        self.folder, self.pseudonyms = folder, pseudonyms
        self.is_written = is_written

    @property
    def last(self) -> Path:
        """The folder of the checkpoint that a resumption begins with."""
        return self.folder / "checkpoints" / "last"

    @property
    def best(self) -> Path:
        """The folder of the checkpoint that is best on the validation rows."""
        return self.folder / "checkpoints" / "best"

    @property
    def exists(self) -> bool:
        """True for a run, and for one that was killed before run.json was written."""
        return (self.folder / "run.json").is_file() or (self.folder / "checkpoints").is_dir()

    def write_config(self, config: Config) -> None:
        """Write config.toml.

        Args:
            config: resolved.

        Raises:
            NotWritable: where the disk refuses.
        """
        self._write("config.toml", self.written(config).to_toml())

    def written(self, config: Config) -> Config:
        """Choose what is written of a configuration.

        Args:
            config: resolved.

        Returns:
            The same; of a run that names nobody without the places of its data.
        """
        return config if self.pseudonyms is None else without_places(config)

    def write_facts(self, **facts: Unpack[RunRecord]) -> None:
        """Add to run.json.

        Args:
            **facts: key → value, as JSON holds it; a key that is there is replaced.

        Raises:
            NotWritable: where the disk refuses.
            UsageError: where run.json is damaged.
        """
        if self.pseudonyms is not None:
            facts = _nameless(facts, self.pseudonyms)
        # Read and written whole: a resumed run keeps what earlier sittings recorded.
        if self.is_written:
            files.write_json(self.folder / "run.json", self.facts() | facts)

    def facts(self) -> RunRecord:
        """Read run.json.

        Returns:
            Its content; empty before it is written.

        Raises:
            UsageError: where it is damaged.
            BadCheckpoint: where a later version of Saywhere made the run.
        """
        path = self.folder / "run.json"
        if not path.is_file():
            return {}
        try:
            facts = cast(RunRecord, dict(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError, RecursionError):
            raise UsageError(
                "run.json is damaged",
                where=path,
                remedy="remove it to go on; the checkpoints do not depend on it",
            ) from None
        refuse_newer("run", facts, self.folder)
        return facts

    def config(
        self, wanted: Config, saved: Config | None, *, other_threads: bool = False
    ) -> Config:
        """Choose what to resume with: the run's own configuration.

        Args:
            wanted: the configuration of this call.
            saved: the checkpoint's; None: config.toml's, else `wanted` where that is not there.
            other_threads: may the number of threads be another one than the run's?

        Returns:
            The configuration to go on with.

        Raises:
            UsageError: where the two differ; in threads, unless `other_threads`.
        """
        path = self.folder / "config.toml"
        before = saved or (read_stored(path) if path.is_file() else wanted)
        # An older run goes on as it began, whatever today's defaults are.
        wanted = keep_taught(wanted, before)
        is_finished = self.facts().get("status") == "finished"
        same_config(before, self.written(wanted), finished=self.folder if is_finished else None)
        if self.pseudonyms is not None:
            # Only this call knows where the data lies; that it is the same, its digest says.
            before = before.replace(**{key: _value(wanted, key) for key in PLACES})
        begun, now = before.train.threads, wanted.train.threads  # 0: as the run has it
        if now in (0, begun):
            return before
        if begun and not other_threads:
            raise UsageError(
                f"train.threads was {begun} and is now {now}",
                allowed="with as many threads as before a run goes on to the same bits",
                remedy="leave train.threads out, or say --other-threads (other_threads=True)",
            )
        return before.replace(**{"train.threads": now})

    def same_naming(self) -> None:
        """Refuse to resume with names what was begun without, and the other way round.

        Raises:
            UsageError: where --no-identifiers was given then and not now, or now and not then.
        """
        began = self.facts().get("no_identifiers", False)
        if self.facts() and began != (self.pseudonyms is not None):
            raise UsageError(
                f"this run was begun with{'' if began else 'out'} --no-identifiers",
                where=self.folder,
                allowed="a run goes on as it began",
                remedy=f"{'give it' if began else 'leave it out'} here as well",
            )

    def same_data(self, digest: str) -> None:
        """Refuse to resume on another manifest than the one begun with.

        Args:
            digest: sha256 of the manifest of this call.

        Raises:
            UsageError: where it is another one.
        """
        # A run that was killed before its facts were written has no digest to compare with.
        data = self.facts().get("data")
        self._same("the manifest", data.get("digest", digest) if data else digest, digest)

    def same_weights(self, weights: dict[str, str] | None) -> None:
        """Refuse to resume on another file of first weights than the one begun with.

        Args:
            weights: what `weights_of` gives.

        Raises:
            UsageError: where it is another one.
        """
        begun = self.facts().get("weights", weights)
        # By content: the file may have been moved.
        self._same("network.weights", begun and begun["sha256"], weights and weights["sha256"])

    def _same(self, what: str, begun: object, now: object) -> None:
        if begun != now:
            raise UsageError(
                f"{what} has changed since this run began",
                where=self.folder,
                allowed="a run goes on as it began",
                remedy="bring the file back, or start another run",
            )

    def write_metrics(self, history: Sequence[EpochRow]) -> None:
        """Write metrics.jsonl and metrics.csv, whole.

        They hold no times, so that a resumed run's are equal to the byte.

        Args:
            history: one row per epoch.

        Raises:
            NotWritable: where the disk refuses.
        """
        rows = [row.to_json() for row in history]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        self._write("metrics.jsonl", lines)
        # Rows differ in their keys: not every epoch is validated.
        columns = dict.fromkeys(key for row in rows for key in row)
        sheet = io.StringIO()
        # By itself, the csv module ends lines as Windows does.
        writer = csv.DictWriter(sheet, list(columns), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        self._write("metrics.csv", sheet.getvalue())

    def _write(self, name: str, text: str) -> None:
        if self.is_written:
            files.write_text(self.folder / name, text)


def _nameless(facts: RunRecord, pseudonyms: Pseudonyms) -> RunRecord:
    """With hashes for the paths of a manifest, of first weights and of other runs."""
    facts = facts.copy()
    facts["no_identifiers"] = True
    if "data" in facts:
        manifest = pseudonyms.of(facts["data"]["manifest"])
        facts["data"] = {**facts["data"], "manifest": manifest}
    if "weights" in facts:
        facts["weights"] = {**facts["weights"], "file": pseudonyms.of(facts["weights"]["file"])}
    if "started_from" in facts:
        facts["started_from"] = pseudonyms.of(facts["started_from"])
    return facts


def _value(config: Config, key: str) -> object:
    section, _, name = key.partition(".")
    return getattr(getattr(config, section), name)


def without_places(config: Config) -> Config:
    """Leave out where a training's data lies.

    Args:
        config: resolved.

    Returns:
        The configuration without the keys of `PLACES`.
    """
    return config.replace(**{key: None for key in PLACES})


def create(wanted: Path | None, name: str, claim: str = "checkpoints") -> Run:
    """Make a new folder.

    Args:
        wanted: the place; None: runs/NAME. With -2, -3 … appended where that is taken.
        name: of the default place.
        claim: a subfolder that is made at once: of two processes that see one empty folder, only
            one gets it.

    Returns:
        The run in that folder.

    Raises:
        NotWritable: where no folder can be made.
    """
    base = wanted or Path("runs") / name
    folder = base
    number = 1
    while not _claimed(folder, claim):
        number += 1
        folder = base.with_name(f"{base.name}-{number}")
    return Run(folder)


def _claimed(folder: Path, claim: str) -> bool:
    with files.refusing(folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Not empty: it may be an earlier run, or somebody's files.
            if any(folder.iterdir()):
                return False
            (folder / claim).mkdir()
        except FileExistsError:
            # A file of that name, or another process was faster.
            return False
    return True


def reopen(folder: Path | None, name: str) -> Run | None:
    """Open the run to go on with.

    A run that was killed before run.json was written is one, too.

    Args:
        folder: the run's; None: the newest of runs/NAME, runs/NAME-2 …
        name: of the default place.

    Returns:
        The run; None where there is none yet: a queue that kills and restarts calls one line again
        and again, and the first call begins.

    Raises:
        MissingFile: where `folder` holds something else than a run.
    """
    folder = folder or _newest(name)
    if folder is None:
        return None
    if not Run(folder).exists:
        # An empty folder holds no run either: the first call begins there.
        if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
            return None
        remedy = "name a run directory, or a place where nothing is yet, with --out"
        raise MissingFile(f"{folder} is no run", remedy=remedy)
    for place in (folder, Run(folder).last, Run(folder).best):
        # Away with what a killed process left half written.
        files.sweep(place)
    return Run(folder)


def _newest(name: str) -> Path | None:
    numbered = re.compile(re.escape(name) + r"(-\d+)?")
    # By `checkpoints`, which is made first: a killed run may have no run.json.
    places = [path.parent for path in Path("runs").glob("*/checkpoints")]
    named = [place for place in places if numbered.fullmatch(place.name)]
    return max(named, key=_latest, default=None)


def _latest(folder: Path) -> float:
    places = (folder, folder / "checkpoints", folder / "run.json")
    return max(path.stat().st_mtime for path in places if path.exists())


def same_config(saved: Config, wanted: Config, finished: Path | None = None) -> None:
    """Refuse to resume under another configuration: the saved one is resumed, so that another
    would be ignored.

    Args:
        saved: the configuration that the run began with.
        wanted: the one of this call.
        finished: the run's directory, where the run has reached its last epoch.

    Raises:
        UsageError: naming the first key that differs.
    """
    for key, (before, now) in differences(saved.model_dump(mode="json"), wanted, FREE).items():
        change = f"{key} was {before!r} and is now {now!r}"
        if finished is not None:
            raise UsageError(
                change,
                allowed="this run is finished, and a finished run is not extended",
                remedy=f"start another run from its weights with --from {finished}",
            )
        raise UsageError(
            change,
            allowed="a run goes on as it began",
            remedy="resume with the same configuration, or start another run",
        )


def weights_of(config: NetworkConfig) -> dict[str, str] | None:
    """Name the file of first weights, for run.json.

    Args:
        config: its `weights` is looked at.

    Returns:
        {"file": name, "sha256": digest}; None where the key is not set.

    Raises:
        MissingFile: where the file is not there.
    """
    path = config.weights
    if path is None:
        return None
    if not path.is_file():
        raise MissingFile(
            f"no file {path}",
            where="network.weights",
            remedy="name the published R50+ViT-B_16.npz, or leave the key out",
        )
    return {"file": path.name, "sha256": files.digest(path)}
