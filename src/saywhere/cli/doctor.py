"""`saywhere doctor`: what is installed, missing or too old."""

from __future__ import annotations

import json
import os
import platform
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

import typer

from saywhere.io.paths import cache_folder

ENOUGH_BYTES = 2 * 10**9
EXTRAS = ("serve", "prepare", "cluster")
"""Those that change what a verb can do; the others are for developers."""


def doctor(
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Print what is not in order only."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Say what is installed, missing or too old, and what to do about it.

    Exit code 1 where something that is needed is not in order.
    """
    findings = [_python(), *_packages(), _cache(), _disk()]
    shown = [finding for finding in findings if not (quiet and finding["ok"])]
    if as_json:
        typer.echo(json.dumps(findings, indent=2))
    elif shown:
        _draw(shown)
    if any(not finding["ok"] and finding["needed"] for finding in findings):
        raise typer.Exit(1)


def _finding(
    what: str, state: str, ok: bool, todo: str = "", *, needed: bool = True
) -> dict[str, Any]:
    return {"what": what, "found": state, "ok": ok, "needed": needed, "todo": "" if ok else todo}


def _python() -> dict[str, Any]:
    # Always in order: an older Python could not read these files.
    return _finding("Python", platform.python_version(), True)


def _packages() -> list[dict[str, Any]]:
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


def _asks(requirement: Any, extra: str) -> bool:
    """Does it apply here, with this extra (none: "") and not without?"""
    if requirement.marker is None:
        return not extra
    with_it = requirement.marker.evaluate({"extra": extra})
    return bool(with_it and (not extra or not requirement.marker.evaluate({"extra": ""})))


def _package(requirement: Any, extra: str | None) -> dict[str, Any]:
    name = requirement.name + (f" (for saywhere[{extra}])" if extra else "")
    install = (
        f"pip install 'saywhere[{extra}]'"
        if extra
        else f"pip install '{requirement.name}{requirement.specifier}'"
    )
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return _finding(name, "not installed", False, install, needed=extra is None)
    # By default a specifier refuses every pre-release, and one may be installed.
    fits = requirement.specifier.contains(version, prereleases=True)
    state = version if fits else f"{version}, wanted {requirement.specifier}"
    return _finding(name, state, fits, install, needed=extra is None)


def _cache() -> dict[str, Any]:
    from saywhere.io.cache import list_folders

    folder = cache_folder()
    # The folder may not be made yet: then its nearest parent decides.
    place = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    is_writable = os.access(place, os.W_OK)
    gigabytes = sum(entry.n_bytes for entry in list_folders()) / 1e9
    return _finding(
        "cache folder",
        f"{gigabytes:.1f} GB, {'can' if is_writable else 'cannot'} be written",
        is_writable,
        "set SAYWHERE_CACHE to a folder that you may write to",
    )


def _disk() -> dict[str, Any]:
    free = shutil.disk_usage(Path.cwd()).free
    return _finding(
        "free disk here",
        f"{free / 1e9:.1f} GB",
        free >= ENOUGH_BYTES,
        "make room: a run and its decoded images take some 100 MB to 2 GB",
        needed=False,
    )


def _draw(findings: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("", "what", "found", "what to do")
    for finding in findings:
        # rich would read the brackets of an extra as markup.
        todo = finding["todo"].replace("[", "\\[")
        table.add_row(_sign(finding), finding["what"], finding["found"], todo)
    Console().print(table)


def _sign(finding: dict[str, Any]) -> str:
    if finding["ok"]:
        return "[green]ok[/]"
    return "[red]no[/]" if finding["needed"] else "[yellow]–[/]"
