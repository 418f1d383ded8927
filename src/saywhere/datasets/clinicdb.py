"""CVC-ClinicDB (polyps, endoscopy; Bernal et al. 2015): 612 frames of video sequences, with MedVLSM's prompts and split where they are there."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from pathlib import Path

from saywhere.data.file_checks import Progress
from saywhere.datasets.layout import (
    ORACLE,
    Case,
    Prepared,
    by_stem,
    find_with,
    missing,
    no_annotations,
    paired,
    write_set,
)
from saywhere.datasets.medvlsm import read_if_there

N_PUBLISHED = 612
FOLDERS = ["Original", "Ground Truth"]
IMAGES_REMEDY = (
    "unpack CVC-ClinicDB so that Original and Ground Truth lie in the folder that --from names"
)
TEXT_REMEDY = "put train.json, val.json and test.json of data/clinicdb_polyp/anns (github.com/naamiinepal/medvlsm) into the folder that --from names"
LAST_FRAMES = (
    25,
    50,
    67,
    78,
    103,
    126,
    151,
    177,
    199,
    205,
    227,
    252,
    277,
    297,
    317,
    342,
    363,
    383,
    408,
    428,
    447,
    466,
    478,
    503,
    528,
    546,
    571,
    591,
    612,
)
"""Of the 29 sequences, in order: the frames are called 1 … 612 (Dataset Ninja's page of CVC-612, after the publishers')."""
IN_ORDER = "the frames were split in their order, 80 : 10 : 10, whole sequences"
LEAKS = (
    "frames of one video are nearly equal, and MedVLSM's split does not keep videos apart: its test split flatters; the column `sequence` says which "
    "frames belong together"
)


def prepare_clinicdb(source: Path, target: Path, progress: Progress | None = None) -> Prepared:
    """{Original,Ground Truth}/*.tif (or PNG, one name) below `source`, and anns/{train,val,test}.json if present.

    Without annotations the frames are split in their order, 80 : 10 : 10, no sequence in two splits (it is the rows' `group`), and have no text. MedVLSM's
    split cuts sequences: there the sequence is a column of its own, for as a group `saywhere check` would set its rows aside.
    Raises: MissingFile, ManifestError, UsageError, NotWritable.
    """
    folder = find_with(source, FOLDERS, IMAGES_REMEDY)
    images, masks = (by_stem(folder / name) for name in FOLDERS)
    if not images or not masks:
        raise missing(folder, [f"{FOLDERS[1] if images else FOLDERS[0]}/*.tif"], IMAGES_REMEDY)
    warnings = (
        []
        if len(images) == N_PUBLISHED
        else [f"{len(images):,} images; {N_PUBLISHED:,} were published"]
    )
    listed = read_if_there(source, images, TEXT_REMEDY)
    if not listed:
        return write_set(
            source,
            target,
            _in_order(images, masks, warnings),
            {},
            [*warnings, no_annotations(TEXT_REMEDY, IN_ORDER)],
            progress,
        )
    present, absent = paired([record.stem for record in listed], images, masks)
    cases = [
        Case(
            r.stem,
            images[r.stem],
            masks[r.stem],
            r.split,
            r.prompts,
            ORACLE | _sequence(r.stem, "sequence"),
        )
        for r in listed
        if r.stem in present
    ]
    return write_set(source, target, cases, {}, [*warnings, *absent, LEAKS], progress)


def _in_order(images: dict[str, Path], masks: dict[str, Path], warnings: list[str]) -> list[Case]:
    present, absent = paired(sorted(images, key=_number), masks)
    warnings += absent
    stems = sorted(present, key=_number)
    columns = {stem: _sequence(stem, "group") for stem in stems}
    return [
        Case(stem, images[stem], masks[stem], split, columns=columns[stem])
        for stem, split in _splits(columns).items()
    ]


def _splits(columns: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Of each frame, by where the middle of its sequence lies among all; a frame of no known sequence is one of its own."""
    sequences: dict[str, list[int]] = {}
    for place, (stem, column) in enumerate(columns.items()):
        sequences.setdefault(column.get("group", stem), []).append(place)
    middles = {
        name: (places[0] + places[-1] + 1) / 2 / len(columns) for name, places in sequences.items()
    }
    splits = {
        name: "train" if middle < 0.8 else "val" if middle < 0.9 else "test"
        for name, middle in middles.items()
    }
    return {stem: splits[column.get("group", stem)] for stem, column in columns.items()}


def _sequence(stem: str, column: str) -> dict[str, str]:
    """The column of a frame's sequence; none for a name that the publishers do not use."""
    number = int(stem) if stem.isdecimal() and len(stem) < 6 else 0
    return (
        {column: f"sequence {bisect_left(LAST_FRAMES, number) + 1}"}
        if 1 <= number <= N_PUBLISHED
        else {}
    )


def _number(stem: str) -> tuple[int, str]:
    """Frames are called 1 … 612."""
    return (int(stem), stem) if stem.isdigit() else (10**9, stem)
