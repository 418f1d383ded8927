"""`--device` and `--runtime`: where and by what a loaded model computes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="auto|cpu|cuda[:N]|mps",
        help="Where PyTorch computes; auto: a GPU where there is one.",
    ),
]
Runtime = Annotated[
    str,
    typer.Option(
        "--runtime",
        metavar="auto|torch|torch-bfloat16|onnx",
        help="What computes; auto: the fastest one here that keeps the answer.",
    ),
]


def export_once(run: Path, runtime: str, quiet: bool) -> None:
    """Make the ONNX files of a model where they are needed and this machine has none yet.

    Args:
        run: A run directory, or a model's name.
        runtime: Only onnx needs them.
        quiet: Do not say that it takes a while.

    Raises:
        MissingExtra: A package is not installed.
        ParityError: What was exported answers otherwise than the model.
    """
    if runtime != "onnx":
        return
    from saywhere.inference import onnx_files
    from saywhere.runs.locate import find, weights_file

    weights = weights_file(find(run))
    if weights is None or onnx_files.is_kept(weights):
        return
    onnx_files.refuse_missing()
    if not quiet:
        typer.echo(f"{run} becomes ONNX once on this machine: about a minute", err=True)
    from saywhere.hub.onnx import keep

    keep(run)
