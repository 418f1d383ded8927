"""Models by name: those on this machine, fetch one, pass one on.

torch is loaded only once a model is built or written: a list, and a mistyped name, answer at once.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from saywhere.errors import SaywhereError, UsageError
from saywhere.hub.digests import read_sums, verified
from saywhere.hub.facts import (
    CONFIG,
    LEARNED,
    ModelFacts,
    files_of,
    read_facts,
    read_whole_facts,
    refuse_newer,
)
from saywhere.hub.metadata import About
from saywhere.hub.transfer import fetch, reaching, shown
from saywhere.io import files
from saywhere.runs import locate, prompt_facts_file
from saywhere.runs.locate import SUMS

MAX_TITLE_CHARS = 200
# It becomes a folder's name, and a word on the command line.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True)
class ModelEntry:
    """A line of the list of models."""

    name: str
    title: str
    """the name, where its maker gave no title"""
    task: str
    dice: float | None
    """mean Dice per image with right prompts, [0, 1]; of several targets the mean of theirs; None
    where it was never measured"""
    n_bytes: int
    """of the weights"""
    folder: str
    frame: str = ""
    """whose left and right its prompts mean: image, patient, both; empty: not stated"""
    broken: str | None = None
    """why it cannot be used; None where nothing is wrong with what a list reads"""
    other_names: tuple[str, ...] = ()
    """of models that it took up: it answers to them"""

    def to_json(self) -> dict[str, str | float | tuple[str, ...] | None]:
        """Make it plain for `saywhere models list --json`.

        Returns:
            The fields by name.
        """
        return asdict(self)


def list_models() -> list[ModelEntry]:
    """List every model on this machine, without torch.

    Returns:
        An entry per model, in the order of the places that are searched: `$SAYWHERE_MODELS`, what
        was pulled, what came with the package.
    """
    return [_entry(name, folder) for name, folder in locate.known().items()]


def pull(address: str, name: str | None = None, *, replace: bool = False) -> Path:
    """Fetch a model's folder and verify it.

    Only the files of a model are fetched, each within a limit.

    Args:
        address: a folder, or an address of fsspec's (hf://owner/name, s3://…, https://…).
        name: what to call it on this machine; None: the address's last part.
        replace: take the place of a model of that name.

    Returns:
        The model's folder on this machine.

    Raises:
        MissingFile: there is no model at the address.
        BadCheckpoint: a file is damaged, is no model's, or of a newer format than this version's.
        MissingExtra: the address needs a package that is not installed.
        UsageError: the name is not allowed or taken, or the address cannot be reached.
        NotWritable: the model cannot be written here.
    """
    name = _model_name(address, name)
    target = locate.pulled() / name
    if target.exists() and not replace:
        raise UsageError(
            f"there is a model called {name!r}",
            where=target.parent,
            remedy="--name another, or --replace",
        )
    with reaching(address) as (system, root), tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / name
        folder.mkdir()
        _fetch_model(system, root, folder, address)
        _refuse_unbuildable(folder)
        # Only now, since the new model was verified and can be built.
        with files.refusing(target):
            shutil.rmtree(target, ignore_errors=True)
        with files.writing_folder(target) as place:
            # `writing_folder` has made the place already.
            shutil.copytree(folder, place, dirs_exist_ok=True)
    return target


def push(
    run: Path, address: str, about: About, name: str | None = None, *, replace: bool = False
) -> ModelFacts:
    """Make a run a model and put it at an address.

    The digests go last, so that half a model is no model.

    Args:
        run: a run directory, a model's folder, or a model's name.
        address: a folder, or an address of fsspec's that can be written.
        about: what its maker says of it.
        name: its name; None: the address's last part.
        replace: take the place of a model at that address.

    Returns:
        The content of its config.json.

    Raises:
        MissingFile: there is no such run and no model of that name.
        BadCheckpoint: its weights cannot be read.
        MissingExtra: the address needs a package that is not installed.
        UsageError: the name is not allowed, a model is there, or the address cannot be reached.
        NotWritable: the model cannot be written.
    """
    name = _model_name(address, name)
    # A mistyped run is answered before torch is loaded.
    run_dir = locate.find(run)
    with reaching(address) as (system, root), tempfile.TemporaryDirectory() as temporary:
        # The digests are put last: where they are, a whole model is.
        if not replace and system.exists(f"{root}/{SUMS}"):
            raise UsageError(
                f"there is a model at {shown(address)}",
                remedy="choose another address, or --replace",
            )
        # It loads torch, so it comes after the refusals.
        from saywhere.hub.bundle import write

        folder = Path(temporary)
        facts = write(run_dir, folder, name, about)
        system.makedirs(root, exist_ok=True)
        names = files_of(folder)
        # A model that is replaced may have been calibrated: what it learned is not this one's.
        for stale in set(LEARNED) - set(names) if replace else ():
            if system.exists(f"{root}/{stale}"):
                system.rm(f"{root}/{stale}")
        for file in (*names, SUMS):
            system.put_file(str(folder / file), f"{root}/{file}")
    return facts


def _fetch_model(system: Any, root: str, folder: Path, address: str) -> None:
    """SHA256SUMS and config.json come first: they tell whether the rest can be read at all."""
    fetch(system, root, SUMS, folder)
    # Without it, SHA256SUMS or the fetching below says what is wrong.
    with suppress(FileNotFoundError):
        fetch(system, root, CONFIG, folder)
        refuse_newer(read_facts(folder), shown(address))
    for file in read_sums(folder, shown(address)):
        fetch(system, root, file, folder)
    verified(folder)


def _refuse_unbuildable(folder: Path) -> None:
    """A model that cannot be built is refused before it has a name."""
    # It loads torch, which a list of models does without.
    from saywhere.runs import checkpoint

    checkpoint.build_from(checkpoint.load(folder), folder)


def _model_name(address: str, name: str | None) -> str:
    """The name that was given, else the address's last part. Raises UsageError."""
    chosen = name or address.rstrip("/").split("/")[-1].lower()
    if not _NAME.fullmatch(chosen):
        raise UsageError(
            f"a model cannot be called {chosen[:80]!r}",
            allowed="lower-case letters, digits, - _ . and at most 64 of them",
            remedy="--name another",
        )
    return chosen


def _entry(name: str, folder: Path) -> ModelEntry:
    """A line of the list. One broken folder must not hide the others, so nothing is raised."""
    try:
        n_bytes = (folder / locate.BUNDLE).stat().st_size
        facts = read_whole_facts(folder)
        refuse_newer(facts, folder)
    except (SaywhereError, OSError) as error:
        reason = error.found if isinstance(error, SaywhereError) else str(error.strerror)
        return ModelEntry(name, name, "", None, 0, str(folder), broken=reason)
    about = facts.get("about") or {}
    return ModelEntry(
        name=name,
        title=_line(about.get("title")) or name,
        task=_line(about.get("task")),
        dice=_dice(facts),
        n_bytes=n_bytes,
        folder=str(folder),
        frame=prompt_facts_file.of_config(dict(facts)).frame,
        other_names=_other_names(folder),
    )


def _other_names(folder: Path) -> tuple[str, ...]:
    models = locate.known()
    return tuple(
        name for name, place in locate.taken_up().items() if place == folder and name not in models
    )


def _line(value: object) -> str:
    """What a stranger calls a text, fit for a table."""
    return value[:MAX_TITLE_CHARS] if isinstance(value, str) else ""


def _dice(facts: ModelFacts) -> float | None:
    # In another maker's config.json any key may be missing, or hold anything.
    with suppress(KeyError, TypeError, AttributeError):
        evaluation = facts["evidence"]["evaluation"]
        every = [*evaluation.get("targets", {}).values()] or [evaluation]
        dice = [one["words"]["right"]["dice_mean"]["mean"] for one in every]
        # True is a number in Python.
        if all(type(value) in (int, float) and 0 <= value <= 1 for value in dice):
            return float(sum(dice) / len(dice))
    return None
