"""`saywhere info`: the networks, encoders, fusions and data sets that there are.

The tables are plain facts, so that the answer comes without torch.
"""

from __future__ import annotations

import json

import typer

from saywhere.datasets import SETS
from saywhere.errors import UsageError, nearest
from saywhere.networks.catalogue import ADAPTED, CATALOGUE

Facts = dict[str, str | int | float | None]
"""Key → what is known of one thing, as `--json` prints it."""
FactTable = dict[str, Facts]
"""Name → facts."""
ENCODERS: FactTable = {
    "minilm": {
        "what": "MiniLM sentence encoder, the default",
        "dim": 384,
        "weights": "installed with Saywhere",
    },
    "cxr-bert": {
        "what": "CXR-BERT, the paper's, or any local BERT",
        "dim": 768,
        "weights": "your own copy: text.path",
    },
    "random": {"what": "a control: a random vector per sentence", "dim": 384, "weights": "none"},
    "place": {
        "what": "a control: the cells of a 3×3 grid that a sentence names",
        "dim": 10,
        "weights": "none",
    },
}
# The paper's, so that the counts stand beside published ones.
SIZE_PX = 224
# In --json and `info network NAME` only: a terminal has 80 columns.
LONG = ("source", "pretrained")


def info(
    what: str | None = typer.Argument(
        None, help="networks, encoders, fusions, sets; or: network NAME", show_default="all four"
    ),
    name: str | None = typer.Argument(
        None, help="after `network`: its name, for instance unet or monai:SegResNet"
    ),
    width: int = typer.Option(
        64, "--width", min=1, help="after `network NAME`: channels of its first level"
    ),
    depth: float = typer.Option(
        1.0,
        "--depth",
        help="after `network NAME`: share of its published levels or blocks, up to 2",
    ),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Print names only, one per line."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """List networks, encoders, fusions and data sets; or count what one network costs."""
    if what == "network":
        _print_network(network_facts(name, width, depth), quiet, as_json)
        return
    chosen = select(what, name)
    if as_json:
        rows = {title: _rows(table) for title, table in chosen.items()}
        typer.echo(json.dumps(rows, ensure_ascii=False))
    elif quiet:
        typer.echo("\n".join(key for table in chosen.values() for key in table))
    else:
        _draw(chosen)


def tables() -> dict[str, FactTable]:
    """Every table that `saywhere info` prints.

    Returns:
        Title → name → facts.
    """
    # Loaded when it is needed: the configuration's schema would slow `saywhere --help` down.
    from saywhere.config.fusions import FUSIONS

    networks: FactTable = {name: entry._asdict() for name, entry in CATALOGUE.items()}
    networks[ADAPTED] = {"what": "any 2-D network of MONAI, for instance monai:SegResNet"}
    fusions: FactTable = {name: {"what": fusion.what} for name, fusion in FUSIONS.items()}
    sets: FactTable = {
        name: {"what": entry.what, "prepare": f"saywhere prepare {name}"}
        for name, entry in SETS.items()
    }
    return {"networks": networks, "encoders": ENCODERS, "fusions": fusions, "sets": sets}


def select(what: str | None, name: str | None = None) -> dict[str, FactTable]:
    """Choose tables by title.

    Args:
        what: a title; None: all of them.
        name: must be None; a name belongs to `info network` alone.

    Returns:
        Title → name → facts.

    Raises:
        UsageError: for an unknown title, and for a name.
    """
    known = tables()
    if what is not None and what not in known:
        raise UsageError(f"info knows no {what!r}", remedy=nearest(what, [*known, "network"]))
    if name is not None:
        raise UsageError(
            f"info {what} takes no name, but {name!r} was given",
            remedy=f"for one network: saywhere info network {name}",
        )
    return known if what is None else {what: known[what]}


def network_facts(name: str | None, width: int = 64, depth: float = 1.0) -> Facts:
    """Count parameters and GFLOP of one network at 3 and 6 channels.

    Args:
        name: of the network; `monai:CLASS` for one of MONAI.
        width: channels of its first level.
        depth: share of its published levels or blocks.

    Returns:
        Name, what it is, width, depth (None where it has no such scale), the image's side, and
        the counts for an image and for a stack of image and pseudo-image.

    Raises:
        UsageError: for an unknown name, and without one.
    """
    if name is None:
        raise UsageError(
            "info network was given no name",
            remedy=f"choose one of {', '.join(tables()['networks'])}",
        )
    from saywhere.networks.cost import cost
    from saywhere.networks.registry import has_depth

    image = cost(name, 3, width, SIZE_PX, depth)
    stack = cost(name, 6, width, SIZE_PX, depth)
    # A network of MONAI's is in no catalogue of ours.
    entry = CATALOGUE[name]._asdict() if name in CATALOGUE else {}
    return {
        "name": name,
        **{key: entry[key] for key in ("what", "source", "pretrained") if key in entry},
        "width": width,
        "depth": depth if has_depth(name) else None,
        "size_px": SIZE_PX,
        "parameters_3_channels": image.parameters,
        "parameters_6_channels": stack.parameters,
        "gflop_3_channels": round(image.gflop, 3),
        "gflop_6_channels": round(stack.gflop, 3),
        "multiple": stack.multiple,
        "smallest_px": stack.smallest_px,
    }


def _print_network(facts: Facts, quiet: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(facts, ensure_ascii=False))
    elif quiet:
        typer.echo(facts["name"])
    else:
        for key, value in facts.items():
            typer.echo(f"{_heading(key)}: {_shown(value)}")


def _rows(table: FactTable) -> list[Facts]:
    return [{"name": name, **facts} for name, facts in table.items()]


def _draw(tables: dict[str, FactTable]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from saywhere.cli.plain_output import console as new_console

    console = new_console()
    for title, table in tables.items():
        columns = dict.fromkeys(key for row in table.values() for key in row)
        keys = [key for key in columns if key not in LONG]
        drawn = Table(
            title.removesuffix("s"), *map(_heading, keys), box=SIMPLE_HEAD, pad_edge=False
        )
        drawn.columns[0].no_wrap = True
        for key, row in table.items():
            drawn.add_row(key, *(_shown(row.get(column, "")) for column in keys))
        console.print(drawn)


def _heading(key: str) -> str:
    return key.replace("_", " ")


def _shown(value: object) -> str:
    if value is None:
        return "it has no such scale"
    return f"{value:,}" if isinstance(value, int) else str(value)
