"""saywhere train CONFIG.toml"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from saywhere.config import Config

# The shell's convention: 128 + SIGINT.
INTERRUPTED = 130


def train(
    config: Annotated[
        Path,
        typer.Argument(
            help="A TOML file, for instance configs/kvasir.toml; "
            "or a run or model, for its configuration."
        ),
    ],
    assignment: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change a key: --set train.epochs=10. May be repeated."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Run directory; default runs/NAME, numbered, never overwritten."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on where the run stands: `--resume RUN`; or CONFIG with --out, "
            "else the newest run of this name.",
        ),
    ] = False,
    start: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Fine-tune: start with the best weights of this run or model "
            "(same network and fusion).",
        ),
    ] = None,
    other_threads: Annotated[
        bool,
        typer.Option(
            "--other-threads",
            help="With --resume: train.threads may be another number than before; the last bits "
            "of losses and weights are others then.",
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
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the run directory only.")
    ] = False,
) -> None:
    """Train a model; the run directory holds everything it was made from."""
    from saywhere.cli.identifiers import withholding
    from saywhere.cli.progress import TrainingProgress, warn
    from saywhere.io.pseudonyms import read_pseudonyms

    pseudonyms = read_pseudonyms(no_identifiers, identifier_key)
    out = _run_itself(config) if resume and out is None else out
    # Before torch is loaded: a slip is refused at once.
    settings = _settings(config, assignment or [], resume=resume, start=start)
    from saywhere.training.torch_warnings import silence_if_launched

    silence_if_launched(os.environ)
    from saywhere.training.processes import Processes

    # Of several processes, as torchrun starts them, the first one alone speaks.
    is_first = Processes.of_environment().is_first
    quiet = quiet or not is_first
    # After what may be refused at once, whose error is to stand alone.
    if not quiet:
        # A resumption on another manifest is refused: no advice how to name one.
        origin = None if resume else _recipe(config)
        _name_manifest(settings.data.manifest, origin, assignment or [])
    from saywhere.training.trainer import train as run_training

    with withholding(no_identifiers), TrainingProgress(quiet) as progress:
        try:
            run = run_training(
                settings,
                out,
                name=config.stem,
                resume=resume,
                start=start,
                other_threads=other_threads,
                listen=progress,
                pseudonyms=pseudonyms,
            )
        except KeyboardInterrupt:
            warn(f"interrupted{_resuming(progress.run, config if no_identifiers else None)}")
            raise typer.Exit(INTERRUPTED) from None
    if is_first:
        _tell(run, progress.best, as_json=as_json, quiet=quiet)


def _run_itself(config: Path) -> Path | None:
    """Of `--resume RUN`, where the one argument is the run; None for any other argument."""
    from saywhere.runs.directory import Run

    return config if Run(config).exists else None


def _settings(config: Path, assignments: list[str], *, resume: bool, start: Path | None) -> Config:
    """What is trained. A model to start from is looked for, too: a slip is refused at once."""
    from saywhere.config import read
    from saywhere.runs.locate import find
    from saywhere.runs.older_values import read_stored

    recipe = _recipe(config)
    is_stored = recipe != config
    # A run's or model's configuration holds what its maker's machine did fastest, which may be ten
    # times slower on this one. A resumption must go on alike; a fine-tuning need not.
    anew = ["train.precision=auto"] if start is not None and is_stored else []
    # A run or model that is trained anew is trained as it was: it may be older than a key. What is
    # gone on from decides on such keys itself.
    as_it_was = is_stored and not resume and start is None
    settings = (read_stored if as_it_was else read)(recipe, [*anew, *assignments])
    if start is not None:
        find(start)
    return settings


def _tell(run: Path, best: float | None, *, as_json: bool, quiet: bool) -> None:
    """The run directory is the result: it stands on stdout, alone or in JSON."""
    from saywhere.cli.progress import next_step
    from saywhere.runs.directory import Run

    if as_json:
        facts = Run(run).facts()
        shown = {key: facts.get(key) for key in ("status", "seconds", "warnings", "fine_tuning")}
        typer.echo(json.dumps({"run": str(run), **shown, "best": best}))
        return
    typer.echo(run)
    if not quiet:
        next_step(f"saywhere evaluate {run}")


def _resuming(run: str | None, recipe: Path | None) -> str:
    """How to go on; a run that names no manifest needs its configuration again."""
    if not run:
        return ""
    if recipe is None:
        return f": go on with `saywhere train --resume {run}`"
    return f": go on with `saywhere train {recipe} --resume --out {run} --no-identifiers`"


def _name_manifest(manifest: Path | None, recipe: Path | None, assignments: list[str]) -> None:
    """Say what is trained on, before anything else: a recipe names a set of its own."""
    if manifest is None:
        return
    is_given = any(text.split("=")[0].strip() == "data.manifest" for text in assignments)
    origin = ""
    if recipe is not None and not is_given:
        origin = f" (named in {recipe}; yours: --set data.manifest=FILE)"
    typer.echo(f"manifest: {manifest}{origin}", err=True)


def _recipe(config: Path) -> Path:
    """The TOML file itself, or the one of a run or model.

    Raises:
        MissingFile: for a name that is none of these, and for a run without a configuration.
    """
    from saywhere.errors import MissingFile
    from saywhere.runs.directory import Run
    from saywhere.runs.locate import find

    if config.suffix == ".toml" or config.is_file():
        return config
    if not Run(config).exists:
        return find(config) / "config.toml"
    # A run that was killed early has a configuration before it has weights.
    if not (config / "config.toml").is_file():
        raise MissingFile(
            f"{config} has no config.toml yet: it was ended before its first step",
            remedy=f"name the configuration again: CONFIG.toml --resume --out {config}",
        )
    return config / "config.toml"
