"""`saywhere describe MANIFEST --to MANIFEST`: prompts from masks.

Any set of images and masks becomes a set with prompts.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

if TYPE_CHECKING:
    from saywhere.captions.grid import PlaceFit, PlaceRule
    from saywhere.captions.lungs import LungFit, LungRule
    from saywhere.data.manifest import Manifest
    from saywhere.datasets.described import Nouns


def describe(
    source: Annotated[
        Path, typer.Argument(metavar="MANIFEST", help="A manifest whose rows have masks.")
    ],
    to: Annotated[Path, typer.Option("--to", metavar="MANIFEST", help="The manifest to write.")],
    target: Annotated[
        Optional[list[str]],  # noqa: UP045 (typer on 3.10)
        typer.Option(
            "--target",
            metavar="NOUN",
            help="What the masks show: polyp, lesion, nodule. Rows of a label map are called by "
            "their labels; LABEL=NOUN, which may be repeated, calls a label otherwise.",
            show_default="lesion",
        ),
    ] = None,
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
    marked so. Exit code 3: some masks could not be read, and their rows have no such prompt.
    """
    from saywhere.cli.progress import CaseProgress
    from saywhere.data.manifest import read_manifest
    from saywhere.datasets.described import describe_manifest, examples_of

    nouns = parse_targets(target or [])
    manifest = read_manifest(source)
    _check_labels(nouns, manifest)
    before = to.read_bytes() if to.is_file() else None
    with CaseProgress("describing", quiet=quiet or as_json) as advance:
        rule, faults = describe_manifest(manifest, to, nouns, level, advance)
    _warn(faults, to, is_replaced=before not in (None, to.read_bytes()))
    # The rule was fitted to training rows: test rows say how well it does.
    test = [] if level is None else examples_of(manifest.split("test"), [level])
    tested = rule.fit_on(test)
    if as_json:
        _print_json(manifest, to, rule, tested, faults)
    elif not quiet:
        n_described = sum(row.mask is not None for row in manifest.rows) - len(faults)
        _print(manifest, to, n_described, _places(rule, level, tested))
    if faults:
        # Done, but some rows were set aside.
        raise typer.Exit(3)


def _warn(faults: list[str], to: Path, *, is_replaced: bool) -> None:
    from saywhere.cli.progress import warn

    for fault in faults:
        warn(f"warning: {fault}")
    if is_replaced:
        warn(f"warning: another {to.name} was there: it is kept beside the new one, as {to.name}.1")


def _print_json(
    manifest: Manifest,
    to: Path,
    rule: PlaceRule | LungRule,
    tested: PlaceFit | LungFit,
    faults: list[str],
) -> None:
    import json

    from saywhere.datasets.described import LEVEL

    document = {
        "manifest": str(to),
        "level": LEVEL,
        "rows": len(manifest.rows),
        "place_rule": rule.to_json() | ({"test": tested.to_json()} if tested.n else {}),
        "warnings": faults,
    }
    typer.echo(json.dumps(document))


def _print(manifest: Manifest, to: Path, n_described: int, places: str) -> None:
    from saywhere.cli.progress import next_step
    from saywhere.datasets.described import LEVEL
    from saywhere.errors import counted

    rows = counted(len(manifest.rows), "row")
    typer.echo(f"{to}: {n_described:,} of {rows} described; places {places}")
    next_step(f"saywhere check {to} · in a configuration: text.train_prompts = {LEVEL!r}")


def parse_targets(options: list[str]) -> Nouns:
    """Read what the masks show.

    Args:
        options: `NOUN`, once at most, and `LABEL=NOUN`, once a label.

    Returns:
        The nouns; "lesion" where there is none for rows without a label.

    Raises:
        UsageError: an empty noun or label, or one that stands twice.
    """
    from saywhere.datasets.described import Nouns
    from saywhere.errors import UsageError

    nouns: dict[str, str] = {}
    for option in options:
        # Without "=" it is the noun of rows without a label.
        label, equals, noun = (part.strip() for part in option.rpartition("="))
        if not noun or (equals and not label) or label in nouns:
            raise UsageError(
                f"--target {option!r}",
                allowed="NOUN once, and LABEL=NOUN once a label",
                remedy="write --target polyp, or --target 2=polyp for the label 2",
            )
        nouns[label] = noun
    default = nouns.pop("", "lesion")
    return Nouns(default, nouns)


def _check_labels(nouns: Nouns, manifest: Manifest) -> None:
    """A misspelt label would leave its rows with another noun, and nobody would see."""
    from saywhere.datasets.described import LABEL
    from saywhere.errors import UsageError, nearest

    labels = {str(row.extra[LABEL]) for row in manifest.rows if row.extra.get(LABEL)}
    for label in nouns.of_label:
        if label not in labels:
            known = nearest(label, labels) if labels else "the rows have no column label"
            raise UsageError(f"--target: no label {label!r}", where=manifest.path, remedy=known)


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
