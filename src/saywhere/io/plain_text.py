"""Text that may come from a stranger, made fit for a terminal or a log.

An id, a prompt, a path or a model's title can hold characters that move the cursor, clear the
screen, or show words in another order than they stand in. They are written as `\\u001b` instead: as
JSON and Python write them, so that JSON stays the same JSON.
"""

from __future__ import annotations

import re

_CONTROLS = (
    # C0 but for tab and line feed, DEL, C1.
    "\x00-\x08\x0b-\x1f\x7f-\x9f"
    # Soft hyphen, marks and overrides of direction, separators of lines and paragraphs.
    "\xad\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    # Zero-width space, the byte order mark, and invisible copies of ASCII.
    "\u200b\ufeff\U000e0000-\U000e007f"
    # Half characters, which no terminal can show: paths that are no text have them.
    "\ud800-\udfff"
)
_HIDDEN = re.compile(f"[{_CONTROLS}]")
_HIDDEN_IN_LINE = re.compile(f"[{_CONTROLS}\t\n]")


def visible(text: str) -> str:
    """Write characters that would act on a terminal as what they are.

    Args:
        text: Any text, of one or more lines.

    Returns:
        The text with `\\u001b` in place of such a character. Tabs and line feeds stay.
    """
    return _HIDDEN.sub(_escaped, text)


def visible_line(text: str) -> str:
    """Write a text in one line, as `visible` does; line feeds and tabs are escaped as well.

    Args:
        text: Any text.

    Returns:
        One line: a text in a log cannot begin a line that looks like another entry.
    """
    return _HIDDEN_IN_LINE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    number = ord(match[0])
    if number <= 0xFFFF:
        return f"\\u{number:04x}"
    # As JSON writes what is beyond four digits: two halves.
    high, low = divmod(number - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
