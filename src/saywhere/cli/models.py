"""saywhere models list|pull|push|blend"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

models = typer.Typer(
    help="Models by name: what is here, fetch one, pass one on.", no_args_is_help=True
)
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings only.")]


@models.command("list")
def list_models(
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print names only, one a line.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """What is here. A name serves wherever a run is asked for: `saywhere predict polyp image.png …`."""
    from saywhere.hub.registry import listed

    found = listed()
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    if quiet:
        typer.echo("\n".join(entry["name"] for entry in found))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "name",
        "what",
        "Dice a case",
        "MB",
        "where",
        title="models here (their cards say what was never tested)",
    )
    for entry in found:
        dice = "not measured" if entry["dice"] is None else f"{entry['dice']:.3f}"
        table.add_row(
            entry["name"], entry["title"], dice, f"{entry['n_bytes'] / 1e6:.1f}", entry["folder"]
        )
    Console().print(table)


@models.command("pull")
def pull_model(
    address: Annotated[
        str,
        typer.Argument(
            help="A folder, or an address of fsspec's: hf://OWNER/NAME, s3://…, https://…"
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="What to call it here. Default: the address's last part.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also where a model of that name is there.")
    ] = False,
    quiet: Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print name and folder as JSON.")] = False,
) -> None:
    """Fetch a model, verify its digests, and make its name known. Nothing but safetensors, configuration and card is fetched."""
    from saywhere.hub.registry import pull

    folder = pull(address, name, replace=replace)
    _tell({"name": folder.name, "folder": str(folder)} if as_json else str(folder), quiet)


@models.command("push")
def push_model(
    run: Annotated[Path, typer.Argument(help="A run directory, or a model's name.")],
    address: Annotated[
        str, typer.Argument(help="A folder, or an address of fsspec's that can be written.")
    ],
    about: Annotated[
        Path | None,
        typer.Option(help="A TOML: title, task, data, terms, license, made, limits, suggestions."),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Its name. Default: the address's last part.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also where a model is there.")
    ] = False,
    quiet: Quiet = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print its configuration and evidence as JSON.")
    ] = False,
) -> None:
    """Make a model of a run: weights in 16 bit, configuration, and a card of what was measured (evaluate and probe it first)."""
    from saywhere.cli.progress import warn
    from saywhere.hub.metadata import About, read_about
    from saywhere.hub.registry import push, shown

    facts = push(
        run, address, About() if about is None else read_about(about), name, replace=replace
    )
    if "evaluation" not in facts["evidence"]:
        warn(
            f"nothing was measured of {run}: the card says so; run `saywhere evaluate {run}` and push again"
        )
    if about is None:
        warn("no --about: the card says of data, terms and limits that they are not stated")
    _tell(facts if as_json else shown(address), quiet)


@models.command("blend")
def blend_models(
    run: Annotated[Path, typer.Argument(help="A run directory: the fine-tuned one.")],
    start: Annotated[
        Path, typer.Argument(help="The run or model that it was trained from (--from).")
    ],
    share: Annotated[float, typer.Option(help="Of the second, between 0 and 1.")] = 0.5,
    out: Annotated[Path | None, typer.Option(help="Default: runs/blend, numbered.")] = None,
    quiet: Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the folder as JSON.")] = False,
) -> None:
    """Weights between two runs (WiSE-FT): keep what fine-tuning gained, and much of what it lost. Evaluate the new run like any other."""
    from saywhere.training.weight_averaging import blend

    folder = blend(run, start, share, out)
    _tell({"folder": str(folder), "share": share} if as_json else str(folder), quiet)


def _tell(result: dict[str, Any] | str, quiet: bool) -> None:
    """JSON where it was asked for; else where the model is, unless quiet."""
    if isinstance(result, dict):
        typer.echo(json.dumps(result, indent=2, ensure_ascii=False))
    elif not quiet:
        typer.echo(result)
