"""saywhere evaluate RUN"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saywhere.cli.compute import Device

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from saywhere.evaluation.summary import EvaluationSummary


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run directory, or a model's name.")],
    data: Annotated[Path | None, typer.Option(help="Another manifest than the run's.")] = None,
    split: Annotated[
        str | None, typer.Option(help="Default: the configuration's test split.")
    ] = None,
    words: Annotated[
        str | None, typer.Option(help="Prompts to measure with: right,empty,shuffled,contradictory")
    ] = None,
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
            "--mirror",
            help="Average over four mirrored images and prompts, in four times the time.",
        ),
    ] = False,
    no_identifiers: Annotated[
        bool,
        typer.Option("--no-identifiers", help="Write keyed hashes for ids, paths and prompts."),
    ] = False,
    identifier_key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Their key. Default: a random one, thrown away."),
    ] = None,
    device: Device = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings only.")] = False,
) -> None:
    """Measure a run or model on its test split, and whether it listens; writes RUN/evaluation."""
    from saywhere.runs.devices import check_name
    from saywhere.runs.locate import find

    # Before torch is loaded: a slip is refused at once.
    folder = find(run)
    check_name(device, "--device")
    from saywhere.cli.identifiers import withholding
    from saywhere.io.pseudonyms import read_pseudonyms

    pseudonyms = read_pseudonyms(no_identifiers, identifier_key)
    from saywhere.cli.progress import CaseProgress, warn_of_quarantine
    from saywhere.evaluation.evaluate import evaluate as measure

    if not quiet and not as_json and not no_identifiers:
        _name_manifest(folder, data)
    progress = CaseProgress("cases", quiet=quiet or as_json)
    with withholding(no_identifiers), progress as advance:
        summary = measure(
            run,
            manifest=data,
            split=split,
            words=None if words is None else _conditions(words),
            prompts=prompts,
            out=out,
            # Without the option, the run's configuration decides.
            mirror=mirror or None,
            pseudonyms=pseudonyms,
            device=device,
            advance=advance,
            expect=progress.expect,
        )
    _tell(summary, run, as_json=as_json, quiet=quiet)
    # Last, since it ends the program where rows were set aside.
    warn_of_quarantine(summary)


def _conditions(words: str) -> list[str]:
    """The names between the commas; a comma at the end names no condition."""
    names = [part.strip() for part in words.split(",")]
    return [name for name in names if name]


def _tell(summary: EvaluationSummary, run: Path, *, as_json: bool, quiet: bool) -> None:
    """The numbers, what to beware of, and what comes next."""
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
    elif not quiet:
        _print(summary)
    _warn(summary, run)
    if not quiet and not as_json:
        _name_next(run)


def _name_manifest(folder: Path, data: Path | None) -> None:
    """Say what is measured on, before anything else: without --data it is the run's own set."""
    # Of a model that was passed on, nobody knows where its data lies.
    manifest = data or _own_manifest(folder / "config.toml")
    if manifest is not None:
        origin = "" if data is not None else " (the run's own; another: --data FILE)"
        typer.echo(f"manifest: {manifest}{origin}", err=True)


def _own_manifest(path: Path) -> Path | None:
    """As config.toml names it; None where that is not there, or not understood."""
    from saywhere.errors import SaywhereError
    from saywhere.runs.older_values import read_stored
    from saywhere.runs.own_data import own_data

    try:
        return own_data(read_stored(path).data, path.parent).manifest
    except SaywhereError:
        # A checkpoint's folder has none: the weights hold what counts, and refuse for themselves.
        return None


def _name_next(run: Path) -> None:
    """A run has a report; a model is for predicting."""
    from saywhere.cli.progress import next_step
    from saywhere.runs.locate import find, is_run

    is_reported = is_run(find(run))
    predict = f'saywhere predict {run} IMAGE --prompt "…" --out masks'
    next_step(f"saywhere report {run}" if is_reported else predict)


def _warn(summary: EvaluationSummary, run: Path) -> None:
    from saywhere.cli.progress import warn
    from saywhere.evaluation.summary import unfinished_in_words
    from saywhere.evaluation.verdict import TOO_FEW, sentence

    if summary["unfinished"] is not None:
        warn(unfinished_in_words(summary, run))
    if summary["verdict"] == TOO_FEW:
        warn(sentence(TOO_FEW))
    if summary["verdict"] == "not heard":
        warn(
            f"the prompt is not heard: with the {summary['verdict_by']} one the same images are "
            "segmented as well as with the right one"
        )


def _print(summary: EvaluationSummary) -> None:
    from saywhere.cli.plain_output import console as new_console
    from saywhere.cli.plain_output import print_sentences
    from saywhere.evaluation.negatives import negatives_in_words

    console = new_console()
    console.print(_measures(summary))
    # Before the comparisons: the table's means are over both kinds of cases.
    if apart := negatives_in_words(summary):
        print_sentences(console, apart)
    if summary["listening"]:
        console.print(_comparisons(summary))
    _print_targets(console, summary)
    print_sentences(console, _trusted(summary))


def _measures(summary: EvaluationSummary) -> Table:
    """Two tables fit into 80 columns where one would break its intervals."""
    from rich.table import Table

    from saywhere.metrics.statistics import with_span

    about = f"{summary['split']}, {summary['n']} cases, prompts {summary['level']!r}"
    table = Table(title=f"{about}, original size")
    table.add_column("prompt", no_wrap=True)
    for heading in ("n", "mean Dice per case [95 %]", "Dice pooled", "mean IoU"):
        table.add_column(heading, justify="right", no_wrap=heading.endswith("]"))
    for condition, numbers in summary["words"].items():
        table.add_row(
            condition,
            str(numbers["n"]),
            with_span(**numbers["dice_mean"]),
            f"{numbers['dice_pooled']:.3f}",
            f"{numbers['iou_mean']['mean']:.3f}",
        )
    return table


def _comparisons(summary: EvaluationSummary) -> Table:
    from rich.table import Table

    from saywhere.evaluation.verdict import TOO_FEW, sentence
    from saywhere.metrics.statistics import with_span

    table = Table()
    table.add_column("prompt", no_wrap=True)
    table.add_column("Dice: right prompt − this [95 %]", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for condition, gap in summary["listening"].items():
        difference = with_span(gap["difference"], gap["low"], gap["high"], "+")
        table.add_row(condition, difference, gap["verdict"])
    # Of too few cases nothing is decided: the warning below says so, once.
    if summary["verdict"] and summary["verdict"] != TOO_FEW:
        by = summary["verdict_by"]
        verdict = sentence(summary["verdict"])
        table.caption = f"{verdict} The wrong prompt that costs least decides ({by})."
    return table


def _print_targets(console: Console, summary: EvaluationSummary) -> None:
    """A mean over several targets is one of whichever has most images."""
    from rich.table import Table

    from saywhere.evaluation.target_table import target_table

    heads, lines = target_table(summary)
    if not lines:
        return
    table = Table(title="Each target alone: mean Dice per image")
    table.add_column(heads[0], no_wrap=True)
    for heading in heads[1:]:
        table.add_column(heading, justify="right", no_wrap=heading.endswith("]"))
    for line in lines:
        table.add_row(*line)
    console.print(table)


def _trusted(summary: EvaluationSummary) -> str:
    """What the model's confidence is worth."""
    from saywhere.metrics.calibration import promised
    from saywhere.metrics.confidence import sure_and_right
    from saywhere.metrics.sample_size import FEWEST_CASES
    from saywhere.metrics.statistics import with_span

    trust = summary["trust"]
    surest = with_span(**trust["surest"])
    gain = with_span(**trust["gain"], sign="+")
    advice = "whether its confidence tells which are worse is not shown"
    if trust["tells"]:
        advice = "look at the least sure first"
    share = f"the surest {trust['share']:.0%} of the answers"
    # Of a few answers the surest four fifths are all but one or two of them.
    parts = [sure_and_right(trust)]
    if trust["n"] >= FEWEST_CASES:
        parts.insert(0, f"{share}: Dice {surest}, {gain} over all ({advice})")
    if summary["expected"].get("right"):
        parts.append(promised(summary["expected"]["right"]))
    elif summary["expected_from"] is None:
        parts.append("`saywhere calibrate` teaches it which Dice to expect")
    return "; ".join(part for part in parts if part)
