"""saywhere demo"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    data: Annotated[Path | None, typer.Option(help="A folder with a manifest of real images; default: phantoms made here.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the demo; numbered, never overwritten.")] = Path("runs/demo"),
    quiet: Annotated[bool, typer.Option("--quiet", "-q")] = False,
) -> None:
    """A prompt becomes a pseudo-image, joins an image, and a mask comes out: train, evaluate, predict, report."""
    from saywhere.cli.progress import TrainingProgress
    from saywhere.engine.demo import demo as run_demo
    from saywhere.report.build import build_report

    def say(line: str) -> None:
        if not quiet:
            typer.echo(line, err=True)

    with TrainingProgress(quiet) as progress:
        run = run_demo(out, data, say=say, listen=progress)
    typer.echo(f"the report: {build_report(run)}")
