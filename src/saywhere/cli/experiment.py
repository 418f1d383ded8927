"""saywhere experiment GRID.toml · saywhere compare DIR"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from saywhere.errors import UsageError


def experiment(
    grid: Annotated[
        Path, typer.Argument(help="A TOML file, for instance benchmarks/grids/kvasir_unet.toml.")
    ],
    out: Annotated[
        Path, typer.Option(help="Folder of results; a table has its own folder there.")
    ] = Path("benchmarks/results"),
    on: Annotated[
        str,
        typer.Option(
            help="local: processes. ray: Ray on this machine. Or a Ray cluster's address: auto, ray://HOST:10001."
        ),
    ] = "local",
    seed: Annotated[
        list[int] | None,
        typer.Option(help="Only this seed of the grid's; may be repeated. Default: all of them."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Cells side by side on this machine. Default: the grid's own number."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings only.")] = False,
) -> None:
    """Run every cell of a grid that is not finished; one results file a cell, and a page, progress.html, that says where it stands."""
    from saywhere.cli.progress import CaseProgress, counted, warn
    from saywhere.experiments.executors import LOCAL
    from saywhere.experiments.grid import read_grid
    from saywhere.experiments.runner import run_grid, waiting_ids
    from saywhere.report.progress import write_progress

    cells = read_grid(grid)
    again = set(waiting_ids(cells, out, seed or ()))
    n_new, side_by_side = len(again), (jobs or cells.jobs) if on == LOCAL else None
    page = write_progress(cells, out, seed or (), side_by_side, again)
    if not quiet:
        typer.echo(f"progress: {page}", err=True)
    with CaseProgress("cells", n_new, quiet=quiet) as advance:

        def told(cell: str, what: str) -> None:
            if not quiet:
                typer.echo(f"{cell}: {what}", err=True)
            again.discard(cell)
            write_progress(cells, out, seed or (), side_by_side, again)
            advance(1)

        failed = run_grid(cells, out, told, f"saywhere experiment {grid}", seed or (), on, jobs)
    if as_json:
        typer.echo(
            json.dumps(
                {"results": str(page.parent), "progress": str(page), "run": n_new, "failed": failed}
            )
        )
    if failed:
        warn(
            f"{counted(len(failed), 'cell')} failed, see {'its file' if len(failed) == 1 else 'their files'}: {', '.join(failed)}"
        )
        raise typer.Exit(3)


def compare(
    folder: Annotated[
        Path, typer.Argument(help="A table's folder, for instance benchmarks/results/kvasir_unet.")
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
    """A table from result files: intervals over cases, paired differences over seeds and cases, Holm's correction."""
    from saywhere.runs.named import find_folder

    find_folder(folder)  # before the statistics are loaded: a slip is refused at once
    from saywhere.cli.progress import counted, warn
    from saywhere.experiments.compare import compare as compared
    from saywhere.experiments.compare import table
    from saywhere.io.files import plain, write_text
    from saywhere.report.comparison import comparison_page

    if out is not None and out.suffix not in (".html", ".md"):
        raise UsageError(
            f"--out {out}",
            allowed="a name that ends in .md (Markdown) or .html (a page with figures)",
        )
    found = compared(folder)
    if out is not None:
        write_text(out, comparison_page(found) if out.suffix == ".html" else table(found))
    if as_json:
        typer.echo(json.dumps(plain(asdict(found)), ensure_ascii=False))
    elif out is None:
        typer.echo(table(found))
    elif not quiet:
        typer.echo(out)
    if found.left_out:
        warn(f"{counted(len(found.left_out), 'result file')} left out: {', '.join(found.left_out)}")
        raise typer.Exit(3)
