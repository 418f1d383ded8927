"""saywhere predict RUN IMAGE… --prompt "…" --out DIR"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def predict(
    run: Annotated[Path, typer.Argument(help="A run directory, or a model's name (`saywhere models list`).")],
    inputs: Annotated[list[Path] | None, typer.Argument(metavar="INPUT...", help="Pictures, or folders of pictures.")] = None,
    prompt: Annotated[list[str] | None, typer.Option("--prompt", "-p", help="What to segment; may be repeated. Blank: no words.")] = None,
    manifest: Annotated[Path | None, typer.Option(help="Take pictures and prompts from a manifest instead.")] = None,
    split: Annotated[str | None, typer.Option(help="With --manifest: only this split.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for masks, probabilities, pseudo-images and overlays.")] = Path("predictions"),
    threshold: Annotated[float | None, typer.Option(min=0.001, max=0.999, help="On the probability; default: the run's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the predictions as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q")] = False,
) -> None:
    """Segment what the prompt names, at each picture's own size."""
    from saywhere.cli.progress import CaseProgress, warn
    from saywhere.engine.batch import jobs_for, jobs_from_manifest, run_jobs
    from saywhere.engine.predict import load
    from saywhere.errors import UsageError
    from saywhere.text.prompts import is_blank

    if (manifest is None) == (not inputs):
        raise UsageError("nothing to predict" if not inputs else "both pictures and --manifest", allowed="either INPUT… with --prompt, or --manifest M")
    if manifest is not None and prompt:
        raise UsageError("both --prompt and --manifest", allowed="a manifest's rows have their own prompts", remedy="leave one of them out")
    if manifest is None and split is not None:
        raise UsageError("--split without --manifest", remedy="name a manifest, or leave --split out")
    segmenter = load(run)
    if manifest is None and prompt is None and segmenter.hears_words:
        raise UsageError("no --prompt", allowed="say what to segment", remedy='--prompt "one small round polyp, upper right"; --prompt "" for no words')
    jobs = jobs_from_manifest(manifest, segmenter, split) if manifest else jobs_for(inputs or [], prompt or [""])
    if segmenter.hears_words and any(is_blank(job.prompt) for job in jobs):
        warn("a blank prompt means no words: the model marks what it finds by itself")
    if segmenter.hears_words and (n_long := sum(segmenter.encoder.count_tokens(text) > segmenter.encoder.max_length for text in {job.prompt for job in jobs})):
        warn(f"{n_long} prompts have more than the {segmenter.encoder.max_length} tokens that the encoder reads: the rest of them is not heard")
    with CaseProgress("pictures", total=len(jobs), quiet=quiet or as_json) as advance:
        predictions, failures = run_jobs(segmenter, jobs, out, threshold=threshold, advance=advance)
    if as_json:
        typer.echo(json.dumps({"predictions": predictions, "failures": failures}, indent=2, ensure_ascii=False))
    elif not quiet:
        typer.echo(f"{len(predictions)} predictions in {out}")
    if any(record["unfamiliarity"] > 1 for record in predictions):
        warn("some prompts are unlike those that the model was trained on (unfamiliarity above 1 in predictions.jsonl): check these masks")
    if failures:
        warn(f"{len(failures)} pictures were set aside, see {out / 'failures.jsonl'}; the first: {failures[0]['reason']}")
        raise typer.Exit(3)
