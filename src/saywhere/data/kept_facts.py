"""The facts of files, kept in the cache folder: a training of the same files decodes none to check.

Size and time stand for a file's content, as they do for the decoded store.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, astuple, replace
from pathlib import Path
from typing import Any, TypedDict, cast

from saywhere._version import __version__
from saywhere.data.file_checks import Facts, gather
from saywhere.errors import SaywhereError
from saywhere.io import cache, files, limits
from saywhere.io.framing import Framing
from saywhere.io.paths import cache_folder

FILE = "facts.json"
FORMAT = 3


class FactsRecord(TypedDict, total=False):
    """The facts of one file; without the fields that are as in most files."""

    kind: str | None
    reason: str
    size: tuple[int, int] | None
    """height and width; a list once it was read from JSON"""
    digest: str
    orientation: int
    foreground: float
    is_around: bool
    n_lesions: int
    n_vanishing: int
    is_emptied: bool
    is_flat: bool


def gather_once(
    images: Iterable[Path], masks: Iterable[Path], framing: Framing | None
) -> tuple[dict[Path, Facts], dict[Path, Facts]]:
    """Collect the facts of files, or read what was collected before of the same files.

    A file that had a fault is looked at again: what it takes to read it may be installed since.

    Args:
        images: paths, some of them several times.
        masks: paths, some of them several times.
        framing: how masks come to the network's size; None: lesions are not counted.

    Returns:
        Path → facts, of the images and of the masks; as `file_checks.gather` gives them.
    """
    distinct = list(dict.fromkeys(images)), list(dict.fromkeys(masks))
    place = cache_folder() / "checks" / _digest(distinct, framing) / FILE
    known = _read(place, len(distinct[0]) + len(distinct[1]))
    if known is None:
        of_images, of_masks = gather(*distinct, framing=framing)
        _write(place, [*of_images.values(), *of_masks.values()])
        return of_images, of_masks
    cache.use(place.parent)
    n_images = len(distinct[0])
    of_images = dict(zip(distinct[0], known[:n_images]))
    of_masks = dict(zip(distinct[1], known[n_images:]))
    images_again, masks_again = gather(_faulty(of_images), _faulty(of_masks), framing=framing)
    return of_images | images_again, of_masks | masks_again


def _faulty(facts: dict[Path, Facts]) -> list[Path]:
    return [path for path, fact in facts.items() if fact.kind]


def _digest(distinct: tuple[list[Path], list[Path]], framing: Framing | None) -> str:
    """Of what the facts depend on: the files, how they are judged, and by which version."""
    rules: list[Any] = [FORMAT, __version__, limits.MAX_PIXELS, limits.MAX_FILE_BYTES]
    rules.append(astuple(framing) if framing is not None else None)
    sha = hashlib.sha256(json.dumps(rules).encode())
    for kind, paths in zip(("image", "mask"), distinct):
        for path in paths:
            sha.update(f"{kind}|{path}|{_status(path)}\n".encode())
    # `io.cache` knows the cache's own folders by these 24 digits.
    return sha.hexdigest()[:24]


def _status(path: Path) -> tuple[int, int] | None:
    """A file that is missing is a fact, too: once it is there, the digest is another one."""
    with suppress(OSError, ValueError):
        status = path.stat()
        return status.st_size, status.st_mtime_ns
    return None


def _read(place: Path, n_files: int) -> list[Facts] | None:
    # Anything may be in a damaged file: the digest of its text tells.
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        document = json.loads(place.read_text(encoding="utf-8"))
        text = document["facts"]
        if hashlib.sha256(text.encode()).hexdigest() == document["sha256"]:
            facts = [_facts(row) for row in json.loads(text)]
            return facts if len(facts) == n_files else None
    return None


def _facts(row: FactsRecord) -> Facts:
    facts = Facts(**row)
    # JSON has no pairs.
    return replace(facts, size=(facts.size[0], facts.size[1])) if facts.size else facts


def _write(place: Path, facts: Sequence[Facts]) -> None:
    rows = [_changed(fact) for fact in facts]
    text = json.dumps(rows)
    sha = hashlib.sha256(text.encode()).hexdigest()
    # A cache that can only be read costs another check next time, and no training.
    with suppress(SaywhereError):
        files.write_json(place, {"sha256": sha, "facts": text})


def _changed(facts: Facts) -> FactsRecord:
    usual = asdict(Facts())
    changed = {key: value for key, value in asdict(facts).items() if value != usual[key]}
    return cast(FactsRecord, changed)
