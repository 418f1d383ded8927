"""saywhere probe generator|invariance|mosaic|halves RUN-or-CONFIG"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saywhere.cli.compute import Device

if TYPE_CHECKING:
    from rich.table import Table

    from saywhere.evaluation.probes.probe_record import (
        GeneratorRecord,
        HalfMeasure,
        HalvesRecord,
        InvarianceRecord,
        MosaicRecord,
        ProbeRecord,
    )

_PROBES = ("generator", "invariance", "mosaic", "halves")
_WHAT = (
    "generator: words → pseudo-image alone. invariance: turn a pair, compare masks. "
    "mosaic: words name a tile. halves: words name one half."
)
_HALVES: dict[HalfMeasure, str] = {
    "inside": "of the mask, inside the named half",
    "dice": "Dice with what lies there",
    "empty_area": "marked where nothing lies",
    "presence": "presence, where something lies",
    "empty_presence": "presence, where nothing lies",
}
"""Measure of the halves → its line in the table."""


def probe(
    what: Annotated[str, typer.Argument(help=_WHAT)],
    subject: Annotated[
        Path,
        typer.Argument(
            help="A run directory, or a model's name; for `generator` a configuration serves too."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Default: RUN/probe, or probe/ beside a configuration.")
    ] = None,
    image_only: Annotated[
        Path | None, typer.Option(help="invariance: a run without words, to compare with.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="generator: training steps.")] = 400,
    cases: Annotated[int, typer.Option(min=2, help="invariance, mosaic, halves: test cases.")] = 50,
    side: Annotated[
        int | None,
        typer.Option(
            min=2, max=3, help="mosaic: 2×2 or 3×3 images. Default: as the run was trained."
        ),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="mosaic, halves: another manifest than the run's.")
    ] = None,
    assignment: Annotated[
        list[str] | None,
        typer.Option("--set", help="generator with a configuration: change a key."),
    ] = None,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the picture's place only.")
    ] = False,
) -> None:
    """The paper's next checks; writes a JSON file and a picture."""
    from saywhere.errors import UsageError, nearest

    if what not in _PROBES:
        raise UsageError(f"no probe {what!r}", remedy=nearest(what, _PROBES))
    from saywhere.runs.devices import check_name
    from saywhere.runs.locate import find

    # Before torch is loaded: a slip is refused at once.
    check_name(device, "--device")
    if what == "generator" and device not in ("auto", "cpu"):
        raise UsageError(
            f"--device {device} for the generator's probe",
            allowed="it trains a small part alone, on the CPU",
            remedy="leave --device out",
        )
    for run in (subject, image_only):
        if run is not None and run.suffix != ".toml":
            find(run)
    folder = out or _default_folder(subject)

    def show(summary: ProbeRecord, table: Table) -> None:
        if as_json:
            typer.echo(json.dumps(summary, indent=2, ensure_ascii=False))
            return
        if not quiet:
            _print(table)
        # Quiet or not: where the picture is, is the result.
        typer.echo(folder / f"{what}.png")

    if what == "generator":
        score = _generator(subject, folder, steps, assignment)
        show(score, _generator_table(score))
    elif what == "invariance":
        from saywhere.evaluation.probes.invariance import probe_invariance

        pairs = probe_invariance(
            subject, folder, image_only=image_only, n_cases=cases, device=device
        )
        show(pairs, _invariance_table(pairs))
    elif what == "mosaic":
        from saywhere.evaluation.probes.mosaic import probe_mosaic

        mosaics = probe_mosaic(
            subject, folder, n_cases=cases, side=side, manifest=data, device=device
        )
        show(mosaics, _mosaic_table(mosaics))
    else:
        from saywhere.evaluation.probes.halves import probe_halves

        halves = probe_halves(subject, folder, n_cases=cases, manifest=data, device=device)
        show(halves, _halves_table(halves))


def _default_folder(subject: Path) -> Path:
    # A configuration has no folder of its own to write to.
    if subject.suffix == ".toml":
        return subject.parent / "probe"
    from saywhere.evaluation.evaluate import results_of
    from saywhere.runs.locate import find

    return results_of(find(subject), "probe")


def _generator(
    subject: Path, folder: Path, steps: int, assignment: list[str] | None
) -> GeneratorRecord:
    from saywhere.config import read
    from saywhere.evaluation.probes.generator import probe_generator
    from saywhere.inference.segmenter import load

    if subject.suffix == ".toml":
        return probe_generator(read(subject, assignment), folder, steps=steps)
    # The probe trains on the CPU, and what the run learned is measured beside that.
    segmenter = load(subject, device="cpu")
    # What the run learned is shown beside what the probe's own steps reach.
    trained = segmenter.model.text_branch
    return probe_generator(segmenter.config, folder, steps=steps, trained=trained)


def _print(table: Table) -> None:
    from saywhere.cli.plain_output import console

    console().print(table)


def _generator_table(summary: GeneratorRecord) -> Table:
    from rich.table import Table

    from saywhere.cli.progress import SPREAD
    from saywhere.metrics.statistics import with_span

    title = f"does it say where? {summary['n']} test prompts, {summary['steps']} steps"
    headings = ("prompts", "pseudo-image", "AUC [95 %]", "Dice at the best threshold", "spread")
    table = Table(*headings, title=title)
    for level, stages in summary["prompt_sets"].items():
        for stage, score in stages.items():
            auc, dice = with_span(**score["auc"]), with_span(**score["dice"])
            table.add_row(level, stage, auc, dice, f"{score['spread']:.3f}")
    table.caption = SPREAD
    return table


def _invariance_table(summary: InvarianceRecord) -> Table:
    from rich.table import Table

    from saywhere.metrics.statistics import with_span

    ways = list(next(iter(summary["agreement"].values())))
    title = f"agreement of the mask (Dice) [95 %], {summary['n']} test cases"
    table = Table("transform", *ways, title=title)
    for name, agreement in summary["agreement"].items():
        table.add_row(name, *(with_span(**agreement[way]) for way in ways))
    return table


def _mosaic_table(summary: MosaicRecord) -> Table:
    from rich.table import Table

    from saywhere.metrics.statistics import with_span

    title = f"{summary['n']} mosaics of {summary['side']}×{summary['side']} test images"
    table = Table("words", "Dice with the named tile's lesion [95 %]", title=title)
    for condition, interval in summary["dice_mean"].items():
        table.add_row(condition, with_span(**interval))
    return table


def _halves_table(summary: HalvesRecord) -> Table:
    from rich.table import Table

    from saywhere.metrics.statistics import with_span

    title = f"words that name one half alone, {summary['n']} test images"
    table = Table("measure", "[95 %]", title=title)
    for measure, label in _HALVES.items():
        interval = summary[measure]
        table.add_row(label, with_span(**interval) if interval else "no such case")
    return table
