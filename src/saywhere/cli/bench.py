"""`saywhere bench`"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saywhere.bench.targets import LITE

if TYPE_CHECKING:
    from saywhere.bench.suite import BenchRecord


def bench(
    only: Annotated[
        str, typer.Option(help="Parts, with commas: prediction, training, start, boundaries.")
    ] = "",
    network: Annotated[
        str | None, typer.Option(help="Train this network instead of the three usual ones.")
    ] = None,
    width: Annotated[int, typer.Option(min=1, help="Of that network's first level.")] = 64,
    size: Annotated[int, typer.Option(min=8, help="Side of its images, in pixels.")] = 224,
    batch: Annotated[int, typer.Option(min=1, help="Samples of a training step.")] = 8,
    steps: Annotated[int, typer.Option(min=1, help="That network's steps a round.")] = 3,
    rounds: Annotated[int, typer.Option(min=1, help="Of both ways in turn.")] = 3,
    pairs: Annotated[
        int,
        typer.Option(min=2, help="Of a step of the paper's UNet with words and one without."),
    ] = 20,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N, mps.")] = "auto",
    data: Annotated[
        Path | None, typer.Option(help="A manifest to train and predict on. Default: phantoms.")
    ] = None,
    prompts: Annotated[str, typer.Option(help="Level of its prompts.")] = "plain",
    model: Annotated[
        str, typer.Option(help="Run or model that predicts. Default: one of `lite` at 160 px.")
    ] = LITE,
    pictures: Annotated[int, typer.Option(min=1, help="That are predicted.")] = 50,
    cases: Annotated[int, typer.Option(min=1, help="Pairs of masks that are measured.")] = 500,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="A key of every training, as a.b=c.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The JSON file.")] = Path("bench.json"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the file's content.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the goals only.")] = False,
) -> None:
    """Measure training and prediction beside the naive way, and print our goals beside it.

    The naive way: the text encoder works in every step, files are decoded and resized in every
    epoch by two workers, float32. Both ways take turns in one process. A quiet machine needs about
    7 minutes.
    """
    from saywhere.runs.devices import check_name
    from saywhere.runs.locate import find

    # Before torch is loaded: a slip is refused at once.
    find(Path(model))
    check_name(device, "--device")
    from saywhere.bench.measured_machine import device_named
    from saywhere.bench.suite import PARTS, Plan, run
    from saywhere.config.toml import split_override

    plan = Plan(
        parts=[part.strip() for part in only.split(",")] if only else PARTS,
        batch=batch,
        device=device_named(device),
        data=data,
        prompts=prompts,
        model=model,
        pictures=pictures,
        cases=cases,
        rounds=rounds,
        pairs=pairs,
        changes=dict(split_override(change) for change in changes or []),
    )
    if network:
        plan = plan.of_network(network, width, size, steps)

    def tell(message: str) -> None:
        if not quiet:
            typer.echo(message, err=True)

    document = run(plan, out, _command(sys.argv[1:]), tell)
    if as_json:
        typer.echo(json.dumps(document, indent=2))
    else:
        _draw(document)
        typer.echo(f"everything that was measured: {out}")


def _command(words: list[str]) -> str:
    """What was typed; where the file lay is nobody's business."""
    if "--out" in words:
        place = words.index("--out")
        words = words[:place] + words[place + 2 :]
    return " ".join(["saywhere", *words])


def _draw(document: BenchRecord) -> None:
    """Each goal, and whether it was reached."""
    from rich.table import Table

    from saywhere.bench.targets import outcomes
    from saywhere.cli.plain_output import console

    table = Table("goal", "wanted", "measured", "")
    for outcome in outcomes(document):
        table.add_row(*outcome.row())
    console().print(table)
