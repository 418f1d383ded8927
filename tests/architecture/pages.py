"""The pages that people read, and the snippets in them.

A block of ```console or ```python is run in a test where its page is one of docs/ (tests/docs),
unless the line above it is `<!-- not run: REASON -->`. A block of any language with `title="FILE"`
is a file that the page has its reader write.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
DOCS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))
CONSOLE = {"console", "bash", "sh", "shell"}
BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]+?) -->\n+)?"
    r'^```(?P<language>\w+)(?:[^\n]*title="(?P<title>[^"]+)")?[^\n]*\n(?P<code>.*?)^```',
    re.MULTILINE | re.DOTALL,
)


class Snippet(NamedTuple):
    """A fenced block. `reason`: why it is not run. `title`: the file that it is."""

    language: str
    code: str
    reason: str | None = None
    title: str | None = None


def snippets(text: str) -> list[Snippet]:
    """In the page's order."""
    return [
        Snippet(found["language"], found["code"], found["reason"], found["title"])
        for found in BLOCK.finditer(text)
    ]


def commands(code: str) -> Iterator[list[str]]:
    """Each command's words; a backslash joins lines, `#` begins a comment, and a prompt `$ ` is no
    word.
    """
    for line in code.replace("\\\n", " ").splitlines():
        if words := shlex.split(line.removeprefix("$ "), comments=True):
            yield words
