"""`saywhere predict RUN IMAGE… --prompt "…" --out DIR`: masks of what the prompts name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saywhere.cli.compute import Device, Runtime, export_once
from saywhere.errors import UsageError

if TYPE_CHECKING:
    from saywhere.inference.predictions_file import Failure
    from saywhere.inference.requests import Plan
    from saywhere.inference.segmenter import Segmenter
    from saywhere.inference.writers.writer import Options

EMPTY = ("skip", "write")
SOURCES = "INPUT… with --prompt, or --manifest M, or --jobs FILE.jsonl"


def predict(
    run: Annotated[
        Path, typer.Argument(help="A run directory, or a model's name (`saywhere models list`).")
    ],
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="INPUT...",
            help="Images, DICOM or NIfTI files, folders of them, zip archives, or "
            "dicomweb://HOST/studies/UID.",
        ),
    ] = None,
    prompt: Annotated[
        list[str] | None,
        typer.Option("--prompt", "-p", help="What to segment; may be repeated. Blank: no words."),
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="Take images and prompts from a manifest instead.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="With --manifest: only this split.")] = None,
    jobs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.jsonl",
            help="Take them from this file instead, one line per image: "
            '{"image": "a.png", "prompts": ["left", "right"]}.',
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for masks, overlays and what else is chosen.")
    ] = Path("predictions"),
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAME[,NAME...]",
            help="Output formats; a wrong name is refused with a list of all.",
        ),
    ] = "png",
    save: Annotated[
        str,
        typer.Option(
            metavar="KIND[,KIND...]",
            help="Of mask, overlay, probability and pseudo (the pseudo-image), those to write.",
        ),
    ] = "mask,overlay",
    fractional: Annotated[
        bool,
        typer.Option("--fractional", help="A DICOM SEG of probabilities, not of a binary mask."),
    ] = False,
    no_prompt: Annotated[
        bool, typer.Option("--no-prompt", help="DICOM files do not tell the prompt.")
    ] = False,
    empty: Annotated[
        str,
        typer.Option(
            metavar="skip|write", help="May a DICOM SEG of an empty mask be written? skip: no."
        ),
    ] = "skip",
    threshold: Annotated[
        float | None,
        typer.Option(min=0.001, max=0.999, help="On the probability; default: the run's."),
    ] = None,
    orientation: Annotated[
        str | None,
        typer.Option(
            metavar="ROWS\\COLUMNS",
            help="How the pictures lie in the patient, where their files do not say: L\\F for a "
            "standard chest film, R\\F for a mirrored one. Needed where a prompt names the other "
            "frame's left or right.",
        ),
    ] = None,
    mirror: Annotated[
        bool,
        typer.Option(
            "--mirror",
            help="Average over four mirrored images and prompts, in four times the time.",
        ),
    ] = False,
    store: Annotated[
        bool,
        typer.Option(
            "--store",
            help="Store the masks, as DICOM SEG, in the archive that the input refers to.",
        ),
    ] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Redo what --out holds already of the same image, prompt, threshold and model.",
        ),
    ] = False,
    no_identifiers: Annotated[
        bool,
        typer.Option("--no-identifiers", help="Write keyed hashes for names, paths and prompts."),
    ] = False,
    identifier_key: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Their key. Default: a random one, thrown away."),
    ] = None,
    device: Device = "auto",
    runtime: Runtime = "torch",
    on: Annotated[
        str,
        typer.Option(
            metavar="local|ray|ADDRESS",
            help="local: this process. ray: Ray on this machine. Or a Ray cluster's address: auto, "
            "ray://HOST:10001.",
        ),
    ] = "local",
    workers: Annotated[
        int,
        typer.Option(
            min=0, help="With --on: at most so many at once. Default: one a GPU, or one a core."
        ),
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the predictions as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings only.")] = False,
) -> None:
    """Segment what the prompt names, at each image's own size.

    What --out holds already is skipped, so that a stopped batch goes on.
    """
    _refuse_other_than_one_source(inputs, prompt, manifest, split, jobs)
    # Before torch is loaded: a slip is refused at once.
    _find_run(run, inputs or [])
    from saywhere.inference import archive, writers
    from saywhere.runs.devices import check_name

    check_name(device, "--device")
    if empty not in EMPTY:
        raise UsageError(f"--empty is {empty!r}", allowed=" or ".join(EMPTY))
    target = archive.reference_to_store(inputs or []) if store else None
    formats = f"{formats},{archive.FORMAT}" if store else formats
    # A wrong name is refused before a model is loaded.
    writers.choose_parts(formats, save)
    from saywhere.cli.identifiers import withholding
    from saywhere.inference.no_identifiers import Names, refuse_named
    from saywhere.io.pseudonyms import read_pseudonyms

    names = Names(read_pseudonyms(no_identifiers, identifier_key))
    if no_identifiers:
        refuse_named(formats, out)
    from saywhere.cli.predict_summary import (
        summary,
        warn_of_outcome,
        warn_of_prompts,
        warn_of_skipped,
        whose_left,
    )
    from saywhere.cli.progress import CaseProgress, counted
    from saywhere.inference.chunk_worker import Recipe
    from saywhere.inference.chunked import run_anywhere
    from saywhere.inference.segmenter import load
    from saywhere.io import addresses

    export_once(run, runtime, quiet or as_json)
    # Without the option, the run's configuration decides.
    segmenter = load(run, mirror=mirror or None, device=device, runtime=runtime)
    with withholding(no_identifiers), archive.fetched(inputs or []) as local:
        # Before --out is made, which may lie among the inputs.
        plan, refused = _read_jobs(segmenter, local, prompt, manifest, split, jobs, orientation)
        warn_of_prompts(segmenter, plan.jobs)
        with CaseProgress("images", total=len(plan.jobs), quiet=quiet or as_json) as advance:
            recipe = Recipe(
                run=str(run),
                out=addresses.of(out) or str(out),
                folder=str(Path.cwd()),
                mirror=mirror or None,
                threshold=threshold,
                formats=formats,
                save=save,
                options=_options(segmenter, fractional, no_prompt, empty),
                orientation=orientation,
                again=again,
                pseudonyms=names.pseudonyms,
                device=device,
                runtime=runtime,
            )
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
    n_stored = 0 if target is None else archive.store(outcome, out, target)
    if as_json:
        document = outcome.to_json() | {
            "skipped_files": names.skipped(plan.skipped),
            "frame": segmenter.prompt_facts.frame if segmenter.hears_words else "",
        }
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    elif not quiet:
        typer.echo(summary(outcome, out) + whose_left(segmenter, plan.jobs))
        if target is not None:
            typer.echo(f"{counted(n_stored, 'DICOM SEG')} stored in the archive")
    warn_of_skipped(plan.skipped, names)
    warn_of_outcome(outcome, out)
    if outcome.failures:
        # Done, but some jobs were set aside.
        raise typer.Exit(3)


def _refuse_other_than_one_source(
    inputs: list[Path] | None,
    prompt: list[str] | None,
    manifest: Path | None,
    split: str | None,
    jobs: Path | None,
) -> None:
    """Images with prompts, or a manifest, or jobs: exactly one. Raises UsageError."""
    options = (("INPUT", inputs), ("--manifest", manifest), ("--jobs", jobs))
    sources = [name for name, value in options if value]
    if not sources:
        raise UsageError("nothing to predict", allowed=SOURCES)
    if len(sources) > 1:
        raise UsageError(
            f"both {sources[0]} and {sources[1]}",
            allowed=SOURCES,
            remedy="leave one of them out",
        )
    if prompt and not inputs:
        whose = "a manifest's rows" if manifest else "the lines of --jobs"
        raise UsageError(
            f"both --prompt and {sources[0]}",
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
    from saywhere.runs.locate import find, is_there

    is_image = run.suffix.lower() in SUFFIXES and not run.is_dir()
    if is_there(run) and not is_image:
        return
    # Looked for only now: there may be thousands of inputs.
    model = next(filter(is_there, inputs), None)
    # A folder of images, or a name that is none, before a model: the two were swapped as well.
    if is_image or model is not None:
        images = [run, *(path for path in inputs if path != model)]
        call = f"saywhere predict {model or 'RUN'} {' '.join(map(str, images))}"
        kind = "an image" if is_image else "no run and no model"
        raise UsageError(f"{run} is {kind}", remedy=f"did you mean `{call}`?")
    find(run)


def _options(segmenter: Segmenter, fractional: bool, no_prompt: bool, empty: str) -> Options:
    from saywhere.hub.facts import read_facts
    from saywhere.inference.writers.writer import Options

    about = read_facts(segmenter.folder).get("about") or {}
    return Options(
        fractional=fractional,
        with_prompt=not no_prompt,
        write_empty=empty == "write",
        model=segmenter.folder.resolve().name,
        digest=segmenter.digest,
        target=str(about.get("title") or segmenter.folder.resolve().name),
    )


def _read_jobs(
    segmenter: Segmenter,
    inputs: list[Path] | None,
    prompt: list[str] | None,
    manifest: Path | None,
    split: str | None,
    jobs: Path | None,
    orientation: str | None,
) -> tuple[Plan, list[Failure]]:
    """What to predict, and the lines of --jobs that cannot be read. Raises UsageError."""
    from saywhere.inference.address_requests import plan_anywhere, with_local_list
    from saywhere.inference.requests import (
        Plan,
        jobs_from_file,
        jobs_from_manifest,
    )

    if jobs is not None:
        (from_file, refused), placed = with_local_list(
            jobs, lambda path: jobs_from_file(path, hears_words=segmenter.hears_words)
        )
        return Plan(list(map(placed, from_file)), [], []), refused
    if manifest is not None:
        rows, placed = with_local_list(
            manifest, lambda path: jobs_from_manifest(path, segmenter, split, orientation)
        )
        return Plan(list(map(placed, rows)), [], []), []
    if prompt is None and segmenter.hears_words:
        raise UsageError(
            "no --prompt",
            allowed="say what to segment",
            remedy='--prompt "one small round polyp, upper right"; --prompt "" for no words',
        )
    return plan_anywhere(inputs or [], prompt or [""]), []
