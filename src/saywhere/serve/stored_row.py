"""A line of the store's manifest: what it holds, and how one is told from anything else."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, TypedDict

import numpy as np

from saywhere.errors import KeptMeanwhile, UsageError
from saywhere.text.prompts import is_blank

FILES: tuple[Literal["image", "mask", "suggested"], ...] = ("image", "mask", "suggested")
"""Columns that name a file."""
_NEEDED = {"key", "prompt", "mask", "kept", "digest"}
_TEXTS = ("id", "key", *FILES, "prompt", "kept", "digest", "who", "model", "source", "replaces")
_KEY = re.compile("[0-9a-f]{32}")
_BEGIN = b'{"id": "'
_BEGUN = re.compile(re.escape(_BEGIN) + rb'[0-9a-f]{0,32}(?:".*)?', re.DOTALL)
"""How a row of `keep`'s begins."""


# When a row was written, UTC, by the name that it has in the manifest.
_Timed = TypedDict("_Timed", {"kept": str})  # noqa: UP013 (a file's key, no name of ours)


class _WholeRow(_Timed):
    id: str
    key: str
    image: str
    """path in the store's folder, as the other two"""
    mask: str
    suggested: str
    prompt: str
    split: str
    oracle: bool
    digest: str
    """of image, masks and prompt"""


class StoredRow(_WholeRow, total=False):
    """A line of the store's manifest. It may have further columns, which somebody added."""

    who: str
    model: str
    source: str
    """sha256 of the image's file as it was sent"""
    group: str
    meant: str
    """what elsewhere would be a fault: empty_mask, blank_prompt"""
    replaces: str
    """id of the row that this one stands for"""


@dataclass(frozen=True)
class Known:
    """What the sender of a mask knows of the others.

    Attributes:
        seen: keys of rows; None: the sender does not look, as a program that writes alone.
        beside: write though a row was not seen; both stay.
        replaces: key of a row that this one takes the place of, such as one of other words.
    """

    seen: frozenset[str] | None = None
    beside: bool = False
    replaces: str | None = None


def kept_meanwhile(row: StoredRow) -> KeptMeanwhile:
    """Say that somebody was faster.

    Args:
        row: what was kept meanwhile.

    Returns:
        The error to raise.
    """
    who = row.get("who") or "Somebody without a name"
    return KeptMeanwhile(
        f"{who} kept another mask for this picture and these words at {row['kept']}",
        allowed="nothing was written",
        remedy="open the picture again to see it, or keep both",
    )


def meant(mask: np.ndarray, prompt: str) -> dict[str, str]:
    """What elsewhere is a fault is meant here: an empty mask says that nothing is there.

    Args:
        mask: bool (height, width).
        prompt: may be empty.

    Returns:
        The row's column `meant`; empty where there is nothing of the kind.
    """
    reasons = [] if mask.any() else ["empty_mask"]
    if is_blank(prompt):
        reasons.append("blank_prompt")
    return {"meant": ", ".join(reasons)} if reasons else {}


def is_kept(line: bytes) -> bool:
    """Is it a row as `Store.keep` writes them?

    Args:
        line: of the manifest, without its end.

    Returns:
        False for anything else.
    """
    return fault_of(line) is None


def fault_of(line: bytes) -> str | None:
    """Say why a line is no row as `Store.keep` writes them.

    Args:
        line: of the manifest, without its end.

    Returns:
        The column and what is wrong with it; None for such a row.
    """
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return "no JSON"
    if not isinstance(row, dict):
        return "no row"
    if missing := sorted(_NEEDED - set(row)):
        return f"no {missing[0]}"
    wrong = [name for name in _TEXTS if not isinstance(row.get(name, ""), str)]
    if wrong:
        return f"{wrong[0]} is no text"
    if not _KEY.fullmatch(row["key"]):
        return "key is not 32 hexadecimal digits"
    outside = [name for name in FILES if not _is_below(row.get(name, ""))]
    return f"{outside[0]} is a path outside of the store" if outside else None


def stored_file(
    folder: Path, row: StoredRow, column: Literal["image", "mask", "suggested"]
) -> Path:
    """Find a row's file, which nothing may lead out of the store, a link neither.

    Args:
        folder: the store's.
        row: of its manifest.
        column: which file.

    Returns:
        Its path; whether it is there is not asked.

    Raises:
        UsageError: it lies outside of the store; the row's key is named.
    """
    path = folder / row[column]
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UsageError(
            f"the {column} of row {row['key']} lies outside of the store",
            allowed="files of the store itself, no links to others",
            remedy="put a copy in its place, or take the row out of the manifest",
        )
    return path


def _is_below(path: str) -> bool:
    """Does it name something below the folder, whatever links there are?"""
    parts = PurePosixPath(path).parts
    return ".." not in parts and not PurePosixPath(path).is_absolute() and "\0" not in path


def is_begun(line: bytes) -> bool:
    """Is it such a row, cut anywhere?

    Args:
        line: the manifest's last one.

    Returns:
        True for the empty line too.
    """
    return _BEGIN.startswith(line) or _BEGUN.fullmatch(line) is not None
