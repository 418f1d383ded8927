"""saywhere evaluate RUN"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run directory, or a model's name.")],
    data: Annotated[Path | None, typer.Option(help="Another manifest than the run's.")] = None,
    split: Annotated[
        str | None, typer.Option(help="Default: the configuration's test split.")
    ] = None,
    words: Annotated[str | None, typer.Option(help="right,empty,shuffled,contradictory")] = None,
    prompts: Annotated[
        str | None,
        typer.Option(help="Level of the manifest's prompts. Default: the configuration's."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Default: RUN/evaluation; of a model runs/NAME-evaluation.")
    ] = None,
    mirror: Annotated[
        bool,
        typer.Option(
            "--mirror", help="Average over four mirrorings, words and all, in four times the time."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings only.")] = False,
) -> None:
    """Measure a run or model on its test split, and whether it listens; writes RUN/evaluation."""
    from saywhere.runs.named import find

    find(run)  # before torch is loaded: a slip is refused at once
    from saywhere.cli.progress import CaseProgress, warn, warn_of_quarantine
    from saywhere.evaluation.evaluate import evaluate as measure

    kinds = None if words is None else [word.strip() for word in words.split(",") if word.strip()]
    with CaseProgress("cases", quiet=quiet or as_json) as advance:
        summary = measure(
            run,
            manifest=data,
            split=split,
            words=kinds,
            prompts=prompts,
            out=out,
            mirror=mirror or None,
            advance=advance,
        )
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
    elif not quiet:
        _print(summary)
    if summary["verdict"] == "not heard":
        warn(
            f"the words are not heard: with {summary['verdict_by']} words the same images are segmented as well as with the right ones"
        )
    warn_of_quarantine(summary)


def _print(summary: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from saywhere.metrics.statistics import with_span

    table = Table(
        title=f"{summary['split']}, {summary['n']} cases, prompts {summary['level']!r}, original size"
    )
    for heading in (
        "words",
        "n",
        "Dice a case [95 %]",
        "Dice pooled",
        "IoU a case",
        "right − these [95 %]",
        "verdict",
    ):
        table.add_column(heading)
    for kind, found in summary["words"].items():
        heard = summary["listening"].get(kind)
        gap = with_span(heard["difference"], heard["low"], heard["high"], "+") if heard else ""
        table.add_row(kind, str(found["n"]), with_span(**found["dice_mean"]), f"{found['dice_pooled']:.3f}",
                      f"{found['iou_mean']['mean']:.3f}", gap, heard["verdict"] if heard else "")  # fmt: skip
    if summary["verdict"]:
        table.caption = f"the words are {summary['verdict']}: the least favourable of the wrong words decides ({summary['verdict_by']})"
    Console().print(table)
    Console().print(
        _trusted(
            summary["trust"], summary["expected"], is_learned=summary["expected_from"] is not None
        )
    )


def _trusted(found: dict[str, Any], expected: dict[str, Any], *, is_learned: bool) -> str:
    from saywhere.metrics.calibration import promised
    from saywhere.metrics.confidence import sure_and_right
    from saywhere.metrics.statistics import with_span

    surest, gain = with_span(**found["surest"]), with_span(**found["gain"], sign="+")
    means = (
        "look at the least sure first"
        if found["tells"]
        else "whether its confidence tells which are worse is not shown"
    )
    said = [
        f"the surest {found['share']:.0%} of the answers: Dice {surest}, {gain} over all ({means})",
        sure_and_right(found),
    ]
    if expected.get("right"):
        said.append(promised(expected["right"]))
    elif not is_learned:
        said.append("`saywhere calibrate` teaches it which Dice to expect")
    return "; ".join(part for part in said if part)
