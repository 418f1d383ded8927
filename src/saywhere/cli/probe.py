"""saywhere probe generator|invariance|mosaic|halves RUN-or-CONFIG"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saywhere.cli.compute import Device

if TYPE_CHECKING:
    from rich.table import Table

    from saywhere.evaluation.probes.probe_record import ProbeRecord

_WHAT = (
    "generator: words → pseudo-image alone. invariance: turn a pair, compare masks. "
    "mosaic: words name a tile. halves: words name one half."
)


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
    _refuse_slips(what, subject, image_only, device)
    folder = out or _default_folder(subject)
    call = _Call(subject, folder, image_only, steps, cases, side, data, assignment, device)
    summary, table = _PROBES[what](call)
    if as_json:
        typer.echo(json.dumps(summary, indent=2, ensure_ascii=False))
        return
    if not quiet:
        _print(table)
    # Quiet or not: where the picture is, is the result.
    typer.echo(folder / f"{what}.png")


@dataclass(frozen=True)
class _Call:
    """What was typed; each probe takes what concerns it."""

    subject: Path
    folder: Path
    image_only: Path | None
    steps: int
    n_cases: int
    side: int | None
    manifest: Path | None
    assignments: list[str] | None
    device: str


def _refuse_slips(what: str, subject: Path, image_only: Path | None, device: str) -> None:
    """What can be seen before torch is loaded is refused at once."""
    from saywhere.errors import UsageError, nearest
    from saywhere.runs.devices import check_name
    from saywhere.runs.locate import find

    if what not in _PROBES:
        raise UsageError(f"no probe {what!r}", remedy=nearest(what, _PROBES))
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


def _default_folder(subject: Path) -> Path:
    # A configuration has no folder of its own to write to.
    if subject.suffix == ".toml":
        return subject.parent / "probe"
    from saywhere.evaluation.evaluate import results_of
    from saywhere.runs.locate import find

    return results_of(find(subject), "probe")


def _generator(call: _Call) -> tuple[ProbeRecord, Table]:
    from saywhere.cli.probe_tables import generator_table
    from saywhere.config import read
    from saywhere.evaluation.probes.generator import probe_generator
    from saywhere.inference.segmenter import load

    if call.subject.suffix == ".toml":
        config = read(call.subject, call.assignments)
        trained = None
    else:
        # The probe trains on the CPU, and what the run learned is measured beside that.
        segmenter = load(call.subject, device="cpu")
        config = segmenter.config
        trained = segmenter.model.text_branch
    summary = probe_generator(config, call.folder, steps=call.steps, trained=trained)
    return summary, generator_table(summary)


def _invariance(call: _Call) -> tuple[ProbeRecord, Table]:
    from saywhere.cli.probe_tables import invariance_table
    from saywhere.evaluation.probes.invariance import probe_invariance

    summary = probe_invariance(
        call.subject,
        call.folder,
        image_only=call.image_only,
        n_cases=call.n_cases,
        device=call.device,
    )
    return summary, invariance_table(summary)


def _mosaic(call: _Call) -> tuple[ProbeRecord, Table]:
    from saywhere.cli.probe_tables import mosaic_table
    from saywhere.evaluation.probes.mosaic import probe_mosaic

    summary = probe_mosaic(
        call.subject,
        call.folder,
        n_cases=call.n_cases,
        side=call.side,
        manifest=call.manifest,
        device=call.device,
    )
    return summary, mosaic_table(summary)


def _halves(call: _Call) -> tuple[ProbeRecord, Table]:
    from saywhere.cli.probe_tables import halves_table
    from saywhere.evaluation.probes.halves import probe_halves

    summary = probe_halves(
        call.subject,
        call.folder,
        n_cases=call.n_cases,
        manifest=call.manifest,
        device=call.device,
    )
    return summary, halves_table(summary)


_PROBES: dict[str, Callable[[_Call], tuple[ProbeRecord, Table]]] = {
    "generator": _generator,
    "invariance": _invariance,
    "mosaic": _mosaic,
    "halves": _halves,
}


def _print(table: Table) -> None:
    from saywhere.cli.plain_output import console

    console().print(table)
