"""saywhere probe generator|invariance|mosaic|halves RUN-or-CONFIG"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

_PROBES = ("generator", "invariance", "mosaic", "halves")
_WHAT = "generator: words → pseudo-image alone. invariance: turn a pair, compare masks. mosaic: words name a tile. halves: words name one half."
_HALVES = (("of the mask, inside the named half", "inside"), ("Dice with what lies there", "dice"), ("marked where nothing lies", "empty_area"),
           ("presence, where something lies", "presence"), ("presence, where nothing lies", "empty_presence"))  # fmt: skip


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
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the picture's place only.")
    ] = False,
) -> None:
    """The paper's next checks; writes a JSON file and a picture."""
    from saywhere.errors import UsageError, nearest

    if what not in _PROBES:
        raise UsageError(f"no probe {what!r}", remedy=nearest(what, _PROBES))
    from saywhere.runs.named import find

    # Before torch is loaded: a slip is refused at once.
    for run in (subject, image_only):
        if run is not None and run.suffix != ".toml":
            find(run)
    folder = out or _default_folder(subject)
    if what == "generator":
        summary = _generator(subject, folder, steps, assignment)
    elif what == "invariance":
        from saywhere.evaluation.probes.invariance import probe_invariance

        summary = probe_invariance(subject, folder, image_only=image_only, n_cases=cases)
    elif what == "mosaic":
        from saywhere.evaluation.probes.mosaic import probe_mosaic

        summary = probe_mosaic(subject, folder, n_cases=cases, side=side, manifest=data)
    else:
        from saywhere.evaluation.probes.halves import probe_halves

        summary = probe_halves(subject, folder, n_cases=cases, manifest=data)
    if as_json:
        typer.echo(json.dumps(summary, indent=2, ensure_ascii=False))
    else:
        if not quiet:
            _print(what, summary)
        typer.echo(folder / f"{what}.png")


def _default_folder(subject: Path) -> Path:
    if subject.suffix == ".toml":
        return subject.parent / "probe"
    from saywhere.evaluation.evaluate import results_of
    from saywhere.runs.named import find

    return results_of(find(subject), "probe")


def _generator(
    subject: Path, folder: Path, steps: int, assignment: list[str] | None
) -> dict[str, Any]:
    from saywhere.config import read
    from saywhere.evaluation.probes.generator import probe_generator
    from saywhere.inference.segmenter import load

    if subject.suffix == ".toml":
        return probe_generator(read(subject, assignment), folder, steps=steps)
    segmenter = load(subject)
    trained = segmenter.model.text_branch
    return probe_generator(segmenter.config, folder, steps=steps, trained=trained)


def _print(what: str, summary: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from saywhere.metrics.statistics import with_span

    if what == "generator":
        table = Table(
            "prompts",
            "pseudo-image",
            "AUC [95 %]",
            "Dice at the best threshold",
            "spread",
            title=f"does it say where? {summary['n']} test prompts, {summary['steps']} steps",
        )
        for level, stages in summary["prompt_sets"].items():
            for name, found in stages.items():
                table.add_row(
                    level,
                    name,
                    with_span(**found["auc"]),
                    with_span(**found["dice"]),
                    f"{found['spread']:.3f}",
                )
    elif what == "mosaic":
        table = Table(
            "words",
            "Dice with the named tile's lesion [95 %]",
            title=f"{summary['n']} mosaics of {summary['side']}×{summary['side']} test images",
        )
        for words, interval in summary["dice_mean"].items():
            table.add_row(words, with_span(**interval))
    elif what == "halves":
        table = Table(
            "measure", "[95 %]", title=f"words that name one half alone, {summary['n']} test images"
        )
        for label, key in _HALVES:
            table.add_row(label, with_span(**summary[key]) if summary[key] else "no such case")
    else:
        ways = list(next(iter(summary["agreement"].values())))
        table = Table(
            "transform",
            *ways,
            title=f"agreement of the mask (Dice) [95 %], {summary['n']} test cases",
        )
        for name, found in summary["agreement"].items():
            table.add_row(name, *(with_span(**found[way]) for way in ways))
    Console().print(table)
