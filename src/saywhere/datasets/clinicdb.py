"""CVC-ClinicDB (polyps, endoscopy; Bernal et al. 2015): 612 frames of video sequences.

With MedVLSM's prompts and split where they are there.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from pathlib import Path

from saywhere.data.file_checks import Progress
from saywhere.datasets.layout import by_stem, find_with, missing, no_annotations, paired
from saywhere.datasets.medvlsm import read_if_there
from saywhere.datasets.set_writer import ORACLE, Case, Prepared, total_warnings, write_set

N_PUBLISHED = 612
FOLDERS = ["Original", "Ground Truth"]
IMAGES_REMEDY = (
    "unpack CVC-ClinicDB so that Original and Ground Truth lie in the folder that --from names"
)
TEXT_REMEDY = (
    "put train.json, val.json and test.json of data/clinicdb_polyp/anns "
    "(github.com/naamiinepal/medvlsm) into the folder that --from names"
)
_LAST = (
    "25 50 67 78 103 126 151 177 199 205 227 252 277 297 317 342 363 383 408 428 447 466 478 503 "
    "528 546 571 591 612"
)
LAST_FRAMES = tuple(map(int, _LAST.split()))
"""Of the 29 sequences, in order: the frames are called 1 … 612.

Source: Dataset Ninja's page of CVC-612, after the publishers'.
"""
IN_ORDER = "the frames were split in their order, 80 : 10 : 10, whole sequences"
LEAKS = (
    "frames of one video are nearly equal, and MedVLSM's split does not keep videos apart: its "
    "test split flatters; the column `sequence` says which frames belong together"
)


def prepare_clinicdb(source: Path, target: Path, progress: Progress | None = None) -> Prepared:
    """Prepare {Original,Ground Truth}/*.tif (or PNG) of equal names.

    Without annotations the frames are split in their order, 80 : 10 : 10, no sequence in two
    splits (it is the rows' `group`), and have no text. MedVLSM's split cuts sequences: there the
    sequence is a column of its own, since as a group `saywhere check` would set its rows aside.

    Args:
        source: the folder that the download was unpacked into, with MedVLSM's
            anns/{train,val,test}.json if present.
        target: the folder to write to.
        progress: called with (done, total) after each case.

    Returns:
        What was written, with warnings.

    Raises:
        MissingFile: a folder is not there.
        ManifestError: an annotation file is broken, or no case is whole.
        UsageError: target is source.
        NotWritable: the target cannot be written.
    """
    folder = find_with(source, FOLDERS, IMAGES_REMEDY)
    images = by_stem(folder / FOLDERS[0])
    masks = by_stem(folder / FOLDERS[1])
    if not images or not masks:
        # The one that is empty is named.
        raise missing(folder, [f"{FOLDERS[1] if images else FOLDERS[0]}/*.tif"], IMAGES_REMEDY)
    warnings = total_warnings(len(images), N_PUBLISHED)
    listed = read_if_there(source, images, TEXT_REMEDY)
    if not listed:
        cases, absent = _in_order(images, masks)
        warnings += [*absent, no_annotations(TEXT_REMEDY, IN_ORDER)]
        return write_set(source, target, cases, {}, warnings, progress)
    present, absent = paired([record.stem for record in listed], images, masks)
    cases = []
    for record in listed:
        stem = record.stem
        if stem in present:
            columns = ORACLE | _sequence(stem, "sequence")
            cases.append(
                Case(stem, images[stem], masks[stem], record.split, record.prompts, columns)
            )
    return write_set(source, target, cases, {}, [*warnings, *absent, LEAKS], progress)


def _in_order(images: dict[str, Path], masks: dict[str, Path]) -> tuple[list[Case], list[str]]:
    present, absent = paired(sorted(images, key=_number), masks)
    stems = sorted(present, key=_number)
    columns = {stem: _sequence(stem, "group") for stem in stems}
    cases = [
        Case(stem, images[stem], masks[stem], split, columns=columns[stem])
        for stem, split in _splits(columns).items()
    ]
    return cases, absent


def _splits(columns: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Of each frame, by where the middle of its sequence lies among all.

    A frame of no known sequence is a sequence of its own.
    """
    sequences: dict[str, list[int]] = {}
    for place, (stem, column) in enumerate(columns.items()):
        sequences.setdefault(column.get("group", stem), []).append(place)
    splits = {name: _split_at(places, len(columns)) for name, places in sequences.items()}
    return {stem: splits[column.get("group", stem)] for stem, column in columns.items()}


def _split_at(places: list[int], n: int) -> str:
    # The middle decides, so that a sequence lies in one split as a whole.
    middle = (places[0] + places[-1] + 1) / 2 / n
    if middle < 0.8:
        return "train"
    return "val" if middle < 0.9 else "test"


def _sequence(stem: str, column: str) -> dict[str, str]:
    """The column of a frame's sequence; none for a name that the publishers do not use."""
    # Not `isdigit`: that takes "²" too, which `int` refuses.
    number = int(stem) if stem.isdecimal() and len(stem) < 6 else 0
    if not 1 <= number <= N_PUBLISHED:
        return {}
    return {column: f"sequence {bisect_left(LAST_FRAMES, number) + 1}"}


def _number(stem: str) -> tuple[int, str]:
    """For sorting: frames are called 1 … 612, and other names come after them."""
    return (int(stem), stem) if stem.isdecimal() else (10**9, stem)
