"""`saywhere prepare SET --from DIR --to DIR`: a download becomes manifest, images and masks."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

if TYPE_CHECKING:
    from saywhere.datasets.set_writer import Prepared

_CHOICES = {
    "seed": ("--seed", "its split is published or fixed"),
    "labels": ("--label", "its masks have two values"),
    "folds": ("--folds", "its split is published or fixed"),
}
"""What a folder of one's own leaves open → its option, and why no other set has it."""


def prepare(
    name: Annotated[
        str,
        typer.Argument(
            metavar="SET",
            help="A set of `saywhere info sets`; folder: your own; phantoms need no --from.",
        ),
    ],
    target: Annotated[
        Path,
        typer.Option(
            "--to", metavar="DIR", help="Where to write manifest.jsonl, images/ and masks/."
        ),
    ],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="Your folder (or a zip of DICOM slices and their SEG), or where the download was "
            "unpacked.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed", min=0, help="For folder: of a split that is drawn.", show_default="0"
        ),
    ] = None,
    label: Annotated[
        Optional[list[str]],  # noqa: UP045 (typer on 3.10)
        typer.Option(
            "--label",
            metavar="VALUE=NAME",
            help="For folder: what a mask's value means, as 2=polyp; of a DICOM SEG the segment's "
            "number or label. May be repeated. Each label is a row with its own mask and prompt.",
        ),
    ] = None,
    folds: Annotated[
        int | None,
        typer.Option(
            "--folds",
            min=3,
            help="For folder: write a column `fold`: so many folds of whole groups, for data.fold.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings only.")] = False,
) -> None:
    """Turn your own folder, or a public set as its publishers lay it out, into a manifest.

    A public set's counts are compared with the published ones. Exit code 3: some cases were left
    out, or cannot be used.
    """
    from saywhere.cli.progress import CaseProgress, warn
    from saywhere.datasets import SETS

    _refuse_unknown(name, source)
    choices: dict[str, Any] = {"seed": seed, "labels": label or None, "folds": folds}
    options = {key: value for key, value in choices.items() if value is not None}
    _refuse_choices(name, options)
    if label:
        from saywhere.datasets.label_rows import parse_labels

        options["labels"] = parse_labels(label)
    with CaseProgress(f"preparing {name}", quiet=quiet or as_json) as advance:
        prepared = SETS[name].prepare(source, target, lambda done, total: advance(1), **options)
    for warning in prepared.warnings:
        warn(f"warning: {warning}")
    _report(prepared, quiet=quiet, as_json=as_json)
    if prepared.set_aside:
        # Done, but some inputs were set aside. Files that are no images do not count.
        raise typer.Exit(3)


def _refuse_unknown(name: str, source: Path | None) -> None:
    """Is there such a set, and a folder to read it from? Raises UsageError."""
    from saywhere.datasets import SETS
    from saywhere.errors import UsageError, nearest

    if name not in SETS:
        raise UsageError(
            f"no set named {name!r}",
            allowed=f"known are {', '.join(SETS)}",
            remedy=nearest(name, SETS),
        )
    is_drawn = SETS[name].is_drawn
    if is_drawn and source is not None:
        raise UsageError(f"{name} are drawn, not read from --from", remedy="leave --from out")
    if not is_drawn and source is None:
        remedy = "name the folder that the download was unpacked into"
        raise UsageError(f"no --from for {name}", remedy=remedy)


def _refuse_choices(name: str, given: Collection[str]) -> None:
    """Only a folder of one's own leaves a choice. Raises UsageError."""
    from saywhere.errors import UsageError

    if name == "folder":
        return
    # Refused and not ignored: who gives a seed believes that it counts.
    for choice, (option, reason) in _CHOICES.items():
        if choice in given:
            raise UsageError(f"{option} with {name}: {reason}", remedy=f"leave {option} out")


def _report(prepared: Prepared, *, quiet: bool, as_json: bool) -> None:
    """What was written, and what comes next."""
    import json

    from saywhere.datasets.layout import NO_TEXT

    if as_json:
        typer.echo(
            json.dumps(
                {
                    "manifest": str(prepared.manifest),
                    "splits": prepared.counts,
                    "warnings": prepared.warnings,
                    "set_aside": prepared.set_aside,
                    "skipped": [file.to_json() for file in prepared.skipped],
                },
                ensure_ascii=False,
            )
        )
    elif not quiet:
        counts = " · ".join(f"{split} {n:,}" for split, n in prepared.counts.items())
        typer.echo(f"{prepared.manifest}: {counts}")
        # Without text a check finds only that there is none.
        to = prepared.manifest.with_name("described.jsonl")
        describe = f"saywhere describe {prepared.manifest} --to {to}"
        check = f"saywhere check {prepared.manifest}"
        typer.echo(f"next: {describe if NO_TEXT in prepared.warnings else check}")
