"""`saywhere describe MANIFEST --to MANIFEST`: prompts from masks, so that any image and mask set becomes a text set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


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
    """Write number, size, shape and places of each mask as a sentence (level "described"). It is oracle text: it comes from the truth, and is marked so."""
    import json

    from saywhere.cli.progress import CaseProgress, warn
    from saywhere.data.manifest import read_manifest
    from saywhere.datasets.described import LEVEL, describe_manifest, examples_of

    manifest = read_manifest(source)
    with CaseProgress("describing", quiet=quiet or as_json) as advance:
        rule, faults = describe_manifest(manifest, to, target, level, advance)
    for fault in faults:
        warn(f"warning: {fault}")
    test = [] if level is None else examples_of(manifest.split("test"), [level])
    held = rule.fit_on(test)
    if as_json:
        facts = rule.to_json() | ({"test": held.to_json()} if held.n else {})
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
        fit = "in thirds of the image"
        if rule.agreement is not None:
            tested = f" and of {held.agreement:.1%} of {held.n:,} test sentences" if held.n else ""
            fit = f"as {level!r} says them: all of {rule.agreement:.1%} of the {rule.n:,} sentences that it was fitted to{tested}"
        typer.echo(
            f"{to}: {len(manifest.rows) - len(faults):,} of {len(manifest.rows):,} rows described; places {fit}"
        )
        typer.echo(
            f"next: saywhere check {to} · in a configuration: text.train_prompts = {LEVEL!r}"
        )
    if faults:
        raise typer.Exit(3)
