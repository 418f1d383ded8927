"""`saywhere export`"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from saywhere.errors import UsageError


def export(
    run: Annotated[Path, typer.Argument(help="A run directory, or a model's name.")],
    to: Annotated[str, typer.Option("--to", help="onnx, monai.")] = "onnx",
    out: Annotated[
        Path | None, typer.Option(help="Folder for the files. Default: NAME-onnx.")
    ] = None,
    inputs: Annotated[
        int, typer.Option(min=1, help="Random inputs that both are compared on.")
    ] = 20,
    in_cache: Annotated[
        bool,
        typer.Option("--keep", help="onnx: keep the files for `predict --runtime onnx`, once."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings only.")] = False,
) -> None:
    """Write a model in a form that other programs run.

    The exported files are compared with the model before they are kept.
    """
    from saywhere.cli.progress import warn_of_unfinished
    from saywhere.hub import exports
    from saywhere.runs.locate import find

    # Before torch is loaded: a slip is refused at once.
    exports.refuse_unknown(to)
    find(run)
    warn_of_unfinished(run)
    if in_cache:
        _keep(to, out, run, as_json, quiet)
        return
    folder = out or Path(f"{run.name}-{to}")
    parity = exports.choose(to)(run, folder, n_inputs=inputs)
    if as_json:
        typer.echo(json.dumps({"folder": str(folder)} | asdict(parity), indent=2))
    elif not quiet:
        typer.echo(
            f"{folder}: of {parity.n} inputs, no probability differs by more than "
            f"{parity.probability:.1e} from the model's\n"
            "next: docs/how-to/export.md shows how to run it"
        )


def _keep(to: str, out: Path | None, run: Path, as_json: bool, quiet: bool) -> None:
    if to != "onnx" or out is not None:
        raise UsageError(
            "--keep with " + ("--out" if out is not None else f"--to {to}"),
            allowed="it keeps ONNX files in the cache, where `predict --runtime onnx` finds them",
            remedy="leave one of them out",
        )
    from saywhere.hub.onnx import keep

    folder = keep(run)
    if as_json:
        typer.echo(json.dumps({"folder": str(folder)}, indent=2))
    elif not quiet:
        typer.echo(f"{folder}: used by `saywhere predict {run} --runtime onnx`")
