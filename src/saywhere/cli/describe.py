"""`saywhere describe MANIFEST --to MANIFEST`: prompts from masks.

Any set of images and masks becomes a set with prompts.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from saywhere.captions.grid import PlaceFit, PlaceRule
    from saywhere.captions.lungs import LungFit, LungRule


def describe(
    source: Annotated[
        Path, typer.Argument(metavar="MANIFEST", help="A manifest whose rows have masks.")
    ],
    to: Annotated[Path, typer.Option("--to", metavar="MANIFEST", help="The manifest to write.")],
    target: Annotated[
        str,
        typer.Option(
            "--target", metavar="NOUN", help="What the masks show: polyp, lesion, nodule."
        ),
    ] = "lesion",
    level: Annotated[
        str | None,
        typer.Option(
            "--like",
            metavar="LEVEL",
            help="Fit the words for places to this level of the manifest; else thirds.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings only.")] = False,
) -> None:
    """Write number, size, shape and places of each mask as a prompt.

    The prompts are the level "described". They are oracle text: they come from the truth, and are
    marked so.
    """
    import json

    from saywhere.cli.progress import CaseProgress, warn
    from saywhere.data.manifest import read_manifest
    from saywhere.datasets.described import LEVEL, describe_manifest, examples_of

    manifest = read_manifest(source)
    with CaseProgress("describing", quiet=quiet or as_json) as advance:
        rule, faults = describe_manifest(manifest, to, target, level, advance)
    for fault in faults:
        warn(f"warning: {fault}")
    # The rule was fitted to training rows: test rows say how well it does.
    test = [] if level is None else examples_of(manifest.split("test"), [level])
    tested = rule.fit_on(test)
    if as_json:
        facts = rule.to_json() | ({"test": tested.to_json()} if tested.n else {})
        typer.echo(
            json.dumps(
                {
                    "manifest": str(to),
                    "level": LEVEL,
                    "rows": len(manifest.rows),
                    "place_rule": facts,
                    "warnings": faults,
                }
            )
        )
    elif not quiet:
        n_rows = len(manifest.rows)
        places = _places(rule, level, tested)
        typer.echo(f"{to}: {n_rows - len(faults):,} of {n_rows:,} rows described; places {places}")
        typer.echo(
            f"next: saywhere check {to} · in a configuration: text.train_prompts = {LEVEL!r}"
        )
    if faults:
        # Done, but some rows were set aside.
        raise typer.Exit(3)


def _places(rule: PlaceRule | LungRule, level: str | None, tested: PlaceFit | LungFit) -> str:
    """How places are named, and how well that fits the manifest's own prompts."""
    if rule.agreement is None:
        return "in thirds of the image"
    fit = (
        f"as {level!r} says them: all of {rule.agreement:.1%} of the {rule.n:,} sentences "
        "that it was fitted to"
    )
    if tested.n:
        fit += f" and of {tested.agreement:.1%} of {tested.n:,} test sentences"
    return fit
