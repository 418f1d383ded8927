"""Which code it is that runs: the commit of the checkout, without asking git."""

from __future__ import annotations

import re
from pathlib import Path

SHORT = 12
"""Digits of a commit that are recorded."""
_HASH = re.compile(r"[0-9a-f]{40,64}")


def commit(package: Path = Path(__file__).parents[1]) -> str | None:
    """Read which commit is checked out, whatever was changed since.

    Args:
        package: the folder of `saywhere`.

    Returns:
        The first 12 digits; None of an installed package, which has a version.
    """
    root = package.parents[1]
    # An installed package may lie inside of another project's checkout.
    if package != root / "src" / "saywhere":
        return None
    try:
        head = _head(root / ".git")
    except (OSError, UnicodeDecodeError):
        return None
    return head[:SHORT] if _HASH.fullmatch(head) else None


def _head(git: Path) -> str:
    """The whole hash. Of a branch, it is in a file of its own, or packed with others; a further
    work tree keeps but its HEAD to itself.
    """
    # In a further work tree, .git is a file that names the real folder.
    if git.is_file():
        git = git.parent / _text(git).removeprefix("gitdir: ")
    head = _text(git / "HEAD")
    if not head.startswith("ref: "):
        return head
    name = head.removeprefix("ref: ")
    is_work_tree = (git / "commondir").is_file()
    shared = git / _text(git / "commondir") if is_work_tree else git
    # First, since git lets an older packed entry stand beside it.
    if (shared / name).is_file():
        return _text(shared / name)
    lines = _text(shared / "packed-refs").splitlines()
    packed = (line.split(" ", 1) for line in lines if " " in line)
    return next((digits for digits, branch in packed if branch == name), "")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()


RUNNING = commit()
"""Of the code that this process runs, read when it was imported: a process that lives for hours
does not run what is checked out meanwhile.
"""
