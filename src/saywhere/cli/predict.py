"""saywhere predict RUN IMAGE… --prompt "…" --out DIR"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saywhere.errors import UsageError

if TYPE_CHECKING:
    from saywhere.inference.batch import Outcome
    from saywhere.inference.predictions_file import Failure, Prediction
    from saywhere.inference.requests import Job
    from saywhere.inference.segmenter import Segmenter

MANY, N_FIRST = 5, 3


def predict(
    run: Annotated[
        Path, typer.Argument(help="A run directory, or a model's name (`saywhere models list`).")
    ],
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(metavar="INPUT...", help="Pictures, or folders of pictures."),
    ] = None,
    prompt: Annotated[
        list[str] | None,
        typer.Option("--prompt", "-p", help="What to segment; may be repeated. Blank: no words."),
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="Take pictures and prompts from a manifest instead.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="With --manifest: only this split.")] = None,
    jobs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jsonl",
            help='Take them from here instead, a line a picture: {"image": "a.png", "prompts": ["left", "right"]}.',
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for masks, probabilities, pseudo-images and overlays.")
    ] = Path("predictions"),
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAME[,NAME...]",
            help="png: pictures; coco: a COCO data set with run lengths. One, or several at once.",
        ),
    ] = "png",
    threshold: Annotated[
        float | None,
        typer.Option(min=0.001, max=0.999, help="On the probability; default: the run's."),
    ] = None,
    mirror: Annotated[
        bool,
        typer.Option(
            "--mirror", help="Average over four mirrorings, words and all, in four times the time."
        ),
    ] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Redo what --out holds already from the same picture, prompt, threshold and model.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the predictions as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings only.")] = False,
) -> None:
    """Segment what the prompt names, at each picture's own size; what --out holds already is skipped, so that a stopped batch goes on."""
    _one_source(inputs, prompt, manifest, split, jobs)
    _find_run(run, inputs or [])  # before torch is loaded: a slip is refused at once
    from saywhere.inference import writers

    writers.choose(formats)  # a wrong name is said before a model is loaded
    from saywhere.cli.progress import CaseProgress, counted, warn
    from saywhere.inference.batch import run_jobs
    from saywhere.inference.requests import jobs_for, jobs_from_file, jobs_from_manifest
    from saywhere.inference.segmenter import load

    segmenter = load(run, mirror=mirror or None)
    if inputs and prompt is None and segmenter.hears_words:
        raise UsageError(
            "no --prompt",
            allowed="say what to segment",
            remedy='--prompt "one small round polyp, upper right"; --prompt "" for no words',
        )
    refused: list[Failure] = []
    if jobs is not None:
        asked, refused = jobs_from_file(jobs, hears_words=segmenter.hears_words)
    else:
        asked = (
            jobs_from_manifest(manifest, segmenter, split)
            if manifest
            else jobs_for(inputs or [], prompt or [""])
        )
    _warn_of_prompts(segmenter, asked)
    with CaseProgress("pictures", total=len(asked), quiet=quiet or as_json) as advance:
        outcome = run_jobs(
            segmenter,
            asked,
            out,
            threshold=threshold,
            formats=formats,
            again=again,
            refused=refused,
            advance=advance,
        )
    if as_json:
        typer.echo(json.dumps(outcome.to_json(), indent=2, ensure_ascii=False))
    elif not quiet:
        before = (
            f", {outcome.n_skipped:,} of them done before (--again redoes them)"
            if outcome.n_skipped
            else ""
        )
        typer.echo(
            f"{counted(len(outcome.predictions), 'prediction')} in {out}{before}{_least_sure(outcome)}"
        )
    _warn_of_outcome(outcome, out)
    if outcome.failures:
        what = counted(len(outcome.failures), "job")
        warn(
            f"set aside: {what}, see {out / 'failures.jsonl'}; the first: {outcome.failures[0].reason}"
        )
        raise typer.Exit(3)


def _least_sure(outcome: Outcome) -> str:
    """Of many, those that a person looks at first: nothing is marked, or the model is least sure of what it marks."""
    if len(outcome.predictions) < MANY:
        return ""
    ordered = sorted(outcome.predictions, key=lambda prediction: prediction.confidence or 0.0)
    first = [f"{prediction.first_file} ({_how_good(prediction)})" for prediction in ordered]
    return f"; look at these first: {', '.join(first[:N_FIRST])}"


def _how_good(prediction: Prediction) -> str:
    if not prediction.confidence:
        return "nothing marked"
    if prediction.expected_dice is None:
        return f"{prediction.confidence:.0%} sure"
    return f"expected Dice {prediction.expected_dice:.2f}"


def _one_source(
    inputs: list[Path] | None,
    prompt: list[str] | None,
    manifest: Path | None,
    split: str | None,
    jobs: Path | None,
) -> None:
    """Pictures with prompts, or a manifest, or jobs. Raises UsageError."""
    given = [
        name
        for name, value in (("INPUT", inputs), ("--manifest", manifest), ("--jobs", jobs))
        if value
    ]
    if not given:
        raise UsageError(
            "nothing to predict",
            allowed="INPUT… with --prompt, or --manifest M, or --jobs FILE.jsonl",
        )
    if len(given) > 1:
        raise UsageError(
            f"both {given[0]} and {given[1]}",
            allowed="INPUT… with --prompt, or --manifest M, or --jobs FILE.jsonl",
            remedy="leave one of them out",
        )
    if prompt and not inputs:
        whose = "a manifest's rows" if manifest else "the lines of --jobs"
        raise UsageError(
            f"both --prompt and {given[0]}",
            allowed=f"{whose} have their own prompts",
            remedy="leave one of them out",
        )
    if split is not None and manifest is None:
        raise UsageError(
            "--split without --manifest", remedy="name a manifest, or leave --split out"
        )


def _find_run(run: Path, inputs: list[Path]) -> None:
    """Is there such a run or model? Raises UsageError where it is an image, MissingFile."""
    from saywhere.io.decode import SUFFIXES
    from saywhere.runs.named import find, is_there

    if run.suffix.lower() in SUFFIXES and not run.is_dir():
        model = next(filter(is_there, inputs), Path("RUN"))
        images = [run, *(path for path in inputs if path != model)]
        call = f"saywhere predict {model} {' '.join(map(str, images))}"
        raise UsageError(f"{run} is an image", remedy=f"did you mean `{call}`?")
    find(run)


def _warn_of_prompts(segmenter: Segmenter, jobs: list[Job]) -> None:
    from saywhere.cli.progress import counted, warn
    from saywhere.text.prompts import denies, is_blank

    if not segmenter.hears_words:
        return
    if any(is_blank(job.prompt) for job in jobs):
        warn("a blank prompt means no words: the model marks what it finds by itself")
    prompts, encoder = {job.prompt for job in jobs}, segmenter.encoder
    if n_denying := sum(map(denies, prompts)):
        warn(f"{counted(n_denying, 'prompt')} with a no, not, without or the like: the published sets hold no such words, and what they deny may be marked "
             "all the same; say where the target is")  # fmt: skip
    if n_long := sum(encoder.count_tokens(text) > encoder.max_length for text in prompts):
        warn(
            f"{counted(n_long, 'prompt')} longer than the {encoder.max_length} tokens that the encoder reads: what comes after them is not heard"
        )


def _warn_of_outcome(outcome: Outcome, out: Path) -> None:
    from saywhere.cli.progress import counted, warn

    if outcome.n_others:
        warn(
            f"{counted(outcome.n_others, 'earlier prediction')} of other pictures or prompts stay in {out}; predictions.jsonl lists all, these first"
        )
    if any(prediction.unfamiliarity > 1 for prediction in outcome.predictions):
        warn(
            "some prompts are unlike those that the model was trained on (unfamiliarity above 1 in predictions.jsonl): check these masks"
        )
