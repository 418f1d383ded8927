"""`saywhere models list|pull|push|blend`"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

models = typer.Typer(
    help="Models by name: list them, fetch one, pass one on.", no_args_is_help=True
)
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings only.")]


@models.command("list")
def list_models(
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print names only, one per line.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
) -> None:
    """List the models on this machine.

    A name serves wherever a run is expected: `saywhere predict polyp image.png …`.
    """
    from saywhere.hub.registry import list_models as entries_of

    entries = entries_of()
    if as_json:
        document = [entry.to_json() for entry in entries]
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    # For `for name in $(saywhere models list -q)`.
    if quiet:
        typer.echo("\n".join(entry.name for entry in entries))
        return
    from rich.table import Table

    from saywhere.cli.plain_output import console

    title = "models on this machine (each card says what was never tested)"
    table = Table("name", "what", "mean Dice per image", "MB", title=title)
    for entry in entries:
        if entry.broken is not None:
            # Its folder stands below the table, as the others' do.
            table.add_row(entry.name, f"broken: {entry.broken}", "", "")
            continue
        dice = "not measured" if entry.dice is None else f"{entry.dice:.3f}"
        table.add_row(entry.name, entry.title, dice, f"{entry.n_bytes / 1e6:.1f}")
    console().print(table)
    # Below the table: in a column of 80, a path would be cut, and nobody could copy it.
    for entry in entries:
        others = f" (also called {', '.join(entry.other_names)})" if entry.other_names else ""
        typer.echo(f"{entry.name}: {entry.folder}{others}")


@models.command("pull")
def pull_model(
    address: Annotated[
        str,
        typer.Argument(
            help="A folder, or an address of fsspec's: hf://OWNER/NAME, s3://…, https://…"
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(help="Its name on this machine. Default: the address's last part."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a model of that name.")
    ] = False,
    quiet: Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print name and folder as JSON.")] = False,
) -> None:
    """Fetch a model, verify its digests, and make its name known.

    Only safetensors, configuration and card are fetched, never a pickle.
    """
    from saywhere.hub.registry import pull

    folder = pull(address, name, replace=replace)
    _print({"name": folder.name, "folder": str(folder)} if as_json else str(folder), quiet)
    if not quiet and not as_json:
        from saywhere.cli.progress import next_step

        next_step(f'saywhere predict {folder.name} IMAGE --prompt "…" --out masks')


@models.command("push")
def push_model(
    run: Annotated[Path, typer.Argument(help="A run directory, or a model's name.")],
    address: Annotated[
        str, typer.Argument(help="A folder, or an address of fsspec's that can be written.")
    ],
    about: Annotated[
        Path | None,
        typer.Option(
            help=(
                "A TOML: title, task, data, frame, terms, license, made, limits, suggestions. "
                "All are optional."
            )
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Its name. Default: the address's last part.")
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a model at that address.")
    ] = False,
    quiet: Quiet = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print its configuration and evidence as JSON.")
    ] = False,
) -> None:
    """Make a run a model that can be passed on.

    It holds the weights in 16 bit, the configuration, and a card of what was measured: run
    `saywhere evaluate` and `saywhere probe` first.
    """
    from saywhere.cli.progress import warn, warn_of_unfinished
    from saywhere.hub.metadata import About, read_about
    from saywhere.hub.registry import push, shown

    description = About() if about is None else read_about(about)
    warn_of_unfinished(run)
    facts = push(run, address, description, name, replace=replace)
    # Pushed all the same: a card that says "not evaluated" is honest.
    if "evaluation" not in facts["evidence"]:
        warn(
            f"nothing was measured of {run}: the card says so; "
            f"run `saywhere evaluate {run}` and push again"
        )
    if about is None:
        warn("no --about: the card says of data, terms and limits that they are not stated")
    _print(facts if as_json else shown(address), quiet)


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
    """Average the weights of a fine-tuned run and its start (WiSE-FT).

    This keeps what fine-tuning gained, and much of what it lost. Evaluate the new run as any other.
    """
    from saywhere.runs.locate import find

    for path in (run, start):
        # Before torch is loaded: a slip is refused at once.
        find(path)
    from saywhere.training.weight_averaging import blend

    folder = blend(run, start, share, out)
    _print({"folder": str(folder), "share": share} if as_json else str(folder), quiet)


def _print(result: Mapping[str, Any] | str, quiet: bool) -> None:
    """A mapping as JSON; a plain line unless quiet."""
    if isinstance(result, str):
        if not quiet:
            typer.echo(result)
    else:
        typer.echo(json.dumps(result, indent=2, ensure_ascii=False))
