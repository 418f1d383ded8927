"""`saywhere demo`: the main job, end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def demo(
    data: Annotated[
        Path | None,
        typer.Option(help="A folder with a manifest of real images; default: phantoms made here."),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder of the demo; numbered, never overwritten.")
    ] = Path("runs/demo"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the report's place only.")
    ] = False,
) -> None:
    """Train, evaluate, predict and report, end to end, in some minutes.

    A prompt becomes a pseudo-image, joins an image, and a mask comes out.
    """
    from saywhere.cli.demo_run import demo as run_demo
    from saywhere.cli.progress import TrainingProgress
    from saywhere.report.build import build_report

    def say(line: str) -> None:
        if not quiet:
            typer.echo(line, err=True)

    with TrainingProgress(quiet) as progress:
        run = run_demo(out, data, say=say, listen=progress)
    report = build_report(run)
    typer.echo(
        json.dumps({"run": str(run), "report": str(report)}) if as_json else f"the report: {report}"
    )
