"""saywhere cache list|clear"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

cache = typer.Typer(
    help="Decoded images and text embeddings, kept so that they are made once: how much there is, and letting go of it.",
    no_args_is_help=True,
)
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


@cache.command("list")
def list_cache(
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print folders only, one a line.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """What is kept, the longest unused first, in $SAYWHERE_CACHE, else ~/.cache/saywhere."""
    from saywhere.io.cache import kept
    from saywhere.io.paths import cache_folder

    found = [_facts(one) for one in kept()]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    if quiet:
        for entry in found:
            typer.echo(entry["folder"])
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "what",
        "MB",
        "unused for days",
        "folder",
        title=f"{len(found)} folders, {sum(entry['n_bytes'] for entry in found) / 1e6:,.0f} MB",
    )
    for entry in found:
        table.add_row(
            entry["what"],
            f"{entry['n_bytes'] / 1e6:.1f}",
            f"{entry['unused_days']:.0f}",
            Path(entry["folder"]).name,
        )
    Console().print(table)
    typer.echo(
        f"in {cache_folder()}; `saywhere cache clear --unused 30` removes what nobody opened for 30 days"
    )


@cache.command("clear")
def clear_cache(
    unused: Annotated[
        float, typer.Option("--unused", min=0, help="Only what was not opened for so many days.")
    ] = 0.0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove what is kept: it is made anew when it is needed. Runs, models (pulled ones too) and what people kept on the page stay. Exit 1 where some stays."""
    from saywhere.cli.progress import warn
    from saywhere.io.cache import clear

    gone, left = ([_facts(one) for one in part] for part in clear(unused))
    if as_json:
        typer.echo(json.dumps(gone, indent=2))
    elif not quiet:
        typer.echo(
            f"{len(gone)} folders removed, {sum(entry['n_bytes'] for entry in gone) / 1e6:,.1f} MB"
        )
    for entry in left:
        warn(f"{entry['folder']} could not be removed: it is in use, or another user's")
    if left:
        raise typer.Exit(1)


def _facts(one: Any) -> dict[str, Any]:
    return {
        "folder": str(one.folder),
        "what": one.what,
        "n_bytes": one.n_bytes,
        "unused_days": round(one.unused_days, 2),
    }
