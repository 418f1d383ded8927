"""`--device` and `--runtime`: where and by what a loaded model computes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from saywhere.cli.progress import warn
from saywhere.errors import SaywhereError

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


def export_once(run: Path, runtime: str, device: str, quiet: bool) -> None:
    """Make the ONNX files of a model where they are needed and this machine has none yet.

    Args:
        run: A run directory, or a model's name.
        runtime: onnx needs them. auto chooses among more with them, where they can be made.
        device: As --device names it.
        quiet: Do not say that it takes a while.

    Raises:
        MissingExtra: A package is not installed, and ONNX Runtime was named.
        ParityError: What was exported answers otherwise than the model, and ONNX Runtime was named.
    """
    from saywhere.inference import onnx_files
    from saywhere.inference.runtimes.runtime import AUTO, ONNX
    from saywhere.runs.locate import find, weights_file

    if runtime not in (AUTO, ONNX):
        return
    folder = find(run)
    weights = weights_file(folder)
    if weights is None or onnx_files.is_kept(weights):
        return
    if runtime == AUTO and not _may_help(folder, device):
        return
    onnx_files.refuse_missing()
    if not quiet:
        typer.echo(f"{run} becomes ONNX once on this machine: about a minute", err=True)
    from saywhere.hub.onnx import keep

    try:
        keep(run)
    except SaywhereError as error:
        # It is one candidate of several.
        if runtime == ONNX:
            raise
        warn(f"--runtime auto goes on without ONNX Runtime: {error}")


def _may_help(folder: Path, device: str) -> bool:
    """Where nothing was measured yet, on a CPU, with all packages there."""
    from saywhere.inference.onnx_files import can_export
    from saywhere.inference.runtimes.choice import ON_CPU, is_measured

    if device not in ON_CPU or not can_export() or is_measured(folder, device):
        return False
    from saywhere.runs import devices

    return devices.find(device).type == "cpu"
