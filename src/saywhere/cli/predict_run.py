"""What `saywhere predict` does once its options are checked: load, plan, segment, tell.

Imported only then, since it brings torch with it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from saywhere.cli.compute import export_once
from saywhere.cli.identifiers import withholding
from saywhere.cli.job_source import JobSource
from saywhere.cli.predict_summary import (
    summary,
    warn_of_outcome,
    warn_of_prompts,
    warn_of_skipped,
    whose_left,
)
from saywhere.cli.progress import CaseProgress, counted, warn_of_unfinished
from saywhere.hub.facts import read_facts
from saywhere.inference.archive import fetched
from saywhere.inference.chunk_worker import Recipe
from saywhere.inference.chunked import run_anywhere
from saywhere.inference.no_identifiers import Names
from saywhere.inference.outcome import Outcome
from saywhere.inference.requests import Plan
from saywhere.inference.segmenter import Segmenter, load
from saywhere.inference.writers.writer import Options


@dataclass(frozen=True)
class Done:
    """A call that is over, with what is told of it.

    Attributes:
        segmenter: The model that answered.
        plan: What was to be predicted.
        names: What became of names on the way.
        outcome: What was predicted, and what was set aside.
    """

    segmenter: Segmenter
    plan: Plan
    names: Names
    outcome: Outcome


def segment(recipe: Recipe, source: JobSource, on: str, workers: int, *, quiet: bool) -> Done:
    """Load the model, plan the jobs and do them.

    Args:
        recipe: What is wanted of each job.
        source: Names the jobs.
        on: As `run_chunked` takes it.
        workers: The same.
        quiet: Show no progress.

    Returns:
        What was done.

    Raises:
        SaywhereError: The model, the jobs or the place of the predictions cannot be used. A job
            that fails by itself is set aside instead.
    """
    # Before the model is loaded, which takes seconds.
    warn_of_unfinished(Path(recipe.run))
    export_once(Path(recipe.run), recipe.runtime, recipe.device, quiet)
    segmenter = load(recipe.run, mirror=recipe.mirror, device=recipe.device, runtime=recipe.runtime)
    recipe = replace(recipe, options=_signed(recipe.options, segmenter))
    with withholding(recipe.pseudonyms is not None), fetched(source.inputs) as inputs:
        # Before the predictions' folder is made, which may lie among the inputs.
        plan, refused = source.plan(segmenter, inputs)
        warn_of_prompts(segmenter, plan.jobs)
        with CaseProgress("images", total=len(plan.jobs), quiet=quiet) as advance:
            outcome = run_anywhere(
                segmenter,
                plan.jobs,
                recipe,
                on=on,
                workers=workers,
                refused=refused,
                notes=plan.notes,
                advance=advance,
            )
    return Done(segmenter, plan, Names(recipe.pseudonyms), outcome)


def _signed(options: Options, segmenter: Segmenter) -> Options:
    """With the model's name, digest and target, which DICOM files tell."""
    name = segmenter.folder.resolve().name
    about = read_facts(segmenter.folder).get("about") or {}
    target = str(about.get("title") or name)
    return replace(options, model=name, digest=segmenter.digest, target=target)


def tell(done: Done, out: Path, n_stored: int | None, *, as_json: bool, quiet: bool) -> None:
    """Print what was done, and warn of what a person should look at.

    Args:
        done: The call.
        out: Where its files are.
        n_stored: DICOM SEGs that an archive took; None where none was to.
        as_json: Print the predictions as JSON instead of a line.
        quiet: Print warnings only.
    """
    if as_json:
        typer.echo(json.dumps(_document(done), indent=2, ensure_ascii=False))
    elif not quiet:
        typer.echo(summary(done.outcome, out) + whose_left(done.segmenter, done.plan.jobs))
        if n_stored is not None:
            typer.echo(f"{counted(n_stored, 'DICOM SEG')} stored in the archive")
    warn_of_skipped(done.plan.skipped, done.names)
    warn_of_outcome(done.outcome, out)


def _document(done: Done) -> dict[str, object]:
    """What --json prints."""
    segmenter = done.segmenter
    return done.outcome.to_json() | {
        "skipped_files": done.names.skipped(done.plan.skipped),
        "frame": segmenter.prompt_facts.frame if segmenter.hears_words else "",
    }
