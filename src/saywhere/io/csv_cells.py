"""Texts in a CSV that a spreadsheet must not take for formulas, in a way that can be undone.

A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@`, and an id or a prompt may begin so.
Such a text gets an apostrophe in front, which spreadsheets read as "this is text".
"""

from __future__ import annotations

import re

# The wide forms count in East Asian locales. A text that looks escaped is escaped as well: else
# it would lose its own apostrophe when it is read.
_ACTS = re.compile(r"'*\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
"""A plain number does nothing; an id such as -7 stays as it is."""


def cell(text: str) -> str:
    """Write a text as a cell.

    Args:
        text: An id, a prompt, any text.

    Returns:
        The text; with an apostrophe in front where a spreadsheet would run it.
    """
    if _NUMBER.fullmatch(text) or not _ACTS.match(text):
        return text
    return f"'{text}"


def text_of(cell: str) -> str:
    """Read a cell that `cell` wrote.

    Args:
        cell: As it stands in the file.

    Returns:
        The text as it was.
    """
    return cell[1:] if cell.startswith("'") and _ACTS.match(cell) else cell
