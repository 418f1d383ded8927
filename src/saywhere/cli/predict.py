"""`saywhere predict RUN IMAGE… --prompt "…" --out DIR`: masks of what the prompts name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from saywhere.cli.compute import Device, Runtime
from saywhere.cli.job_source import JobSource
from saywhere.errors import UsageError

if TYPE_CHECKING:
    from saywhere.io.dicomweb import Reference
    from saywhere.io.pseudonyms import Pseudonyms

EMPTY = ("skip", "write")


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
    source = JobSource(inputs or [], prompt, manifest, split, jobs, orientation)
    _refuse_slips(run, source, empty, device)
    formats, archived = _checked_formats(formats, save, source.inputs if store else None)
    pseudonyms = _pseudonyms(no_identifiers, identifier_key, formats, out)
    # Only now: it brings torch.
    from saywhere.cli.predict_run import segment, tell
    from saywhere.inference import archive
    from saywhere.inference.chunk_worker import Recipe
    from saywhere.inference.writers.writer import Options
    from saywhere.io import addresses

    recipe = Recipe(
        run=str(run),
        out=addresses.of(out) or str(out),
        folder=str(Path.cwd()),
        # Without the option, the run's configuration decides.
        mirror=mirror or None,
        threshold=threshold,
        formats=formats,
        save=save,
        options=Options(fractional, not no_prompt, empty == "write"),
        orientation=orientation,
        again=again,
        pseudonyms=pseudonyms,
        device=device,
        runtime=runtime,
    )
    done = segment(recipe, source, on, workers, quiet=quiet or as_json)
    n_stored = None if archived is None else archive.store(done.outcome, out, archived)
    tell(done, out, n_stored, as_json=as_json, quiet=quiet)
    if done.outcome.failures:
        # Done, but some jobs were set aside.
        raise typer.Exit(3)


def _refuse_slips(run: Path, source: JobSource, empty: str, device: str) -> None:
    """What can be seen before torch is loaded is refused at once."""
    source.refuse_other_than_one()
    _find_run(run, source.inputs)
    from saywhere.runs.devices import check_name

    check_name(device, "--device")
    if empty not in EMPTY:
        raise UsageError(f"--empty is {empty!r}", allowed=" or ".join(EMPTY))


def _checked_formats(
    formats: str, save: str, to_store: list[Path] | None
) -> tuple[str, Reference | None]:
    """The formats to write, and where their files are stored; `to_store`: inputs of --store."""
    from saywhere.inference import archive, writers

    archived = None
    if to_store is not None:
        archived = archive.reference_to_store(to_store)
        formats = f"{formats},{archive.FORMAT}"
    # A wrong name is refused before a model is loaded.
    writers.choose_parts(formats, save)
    return formats, archived


def _pseudonyms(
    no_identifiers: bool, identifier_key: Path | None, formats: str, out: Path
) -> Pseudonyms | None:
    """What hashes names; None: they are written. Refuses what would name a patient all the same."""
    from saywhere.inference.no_identifiers import refuse_named
    from saywhere.io.pseudonyms import read_pseudonyms

    pseudonyms = read_pseudonyms(no_identifiers, identifier_key)
    if no_identifiers:
        refuse_named(formats, out)
    return pseudonyms


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
