"""CVC-ClinicDB (polyps, endoscopy; Bernal et al. 2015): 612 frames of video sequences, with MedVLSM's prompts and split where they are there."""

from __future__ import annotations

from pathlib import Path

from saywhere.data.facts import Progress
from saywhere.data.prepare.layout import ORACLE, Case, Prepared, by_stem, find_with, missing, no_annotations, paired, write_set
from saywhere.data.prepare.medvlsm import read_if_there

N_PUBLISHED = 612
FOLDERS = ["Original", "Ground Truth"]
IMAGES_REMEDY = "unpack CVC-ClinicDB so that Original and Ground Truth lie in the folder that --from names"
TEXT_REMEDY = "put train.json, val.json and test.json of data/clinicdb_polyp/anns (github.com/naamiinepal/medvlsm) into the folder that --from names"
IN_ORDER = "the frames were split in their order, 80 : 10 : 10"
LEAKS = "frames of one video are nearly equal, and MedVLSM's split does not keep videos apart: its test split flatters"


def prepare_clinicdb(source: Path, target: Path, progress: Progress | None = None) -> Prepared:
    """{Original,Ground Truth}/*.tif (or PNG, one name) below `source`, and anns/{train,val,test}.json if present.

    Without annotations the frames are split in their order, 80 : 10 : 10, so that at most two videos stand in two splits, and have no text.
    Raises: MissingFile, ManifestError, UsageError, NotWritable.
    """
    folder = find_with(source, FOLDERS, IMAGES_REMEDY)
    images, masks = (by_stem(folder / name) for name in FOLDERS)
    if not images or not masks:
        raise missing(folder, [f"{FOLDERS[1] if images else FOLDERS[0]}/*.tif"], IMAGES_REMEDY)
    warnings = [] if len(images) == N_PUBLISHED else [f"{len(images):,} images; {N_PUBLISHED:,} were published"]
    listed = read_if_there(source, images, TEXT_REMEDY)
    if not listed:
        return write_set(source, target, _in_order(images, masks, warnings), {}, [*warnings, no_annotations(TEXT_REMEDY, IN_ORDER)], progress)
    present, absent = paired([record.stem for record in listed], images, masks)
    cases = [Case(r.stem, images[r.stem], masks[r.stem], r.split, r.prompts, ORACLE) for r in listed if r.stem in present]
    return write_set(source, target, cases, {}, [*warnings, *absent, LEAKS], progress)


def _in_order(images: dict[str, Path], masks: dict[str, Path], warnings: list[str]) -> list[Case]:
    present, absent = paired(sorted(images, key=_number), masks)
    warnings += absent
    stems = sorted(present, key=_number)
    n = len(stems)
    splits = ["train" if i < 0.8 * n else "val" if i < 0.9 * n else "test" for i in range(n)]
    return [Case(stem, images[stem], masks[stem], split) for stem, split in zip(stems, splits)]


def _number(stem: str) -> tuple[int, str]:
    """Frames are called 1 … 612."""
    return (int(stem), stem) if stem.isdigit() else (10**9, stem)
