"""Digests of the decoded store's files, block by block, kept in its complete.json.

A disk that flips one bit of a picture gives no other sign, and the training would learn it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FILE = "complete.json"
"""Written last: where it stands, the store was whole."""
BLOCK_BYTES = 4 * 2**20
"""Each block has its own digest, so that the log can say where the damage lies."""


def write(folder: Path, facts: Mapping[str, Any], names: tuple[str, ...]) -> None:
    """Write the facts of a store with the digests of its files.

    Args:
        folder: The store's folder; its other files are on the disk.
        facts: What the store holds, as JSON.
        names: Of the files that the digests cover.

    Raises:
        OSError: A file cannot be read, or the folder takes none.
    """
    digests = {name: list(_digests(folder / name)) for name in names}
    (folder / FILE).write_text(json.dumps({**facts, "sha256": digests}), encoding="utf-8")


def damage(folder: Path, facts: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    """Read every byte of a store and compare it with what was written.

    Args:
        folder: The store's folder.
        facts: What it should hold.
        names: Of the files that the digests cover.

    Returns:
        What is wrong, for the log; None where every byte is as it was written.
    """
    try:
        written = json.loads((folder / FILE).read_text(encoding="utf-8"))
        digests = written.pop("sha256")
        if written != facts or set(digests) != set(names):
            return f"{FILE} is of another store"
        for name in names:
            blocks = list(_digests(folder / name))
            if blocks != digests[name]:
                return f"{name} differs {_place(blocks, digests[name])}"
    except OSError as error:
        return f"{Path(error.filename or folder).name} cannot be read"
    # One flipped byte can make anything of the JSON: no text, a list, a million brackets.
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return f"{FILE} is no record of a store"
    return None


def _digests(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield hashlib.sha256(block).hexdigest()


def _place(blocks: list[str], expected: list[str]) -> str:
    """Where the first difference lies, in words."""
    pairs = enumerate(zip(blocks, expected))
    first = next((i for i, (block, wanted) in pairs if block != wanted), None)
    return "in length" if first is None else f"in block {first + 1} of {len(expected)}"
