"""`saywhere cache list|clear`: decoded images and text embeddings that are reused."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from saywhere.io.cache import CachedFolderJson

cache = typer.Typer(
    help="Decoded images and text embeddings that later runs reuse: list them, remove them.",
    no_args_is_help=True,
)
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


@cache.command("list")
def list_cache(
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print folders only, one per line.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List what the cache holds, the longest unused first.

    It lies in $SAYWHERE_CACHE, else in ~/.cache/saywhere.
    """
    from saywhere.errors import counted
    from saywhere.io.cache import list_folders
    from saywhere.io.paths import cache_folder

    entries = [folder.to_json() for folder in list_folders()]
    if as_json:
        typer.echo(json.dumps(entries, indent=2))
        return
    if quiet:
        for entry in entries:
            typer.echo(entry["folder"])
        return
    from rich.table import Table

    from saywhere.cli.plain_output import console

    title = f"{counted(len(entries), 'folder')}, {_megabytes(entries):,.0f} MB"
    table = Table("what", "MB", "unused for days", "folder", title=title)
    for entry in entries:
        table.add_row(
            entry["what"],
            f"{entry['n_bytes'] / 1e6:.1f}",
            f"{entry['unused_days']:.0f}",
            Path(entry["folder"]).name,
        )
    console().print(table)
    typer.echo(
        f"in {cache_folder()}; "
        "`saywhere cache clear --unused 30` removes what nobody opened for 30 days"
    )


@cache.command("clear")
def clear_cache(
    unused: Annotated[
        float, typer.Option("--unused", min=0, help="Only what was not opened for so many days.")
    ] = 0.0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Empty the cache; what is needed again is made anew.

    Runs, models (pulled ones too) and what people kept on the page stay. Exit code 1 where
    something cannot be removed.
    """
    from saywhere.cli.progress import warn
    from saywhere.errors import counted
    from saywhere.io.cache import clear

    removed, stuck = clear(unused)
    entries = [folder.to_json() for folder in removed]
    if as_json:
        typer.echo(json.dumps(entries, indent=2))
    elif not quiet:
        folders = counted(len(entries), "folder")
        typer.echo(f"{folders} removed, {_megabytes(entries):,.1f} MB")
    # On Windows a file that is in use cannot be removed.
    for entry in stuck:
        warn(f"{entry.folder} could not be removed: it is in use, or another user's")
    if stuck:
        raise typer.Exit(1)


def _megabytes(entries: Iterable[CachedFolderJson]) -> float:
    return sum(entry["n_bytes"] for entry in entries) / 1e6
