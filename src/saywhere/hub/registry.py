"""Models by directory: what is here, what is fetched from an address, what is passed on."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from saywhere.errors import BadCheckpoint, MissingExtra, MissingFile, SaywhereError, UsageError
from saywhere.hub.bundle import FILES, files_of, read_facts, write
from saywhere.hub.metadata import About
from saywhere.io import files
from saywhere.runs import calibration_file as expected
from saywhere.runs import checkpoint, named
from saywhere.runs.named import SUMS

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LINE = re.compile(r"([0-9a-f]{64}) [ *](\S+)")
_LIMITS = {named.BUNDLE: 2**31, SUMS: 2**16}
_LIMIT = 2**22  # of the other files, bytes
_BLOCK = 2**20


def listed() -> list[dict[str, Any]]:
    """Every model that is here: name, folder, title, task, parameters, size and its Dice with right words (None where it was never measured)."""
    return [_entry(name, folder) for name, folder in named.known().items()]


def verified(folder: Path) -> None:
    """Raises BadCheckpoint where a file is not what SHA256SUMS says, MissingFile where one is not there."""
    sums = folder / SUMS
    if not sums.is_file():
        raise MissingFile(
            f"no {SUMS}", where=folder, remedy="make the model with `saywhere models push`"
        )
    for name, wanted in _sums(
        sums.read_text(encoding="utf-8", errors="replace"), str(folder)
    ).items():
        if not (folder / name).is_file():
            raise MissingFile(f"no {name}", where=folder, remedy="pull the model again")
        if files.digest(folder / name) != wanted:
            raise BadCheckpoint(
                f"{name} is not what {SUMS} says",
                where=folder,
                remedy="pull the model again, or ask whoever made it",
            )


def pull(address: str, name: str | None = None, *, replace: bool = False) -> Path:
    """Fetch a model's folder and verify it; returns where it is now.

    Args:
        address: a folder, or an address of fsspec's (hf://owner/name, s3://…, https://…). Only the files of a model are fetched, each within a limit.
        name: what it is called here; default: the address's last part.
    Raises: MissingFile, BadCheckpoint, MissingExtra, UsageError, NotWritable.
    """
    name = _name_of(address, name)
    target = named.pulled() / name
    _free(target, replace, "--name another, or --replace")
    with _reaching(address) as (system, root), tempfile.TemporaryDirectory() as place:
        folder = Path(place) / name
        folder.mkdir()
        _fetch(system, root, SUMS, folder)
        for file in _sums(
            (folder / SUMS).read_text(encoding="utf-8", errors="replace"), shown(address)
        ):
            _fetch(system, root, file, folder)
        verified(folder)
        checkpoint.build_from(
            checkpoint.load(folder), folder
        )  # a model that cannot be built is refused before it has a name
        with files.refusing(target):
            shutil.rmtree(target, ignore_errors=True)
        with files.writing_folder(target) as temporary:
            shutil.copytree(folder, temporary, dirs_exist_ok=True)
    return target


def push(
    run: Path, address: str, about: About, name: str | None = None, *, replace: bool = False
) -> dict[str, Any]:
    """Make a run a model and put it at an address; the digests go last, so that half a model is none. Returns its facts.

    Raises: MissingFile, BadCheckpoint, MissingExtra, UsageError, NotWritable.
    """
    name = _name_of(address, name)
    with _reaching(address) as (system, root), tempfile.TemporaryDirectory() as place:
        if not replace and system.exists(f"{root}/{SUMS}"):
            raise UsageError(
                f"there is a model at {shown(address)}",
                remedy="choose another address, or --replace",
            )
        facts = write(run, Path(place), name, about)
        system.makedirs(root, exist_ok=True)
        if (
            replace
            and expected.FILE not in files_of(Path(place))
            and system.exists(f"{root}/{expected.FILE}")
        ):
            system.rm(f"{root}/{expected.FILE}")  # of the model that was there
        for file in (*files_of(Path(place)), SUMS):
            system.put_file(str(Path(place) / file), f"{root}/{file}")
    return facts


def shown(address: str) -> str:
    """An address without its password."""
    return re.sub(r"(//)[^/@]*@", r"\1", address)[:200]


@contextmanager
def _reaching(address: str) -> Iterator[tuple[Any, str]]:
    """The file system and the folder there; what it raises, in our words."""
    from fsspec.core import url_to_fs

    try:
        system, root = url_to_fs(address)
        yield system, root.rstrip("/")
    except SaywhereError:
        raise
    except ImportError as error:
        raise MissingExtra(
            f"{shown(address)} needs a package that is not installed",
            remedy=str(error).splitlines()[0][:200],
        ) from None
    except FileNotFoundError as error:
        raise MissingFile(
            f"no model at {shown(address)} (no {Path(str(error.filename or error)).name[:80]})",
            allowed=f"a folder with {SUMS} and {named.BUNDLE}",
            remedy="look at the address; pickles are never fetched",
        ) from None
    except Exception as error:  # each file system raises its own
        raise UsageError(f"{shown(address)} cannot be reached ({type(error).__name__}: {str(error).splitlines()[0][:120] if str(error) else ''})",
                         remedy="look at the address, the network and your credentials; a folder on this machine serves too") from None  # fmt: skip


def _fetch(system: Any, root: str, name: str, folder: Path) -> None:
    limit, n_bytes = _LIMITS.get(name, _LIMIT), 0
    with system.open(f"{root}/{name}", "rb") as source, (folder / name).open("wb") as target:
        while block := source.read(_BLOCK):
            n_bytes += len(block)
            if n_bytes > limit:
                raise BadCheckpoint(
                    f"{name} has more than {limit:,} bytes",
                    allowed="a model of ours is far smaller",
                    remedy="look at the address",
                )
            target.write(block)


def _sums(text: str, where: str) -> dict[str, str]:
    """File → sha256. Names are only those of a model's files: nothing else is fetched, nor written elsewhere."""
    found = {
        match[2]: match[1] for line in text.splitlines() if (match := _LINE.fullmatch(line.strip()))
    }
    if strange := sorted(set(found) - {*FILES, expected.FILE}):
        raise BadCheckpoint(
            f"{SUMS} names {strange[0][:80]!r}",
            where=where,
            allowed=", ".join(FILES),
            remedy="pickles and other files are never fetched",
        )
    if missing := [name for name in FILES if name not in found]:
        raise BadCheckpoint(
            f"{SUMS} does not name {missing[0]}",
            where=where,
            allowed=", ".join(FILES),
            remedy="make the model with `saywhere models push`",
        )
    return found


def _name_of(address: str, asked: str | None) -> str:
    """What a model is called: as asked, else the address's last part. Raises UsageError."""
    name = asked or address.rstrip("/").split("/")[-1].lower()
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"a model cannot be called {name[:80]!r}",
            allowed="lower-case letters, digits, - _ . and at most 64 of them",
            remedy="--name another",
        )
    return name


def _free(target: Path, replace: bool, remedy: str) -> None:
    if target.exists() and not replace:
        raise UsageError(
            f"there is a model called {target.name!r}", where=target.parent, remedy=remedy
        )


def _entry(name: str, folder: Path) -> dict[str, Any]:
    facts = read_facts(folder)
    dice = None
    with suppress(KeyError, TypeError):
        dice = facts["evidence"]["evaluation"]["words"]["right"]["dice_mean"]["mean"]
    about = facts.get("about") or {}
    return {
        "name": name,
        "title": about.get("title") or name,
        "task": about.get("task", ""),
        "dice": dice,
        "n_bytes": (folder / named.BUNDLE).stat().st_size,
        "folder": str(folder),
    }
