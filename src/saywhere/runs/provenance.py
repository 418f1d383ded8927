"""Which code it is that runs: the commit of the checkout, without asking git."""

from __future__ import annotations

import re
from pathlib import Path

SHORT = 12
_HASH = re.compile(r"[0-9a-f]{40,64}")


def commit(package: Path = Path(__file__).parents[1]) -> str | None:
    """The first 12 digits of the commit that is checked out, whatever was changed since; None of an installed package, which has a version."""
    root = package.parents[1]
    if package != root / "src" / "saywhere":
        return None
    try:
        found = _head(root / ".git")
    except (OSError, UnicodeDecodeError):
        return None
    return found[:SHORT] if _HASH.fullmatch(found) else None


def _head(git: Path) -> str:
    """The whole hash. Of a branch, it is in a file of its own, or packed with others; a further work tree keeps but its HEAD to itself."""
    if git.is_file():
        git = git.parent / _text(git).removeprefix("gitdir: ")
    head = _text(git / "HEAD")
    if not head.startswith("ref: "):
        return head
    name, shared = head.removeprefix("ref: "), git
    if (git / "commondir").is_file():
        shared = git / _text(git / "commondir")
    if (shared / name).is_file():
        return _text(shared / name)
    packed = (
        line.split(" ", 1) for line in _text(shared / "packed-refs").splitlines() if " " in line
    )
    return next((found for found, branch in packed if branch == name), "")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()


RUNNING = commit()
"""Of the code that this process runs: read while the engine is imported. A process that lives for hours does not run what is checked out meanwhile."""
