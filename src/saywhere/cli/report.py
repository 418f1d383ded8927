"""`saywhere report RUN`: the run as one HTML page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Optional

import typer


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run directory.")],
    out: Annotated[
        Optional[Path],  # noqa: UP045 (typer on 3.10)
        typer.Option(metavar="FILE.html", help="Where to write. Default: report.html in RUN."),
    ] = None,
    no_identifiers: Annotated[
        bool,
        typer.Option("--no-identifiers", help="Write keyed hashes for ids, paths and prompts."),
    ] = False,
    identifier_key: Annotated[
        Optional[Path],  # noqa: UP045 (typer on 3.10)
        typer.Option(metavar="FILE", help="Their key. Default: a random one, thrown away."),
    ] = None,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Do not print the path."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write one self-contained HTML page about a run, and print where it is."""
    from saywhere.runs.locate import find_directory

    # Before the page's parts are loaded: a slip is refused at once.
    find_directory(run)
    from saywhere.cli.identifiers import withholding
    from saywhere.io.pseudonyms import read_pseudonyms
    from saywhere.report.build import build_report

    pseudonyms = read_pseudonyms(no_identifiers, identifier_key)
    with withholding(no_identifiers):
        place = build_report(run, out, pseudonyms)
    if as_json:
        typer.echo(json.dumps({"report": str(place)}))
    elif not quiet:
        from saywhere.cli.progress import next_step

        typer.echo(place)
        next_step(f"open it in a browser, or: {_predict(run)}")


def _predict(run: Path) -> str:
    return f'saywhere predict {run} IMAGE --prompt "…" --out masks'
