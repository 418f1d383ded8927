"""saywhere compare DIR · saywhere compare RUN RUN…"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saywhere.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from saywhere.experiments.compare import Comparison, Line

ENDINGS = (".html", ".md")
"""Of the file that --out writes."""


def compare(
    results: Annotated[
        list[Path],
        typer.Argument(
            help="A table: its folder or file, for instance benchmarks/results/kvasir_unet. "
            "Or two runs or more, each with an evaluation.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write it there instead of printing it: FILE.md, or FILE.html with figures."
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="With --out: print nothing.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the table as JSON, whatever --out says.")
    ] = False,
) -> None:
    """Compare the cells of a table, or finished runs: intervals over cases, paired differences.

    A table's differences are over seeds and cases, with Holm's correction. Runs are compared with
    the first one, over the cases of their evaluations; of fewer than 20 cases nothing is said.
    """
    _check_places(results)
    from saywhere.cli.progress import warn, warn_of_replaced
    from saywhere.errors import counted
    from saywhere.experiments.compare import compare as compare_table
    from saywhere.experiments.compare_runs import compare_runs

    if out is not None and out.suffix not in ENDINGS:
        raise UsageError(
            f"--out {out}",
            allowed="a name that ends in .md (Markdown) or .html (a page with figures)",
        )
    comparison = compare_table(results[0]) if len(results) == 1 else compare_runs(results)
    _show(comparison, out, quiet=quiet, as_json=as_json)
    warn_of_replaced(comparison.replaced)
    left_out = comparison.left_out
    if left_out:
        warn(f"{counted(len(left_out), 'result file')} left out: {', '.join(left_out)}")
        # Done, but some inputs were set aside.
        raise typer.Exit(3)


def _check_places(results: list[Path]) -> None:
    """Before the statistics are loaded: a slip is refused at once."""
    from saywhere.experiments.frozen import is_table
    from saywhere.runs.locate import SIGNS_OF_A_RUN, find_directory, find_folder

    if len(results) > 1:
        for place in results:
            # A table among runs is refused with a message of its own.
            if not is_table(place):
                find_directory(place)
        return
    (place,) = results
    if is_table(place):
        return
    find_folder(place)
    if any((place / name).exists() for name in SIGNS_OF_A_RUN):
        raise UsageError(
            "one run, and nothing to compare it with",
            where=place,
            remedy="name two runs or more: saywhere compare RUN RUN",
        )


def _show(comparison: Comparison, out: Path | None, *, quiet: bool, as_json: bool) -> None:
    """Write or print a comparison, as the options say."""
    from saywhere.experiments.compare import table
    from saywhere.io.files import plain, write_text
    from saywhere.report.comparison import comparison_page

    if out is not None:
        is_page = out.suffix == ".html"
        write_text(out, comparison_page(comparison) if is_page else table(comparison))
    if as_json:
        typer.echo(json.dumps(plain(asdict(comparison)), ensure_ascii=False))
    elif out is not None:
        if not quiet:
            typer.echo(out)
    elif sys.stdout.isatty():
        _print(comparison)
    else:
        # Markdown, whole, for a file or another program: lines may be as long as they are.
        typer.echo(table(comparison))
        if "spread" in comparison.heads:
            from saywhere.cli.progress import SPREAD

            # Not to stdout, where the table ends.
            typer.echo(SPREAD, err=True)


def _print(comparison: Comparison) -> None:
    """For a terminal: the columns that decide, each interval in one line."""
    from saywhere.cli.plain_output import console as new_console
    from saywhere.cli.plain_output import print_sentences

    console = new_console(markup=True)
    print_sentences(console, f"{comparison.title}. {comparison.note}")
    console.print(_terminal_table(comparison))
    for one in comparison.pruned:
        console.print(f"Pruned: {one.label} ({one.sentence}).", markup=False, highlight=False)
    for name, why in comparison.left_out.items():
        console.print(f"Left out: {name} ({why}).", markup=False, highlight=False)
    console.print("All columns: --out FILE.md, or --out FILE.html with figures.", highlight=False)


def _terminal_table(comparison: Comparison) -> Table:
    from rich.table import Table

    drawn = Table()
    # The one column that may take several lines.
    drawn.add_column("", overflow="fold")
    for head in ("seeds", "Dice [95 %]"):
        drawn.add_column(head, no_wrap=True)
    if comparison.reference:
        drawn.caption = f"difference: Dice minus that of “{comparison.reference}”"
        drawn.add_column("difference [95 %]", no_wrap=True)
    for line in comparison.lines:
        drawn.add_row(*_terminal_row(line, has_reference=comparison.reference is not None))
    return drawn


def _terminal_row(line: Line, *, has_reference: bool) -> list[str]:
    from rich.markup import escape

    from saywhere.experiments.compare import doubt, gap
    from saywhere.metrics.statistics import with_span

    dice = with_span(line.dice.difference, line.dice.low, line.dice.high)
    row = [escape(line.label), str(line.n_seeds), escape(dice)]
    if not has_reference:
        return row
    if line.difference is None:
        return [*row, "reference" if line.is_reference else "–"]
    # The doubt stands below its interval: beside it, the line would be too long for 80 columns.
    return [*row, "\n".join(filter(None, (escape(gap(line.difference)), doubt(line.difference))))]
