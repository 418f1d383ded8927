"""The output formats, by name. A new one is a file beside this one and a line in WRITERS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from saywhere.errors import UsageError
from saywhere.inference.answer import Answer
from saywhere.inference.writers import (
    coco,
    dicom_seg,
    geojson,
    label_map,
    nifti_volume,
    parquet,
    png,
    secondary_capture,
)
from saywhere.inference.writers.writer import Line, Options, Scope, Writer, Written
from saywhere.phases import phase

WRITERS: dict[str, Writer] = {
    "coco": coco.WRITER,
    "dicom-seg": dicom_seg.WRITER,
    "geojson": geojson.WRITER,
    "labels": label_map.WRITER,
    "nifti": nifti_volume.WRITER,
    "parquet": parquet.WRITER,
    "png": png.WRITER,
    "secondary-capture": secondary_capture.WRITER,
}
"""What `saywhere predict --format` and `result.save(format=…)` take."""
DEFAULT = "png"
KINDS = ("mask", "probability", "pseudo", "overlay")
"""What `saywhere predict --save` and `result.save(save=…)` take."""
SAVED = "mask,overlay"
"""Kinds that are written where nobody chooses: probabilities and pseudo-images fill disks."""
PLAIN = Options()


def choose(formats: str | Sequence[str]) -> list[str]:
    """Read and check the names of formats.

    Args:
        formats: Names, as a list or separated by commas: "png,coco".

    Returns:
        The names, each once, in their order.

    Raises:
        UsageError: For no name, and for a name that is not in WRITERS.
        MissingExtra: Where a format's package is not installed.
    """
    names = _names(formats, WRITERS, "output format", "formats")
    for name in names:
        WRITERS[name].refuse_missing(name)
    return names


def choose_parts(formats: str | Sequence[str], save: str | Sequence[str] = SAVED) -> list[str]:
    """Tell which files are wanted.

    Args:
        formats: As `choose` takes them.
        save: Names of KINDS, as a list or separated by commas. Formats that have no such choice
            are written whole.

    Returns:
        Names of parts, such as "mask", in the order of writing.

    Raises:
        UsageError: For a name that does not exist, and for a format that has nothing of `save`.
        MissingExtra: Where a format's package is not installed.
    """
    kinds = _names(save, KINDS, "kind of file", "kinds")
    wanted = []
    for name in choose(formats):
        parts = WRITERS[name].chosen(kinds)
        # Refused and not ignored: a user would wait for files that never come.
        if not parts:
            allowed = ", ".join(dict.fromkeys(WRITERS[name].kinds.values()))
            raise UsageError(
                f"--save {','.join(kinds)} leaves nothing of format {name!r}",
                allowed=f"it has {allowed}",
                remedy="save one of these, or leave the format out",
            )
        wanted += parts
    return wanted


@phase("write")
def write(
    answers: Sequence[Answer],
    folder: Path,
    stem: str,
    parts: Iterable[str],
    options: Options = PLAIN,
) -> tuple[dict[str, Path], list[str]]:
    """Write answers in each of several formats.

    Args:
        answers: What the model answered: one, or all that one file of these parts holds.
        folder: Where the files go. It is made if need be.
        stem: What their names begin with.
        parts: Names of parts, of formats that `choose` has checked.
        options: How they are written.

    Returns:
        Part → file, of the parts that were written, in the order of writing; and what a user
        should know of them, one sentence each.

    Raises:
        NotWritable: Where the folder takes no file.
        UsageError: Where the answers lack what a format needs.
    """
    wanted = list(parts)
    written: dict[str, Path] = {}
    notes: list[str] = []
    for name in formats_of(wanted):
        every = WRITERS[name].paths(folder, stem)
        paths = {part: path for part, path in every.items() if part in wanted}
        outcome = _written(WRITERS[name], answers, paths, options)
        written |= {part: paths[part] for part in outcome.parts}
        shown = ", ".join(path.name for path in paths.values())
        notes += [f"{shown}: {note}" for note in outcome.notes]
    return written, notes


def endings() -> dict[str, str]:
    """The files of all formats.

    Returns:
        Part → the end of its file's name. A part belongs to one format.
    """
    joined: dict[str, str] = {}
    for writer in WRITERS.values():
        joined |= writer.endings
    return joined


def formats_of(parts: Iterable[str]) -> list[str]:
    """The formats that parts belong to.

    Args:
        parts: Names of parts, such as "mask". Others are passed over.

    Returns:
        Names of formats, in WRITERS' order.
    """
    known = set(parts)
    return [name for name, writer in WRITERS.items() if known & set(writer.endings)]


def scope_of(part: str) -> Scope:
    """What one file of a part holds.

    Args:
        part: Its name, such as "mask".

    Returns:
        The scope of the part's format.
    """
    return next(writer.scope for writer in WRITERS.values() if part in writer.endings)


def paths(folder: Path, stem: str, parts: Iterable[str]) -> dict[str, Path]:
    """The files of some parts.

    Args:
        folder: Where they are.
        stem: What their names begin with.
        parts: Their names.

    Returns:
        Part → file. The files need not be there.
    """
    known = endings()
    return {part: folder / f"{stem}{known[part]}" for part in parts}


def fingerprints(
    parts: Iterable[str], members: Sequence[object], options: Options
) -> dict[str, str]:
    """Identify what files are made of, beyond the one answer that a line tells of.

    Args:
        parts: Names of parts.
        members: All that the answers of one file depend on, of JSON's own types.
        options: How they are written.

    Returns:
        Format → 16 hexadecimal digits, of those formats whose files depend on more.
    """
    made = {name: WRITERS[name].fingerprint(members, options) for name in formats_of(parts)}
    # None: what the line tells of its own answer says all that the file depends on.
    return {name: digits for name, digits in made.items() if digits is not None}


def record(answer: Answer, parts: Iterable[str]) -> Line:
    """Give what a line of predictions.jsonl must hold for the tables among some parts.

    Args:
        answer: The line's answer.
        parts: Names of parts.

    Returns:
        Key → value, such as "mask_counts"; empty where there is no table among them.
    """
    recorders = [WRITERS[name].record for name in formats_of(parts)]
    gathered: Line = {}
    for give in recorders:
        gathered |= {} if give is None else give(answer)
    return gathered


def write_tables(lines: Iterable[Line], folder: Path, stem: str) -> None:
    """Write the tables that the lines of predictions.jsonl name.

    Args:
        lines: All of them; they are gone through more than once.
        folder: Where they go.
        stem: What their names begin with.

    Raises:
        NotWritable: Where the folder takes no file.
    """
    for writer in WRITERS.values():
        for part, path in writer.paths(folder, stem).items():
            if writer.tabulate is not None and any(part in line for line in lines):
                writer.tabulate([line for line in lines if part in line], path)


def recorded() -> list[str]:
    """Keys of predictions.jsonl that tables are made of.

    Returns:
        Their names, such as "mask_counts".
    """
    return [name for writer in WRITERS.values() for name in writer.recorded]


def refuse_inputs(formats: Iterable[str], files: Iterable[Path]) -> None:
    """Say that a format cannot be written for an input before anything is segmented.

    Args:
        formats: Names that `choose` has checked.
        files: The input files.

    Raises:
        UsageError: For the first file that a format cannot be written for.
    """
    every = (WRITERS[name].refuse for name in formats)
    refusals = [refuse for refuse in every if refuse is not None]
    if not refusals:
        return
    # Each once: a volume of 300 slices comes as 300 jobs.
    for file in dict.fromkeys(files):
        for refuse in refusals:
            refuse(file)


def _names(
    given: str | Sequence[str], known: Iterable[str] | Mapping[str, object], noun: str, plural: str
) -> list[str]:
    """Each name once, in its order. Raises UsageError for none and for an unknown one."""
    parts = given.split(",") if isinstance(given, str) else given
    names = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    allowed = f"{plural}: {', '.join(sorted(known))}"
    if not names:
        raise UsageError(f"no {noun}", allowed=allowed, remedy="name one, or leave it out")
    for name in names:
        if name not in known:
            remedy = "choose one of these"
            raise UsageError(f"no {noun} {name!r}", allowed=allowed, remedy=remedy)
    return names


def _written(
    writer: Writer, answers: Sequence[Answer], paths: Mapping[str, Path], options: Options
) -> Written:
    """A table of one call's answers needs no predictions.jsonl."""
    if writer.record is None or writer.tabulate is None:
        return writer.write(answers, paths, options)
    for path in paths.values():
        lines = [{"stem": path.stem, **a.to_json(), **writer.record(a)} for a in answers]
        writer.tabulate(lines, path)
    return Written(tuple(paths))
