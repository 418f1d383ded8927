"""JSON that may come from a stranger: one plain file, of a bounded size, without NaN or riddles."""

from __future__ import annotations

import json
import math
import stat
from pathlib import Path
from typing import Any, NoReturn

MAX_BYTES = 4 * 2**20
"""Of one file. A model's config.json with all its evidence has some 100 kB."""
MAX_DEPTH = 50
"""Of tables and lists in each other; ours have seven."""


def read_table(path: Path) -> dict[str, Any]:
    """Read a JSON file that holds a table.

    Args:
        path: The file.

    Returns:
        The table. All its numbers are finite, and no key stands twice in one table.

    Raises:
        OSError: There is no such file, or it cannot be read.
        ValueError: It is no regular file, too large, no JSON, or breaks a rule above; its text
            says which, without the file's content.
    """
    status = path.stat()
    # A pipe never ends, and neither does a device.
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("no regular file")
    if status.st_size > MAX_BYTES:
        raise ValueError(f"{status.st_size:,} bytes, and {MAX_BYTES:,} are allowed")
    try:
        content = json.loads(
            path.read_text(encoding="utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except RecursionError:
        raise ValueError("tables and lists nested too deeply") from None
    except (UnicodeDecodeError, json.JSONDecodeError):
        raise ValueError("no JSON") from None
    if not isinstance(content, dict):
        raise ValueError(f"a {_kind(content)}, and no table")
    _check(content, 0)
    return content


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) < len(pairs):
        # Readers differ in which of the two counts, so neither does.
        raise ValueError("a key that stands twice in one table")
    return table


def _no_constant(name: str) -> NoReturn:
    raise ValueError("NaN or infinity, which JSON does not have")


def _check(content: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"more than {MAX_DEPTH} tables and lists in each other")
    # 1e999 is JSON, and infinity to Python.
    if isinstance(content, float) and not math.isfinite(content):
        raise ValueError("a number that is too large")
    if isinstance(content, dict):
        content = list(content.values())
    if isinstance(content, list):
        for item in content:
            _check(item, depth + 1)


def _kind(content: object) -> str:
    names = {list: "list", str: "text", bool: "yes or no", type(None): "null"}
    return names.get(type(content), "number")
