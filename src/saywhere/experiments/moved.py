"""Where files of this repository lie that results of before name by another path.

A result file records the paths of its day: its grid, the grid's base and lists of ids, and the
program that measured it. Grids and programs have moved into folders since. Whatever reads a
result sees today's paths, so that a finished cell counts as finished and a command can be typed.
"""

from __future__ import annotations

import re
from typing import Any

# Our own names only: somebody else's `benchmarks/mine.toml` lies where it says.
_GRIDS = r"(?:heard|isic|kvasir|learning|lungs|mosaic3?|qata)_[a-z0-9_]+\.toml"
_PROGRAMS = (
    "blank|cost|coverage|denied|domains|fused|limits|load|new_prompt|record|side_by_side"
    "|subset|trust|turning|typing_words"
)
_MOVES = (
    (re.compile(rf"\bbenchmarks/(base/|{_GRIDS})"), r"benchmarks/grids/\1"),
    (re.compile(rf"\bbenchmarks/((?:{_PROGRAMS})\.py)"), r"benchmarks/measure/\1"),
)


def moved(document: Any) -> Any:
    """A document of JSON with today's paths in the place of former ones.

    Args:
        document: text, or tables and lists of any depth that hold text.

    Returns:
        An equal document, but for paths that no longer exist: `benchmarks/base/qata.toml`
        becomes `benchmarks/grids/base/qata.toml`. Today's paths stay as they are.
    """
    if isinstance(document, str):
        for former, today in _MOVES:
            document = former.sub(today, document)
        return document
    if isinstance(document, dict):
        return {key: moved(value) for key, value in document.items()}
    if isinstance(document, list):
        return [moved(value) for value in document]
    return document
