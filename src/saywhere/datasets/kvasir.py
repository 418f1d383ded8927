"""Kvasir-SEG (polyps, endoscopy; Jha et al., MMM 2020) with MedVLSM's prompts and split."""

from __future__ import annotations

from pathlib import Path

from saywhere.data.file_checks import Progress
from saywhere.datasets.layout import (
    BY_NAME,
    ORACLE,
    Case,
    Prepared,
    by_stem,
    drawn_split,
    find_with,
    missing,
    no_annotations,
    paired,
    write_set,
)
from saywhere.datasets.medvlsm import read_if_there

PUBLISHED = {"train": 800, "val": 100, "test": 100}
IMAGES_REMEDY = "unpack Kvasir-SEG.zip (Kvasir-SEG/images and Kvasir-SEG/masks) into the folder that --from names"
TEXT_REMEDY = "put train.json, val.json and test.json of data/kvasir_polyp/anns (github.com/naamiinepal/medvlsm) into the folder that --from names"


def prepare_kvasir(source: Path, target: Path, progress: Progress | None = None) -> Prepared:
    """Kvasir-SEG/{images,masks}/*.jpg and, if present, anns/{train,val,test}.json, anywhere below `source`.

    Without annotations the images are split by name, 80 : 10 : 10, and have no text. The masks are JPEG: at "> 0" their area would be 3.4 % larger
    than at 128. Raises: MissingFile, ManifestError, UsageError, NotWritable.
    """
    folder = find_with(source, ["images", "masks"], IMAGES_REMEDY)
    images, masks = by_stem(folder / "images"), by_stem(folder / "masks")
    if not images or not masks:
        raise missing(folder, [f"{'masks' if images else 'images'}/*.jpg"], IMAGES_REMEDY)
    listed = read_if_there(source, images, TEXT_REMEDY)
    if not listed:
        return _without_text(source, target, images, masks, progress)
    present, warnings = paired([record.stem for record in listed], images, masks)
    cases = [
        Case(r.stem, images[r.stem], masks[r.stem], r.split, r.prompts, ORACLE)
        for r in listed
        if r.stem in present
    ]
    return write_set(source, target, cases, PUBLISHED, warnings, progress)


def _without_text(
    source: Path,
    target: Path,
    images: dict[str, Path],
    masks: dict[str, Path],
    progress: Progress | None,
) -> Prepared:
    present, warnings = paired(sorted(images), masks)
    cases = [Case(stem, images[stem], masks[stem], drawn_split(stem)) for stem in sorted(present)]
    n_published = sum(PUBLISHED.values())
    warnings += (
        []
        if len(cases) == n_published
        else [f"{len(cases):,} images; {n_published:,} were published"]
    )
    return write_set(
        source, target, cases, {}, [*warnings, no_annotations(TEXT_REMEDY, BY_NAME)], progress
    )
