"""`saywhere export`"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def export(
    run: Annotated[Path, typer.Argument(help="A run directory, or a model's name.")],
    to: Annotated[str, typer.Option("--to", help="onnx, monai.")] = "onnx",
    out: Annotated[
        Path | None, typer.Option(help="Folder for the files. Default: NAME-onnx.")
    ] = None,
    inputs: Annotated[
        int, typer.Option(min=1, help="Random inputs that both are compared on.")
    ] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings only.")] = False,
) -> None:
    """Write a model in a form that other programs run.

    The exported files are compared with the model before they are kept.
    """
    from saywhere.hub import exports
    from saywhere.runs.locate import find

    # Before torch is loaded: a slip is refused at once.
    exports.refuse_unknown(to)
    find(run)
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
