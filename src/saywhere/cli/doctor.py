"""`saywhere doctor`: what is installed, missing or too old."""

from __future__ import annotations

import json
import os
import platform
import shutil
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from saywhere.io.paths import cache_folder

if TYPE_CHECKING:
    from packaging.requirements import Requirement

# A decoded set of photographs takes up to that much.
ENOUGH_BYTES = 2 * 10**9
EXTRAS = ("serve", "prepare", "cluster")
"""Those that change what a verb can do; the others are for developers."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        what: its name.
        state: a version or a size, or what is wrong.
        is_ok: it is in order.
        advice: what to do where it is not in order.
        is_needed: nothing works without it.
    """

    what: str
    state: str
    is_ok: bool
    advice: str = ""
    is_needed: bool = True

    @property
    def todo(self) -> str:
        """What to do about it; empty where it is in order."""
        return "" if self.is_ok else self.advice

    def to_json(self) -> dict[str, str | bool]:
        """Make what `saywhere doctor --json` prints.

        Returns:
            what, found, ok, needed, todo.
        """
        return {
            "what": self.what,
            "found": self.state,
            "ok": self.is_ok,
            "needed": self.is_needed,
            "todo": self.todo,
        }


def doctor(
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Print what is not in order only."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Say what is installed, missing or too old, and what to do about it.

    Exit code 1 where something that is needed is not in order.
    """
    findings = [_python(), *_packages(), _cache(), _disk()]
    # JSON has all of them: a program asks for the one that it needs.
    shown = [finding for finding in findings if not (quiet and finding.is_ok)]
    if as_json:
        typer.echo(json.dumps([finding.to_json() for finding in findings], indent=2))
    elif shown:
        _draw(shown)
    # An optional package that lacks is no failure: most people need none.
    if any(not finding.is_ok and finding.is_needed for finding in findings):
        raise typer.Exit(1)


def _python() -> Finding:
    # Always in order: an older Python could not read these files.
    return Finding("Python", platform.python_version(), is_ok=True)


def _packages() -> list[Finding]:
    """What Saywhere's own metadata asks for; an extra's package is not needed without the extra."""
    from packaging.requirements import Requirement

    findings = []
    for text in metadata.requires("saywhere") or []:
        requirement = Requirement(text)
        extra = next((name for name in EXTRAS if _asks(requirement, name)), None)
        if not _asks(requirement, "") and extra is None:
            continue
        findings.append(_package(requirement, extra))
    return findings


def _asks(requirement: Requirement, extra: str) -> bool:
    """Does it apply here, with this extra (none: "") and not without?"""
    if requirement.marker is None:
        return not extra
    with_it = requirement.marker.evaluate({"extra": extra})
    return bool(with_it and (not extra or not requirement.marker.evaluate({"extra": ""})))


def _package(requirement: Requirement, extra: str | None) -> Finding:
    name = requirement.name + (f" (for saywhere[{extra}])" if extra else "")
    install = (
        f"pip install 'saywhere[{extra}]'"
        if extra
        else f"pip install '{requirement.name}{requirement.specifier}'"
    )
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return Finding(name, "not installed", False, install, is_needed=extra is None)
    # By default a specifier refuses every pre-release, and one may be installed.
    fits = requirement.specifier.contains(version, prereleases=True)
    state = version if fits else f"{version}, wanted {requirement.specifier}"
    return Finding(name, state, fits, install, is_needed=extra is None)


def _cache() -> Finding:
    from saywhere.io.cache import list_folders

    folder = cache_folder()
    # The folder may not be made yet: then its nearest parent decides.
    place = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    is_writable = os.access(place, os.W_OK)
    gigabytes = sum(entry.n_bytes for entry in list_folders()) / 1e9
    return Finding(
        "cache folder",
        f"{gigabytes:.1f} GB, {'can' if is_writable else 'cannot'} be written",
        is_writable,
        "set SAYWHERE_CACHE to a folder that you may write to",
    )


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    return Finding(
        "free disk here",
        f"{free / 1e9:.1f} GB",
        free >= ENOUGH_BYTES,
        "make room: a run and its decoded images take some 100 MB to 2 GB",
        is_needed=False,
    )


def _draw(findings: list[Finding]) -> None:
    from rich.table import Table

    from saywhere.cli.plain_output import console

    table = Table("", "what", "found", "what to do")
    for finding in findings:
        # rich would read the brackets of an extra as markup.
        todo = finding.todo.replace("[", "\\[")
        table.add_row(_sign(finding), finding.what, finding.state, todo)
    console(markup=True).print(table)


def _sign(finding: Finding) -> str:
    if finding.is_ok:
        return "[green]ok[/]"
    return "[red]no[/]" if finding.is_needed else "[yellow]–[/]"
