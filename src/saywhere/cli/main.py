"""The command line: one verb a file; a verb imports what is heavy only when it runs."""

from __future__ import annotations

import typer

from saywhere.cli.bench import bench
from saywhere.cli.cache import cache
from saywhere.cli.calibrate import calibrate
from saywhere.cli.check import check
from saywhere.cli.compare import compare
from saywhere.cli.demo import demo
from saywhere.cli.describe import describe
from saywhere.cli.doctor import doctor
from saywhere.cli.evaluate import evaluate
from saywhere.cli.experiment import experiment
from saywhere.cli.export import export
from saywhere.cli.info import info
from saywhere.cli.models import models
from saywhere.cli.predict import predict
from saywhere.cli.prepare import prepare
from saywhere.cli.probe import probe
from saywhere.cli.report import report
from saywhere.cli.serve import serve
from saywhere.cli.train import train

app = typer.Typer(
    name="saywhere",
    help="Say where, see the mask: referring medical image segmentation. "
    "Research use only, not a medical device.",
    no_args_is_help=True,
    # `saywhere.__main__` makes one line and an exit code of an error.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for verb in (
    demo,
    prepare,
    describe,
    check,
    train,
    evaluate,
    calibrate,
    predict,
    report,
    probe,
    experiment,
    compare,
    export,
    serve,
    info,
    doctor,
    bench,
):
    app.command()(verb)
app.add_typer(models, name="models")
app.add_typer(cache, name="cache")


# Without a verb, so that `saywhere --version` is a whole call.
@app.callback(invoke_without_command=True)
def root(
    version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True),
) -> None:
    """Say where, see the mask."""
    if version:
        from saywhere._version import __version__

        typer.echo(f"saywhere {__version__} (research use only, not a medical device)")
        raise typer.Exit
