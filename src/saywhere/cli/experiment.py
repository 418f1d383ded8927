"""saywhere experiment GRID.toml"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


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
            help="local: processes. ray: Ray on this machine. Or a Ray cluster's address: "
            "auto, ray://HOST:10001."
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
    """Run every cell of a grid that is not finished.

    Each cell has a result file; a page, progress.html, says how far the grid is.
    """
    from saywhere.cli.progress import CaseProgress, warn_of_replaced
    from saywhere.experiments.executors import LOCAL
    from saywhere.experiments.grid import read_grid
    from saywhere.experiments.results import replaced_cells
    from saywhere.experiments.rungs import PAUSED
    from saywhere.experiments.runner import run_grid, waiting_ids
    from saywhere.report.progress import write_progress

    cells = read_grid(grid)
    warn_of_replaced(replaced_cells(out / cells.table))
    waiting = set(waiting_ids(cells, out, seed or ()))
    n_new = len(waiting)
    # A cluster takes as many as it has cores for: no end can be told.
    side_by_side = (jobs or cells.jobs) if on == LOCAL else None
    page = write_progress(cells, out, seed or (), side_by_side, waiting)
    if not quiet:
        typer.echo(f"progress: {page}", err=True)
    with CaseProgress("cells", n_new, quiet=quiet) as advance:

        def report(cell: str, what: str) -> None:
            if not quiet:
                typer.echo(f"{cell}: {what}", err=True)
            # It has a result of this call now, which the page may show as failed.
            waiting.discard(cell)
            write_progress(cells, out, seed or (), side_by_side, waiting)
            # At a rung it is not over.
            if not what.startswith(PAUSED):
                advance(1)

        failed = run_grid(cells, out, report, f"saywhere experiment {grid}", seed or (), on, jobs)
    _tell(page, n_new, failed, as_json=as_json, quiet=quiet)
    if failed:
        # Done, but some cells were set aside.
        raise typer.Exit(3)


def _tell(page: Path, n_new: int, failed: list[str], *, as_json: bool, quiet: bool) -> None:
    """Where the results are, what comes next, and which cells failed."""
    from saywhere.cli.progress import next_step, warn
    from saywhere.errors import counted

    table = page.parent
    if as_json:
        document = {"results": str(table), "progress": str(page), "run": n_new, "failed": failed}
        typer.echo(json.dumps(document))
    elif not quiet:
        next_step(f"saywhere compare {table}")
    if failed:
        files = "its file" if len(failed) == 1 else "their files"
        warn(f"{counted(len(failed), 'cell')} failed, see {files}: {', '.join(failed)}")
