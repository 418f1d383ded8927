"""All that the command line writes goes through here: no stranger's text acts on the terminal.

`escaping` wraps stdout, stderr and the log for the time of a verb; `console` makes the consoles
that draw tables and bars, whose own colours and movements pass.
"""

from __future__ import annotations

import io
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from saywhere.io.plain_text import visible, visible_line

_UNBROKEN = re.compile(r"[^\s\[]+ \[[^\]]*\]\S*|\S+")
"""A number with its interval, or else a word."""


class EscapingStream(io.TextIOBase):
    """A text stream that writes what would act on a terminal as `\\u001b`.

    Attributes:
        stream: Where everything goes in the end.
    """

    def __init__(self, stream: TextIO) -> None:
        """Wrap a stream, which stays open when this is closed."""
        self.stream = stream

    def write(self, text: str) -> int:
        """Write a text, escaped; the number of its characters."""
        self.stream.write(visible(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream below."""
        self.stream.flush()

    def isatty(self) -> bool:
        """Is the stream below a terminal?"""
        return self.stream.isatty()

    def fileno(self) -> int:
        """The number of the file below."""
        return self.stream.fileno()

    def writable(self) -> bool:
        """Always."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The encoding of the stream below."""
        return self.stream.encoding


class PlainConsole(Console):
    """A console whose texts are escaped, and never read as rich's markup."""

    def render_str(self, text: str, **options: Any) -> Text:
        """Make a text of a string: of what is printed, and of a table's cell."""
        return super().render_str(visible(text), **options)


def console(*, stderr: bool = False, **options: Any) -> Console:
    """Make a console for tables, bars and lines.

    Args:
        stderr: Write there instead of stdout.
        **options: Of rich's Console.

    Returns:
        The console. A stranger's title in brackets is no markup to it, unless `markup` is true:
        then the caller escapes what is not its own.
    """
    stream: Any = sys.stderr if stderr else sys.stdout
    # Below the wrapper: the console's own colours must pass.
    file = stream.stream if isinstance(stream, EscapingStream) else stream
    return PlainConsole(file=file, **({"markup": False, "emoji": False} | options))


def print_sentences(console: Console, text: str) -> None:
    """Print sentences that may hold intervals: 0.91 [0.90, 0.92] is never broken over lines.

    Args:
        console: Of a terminal of any width; anywhere else the text stays one line.
        text: Without line feeds.
    """
    lines = [text]
    if console.is_terminal:
        # rich breaks at every blank, and takes a no-break space for one.
        lines = _filled(_UNBROKEN.findall(text), console.width)
    for line in lines:
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _filled(words: list[str], width: int) -> list[str]:
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


@contextmanager
def escaping() -> Iterator[None]:
    """Escape what is printed and logged, until the end of the block."""
    before = (sys.stdout, sys.stderr, logging.getLogRecordFactory())
    # Typer draws its own errors with a console that we do not make: without colours there.
    os.environ.setdefault("_TYPER_FORCE_DISABLE_TERMINAL", "1")
    sys.stdout = EscapingStream(sys.stdout)
    sys.stderr = EscapingStream(sys.stderr)
    logging.setLogRecordFactory(_escaped_record(before[2]))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before[:2]
        logging.setLogRecordFactory(before[2])


def _escaped_record(make: Any) -> Any:
    def record(*details: Any, **named: Any) -> logging.LogRecord:
        made: logging.LogRecord = make(*details, **named)
        # A line feed in a name would begin a line that looks like an entry of its own.
        made.msg = visible_line(made.getMessage())
        made.args = ()
        return made

    return record
