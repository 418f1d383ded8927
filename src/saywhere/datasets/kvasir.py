"""Kvasir-SEG (polyps, endoscopy; Jha et al., MMM 2020) with MedVLSM's prompts and split."""

from __future__ import annotations

from pathlib import Path

from saywhere.data.file_checks import Progress
from saywhere.datasets.layout import BY_NAME, by_stem, find_with, missing, no_annotations, paired
from saywhere.datasets.medvlsm import read_if_there
from saywhere.datasets.set_writer import ORACLE, Case, Prepared, total_warnings, write_set
from saywhere.datasets.splits import drawn_split

# Rows per split, as MedVLSM's lists have them.
PUBLISHED = {"train": 800, "val": 100, "test": 100}
IMAGES_REMEDY = (
    "unpack Kvasir-SEG.zip (Kvasir-SEG/images and Kvasir-SEG/masks) "
    "into the folder that --from names"
)
TEXT_REMEDY = (
    "put train.json, val.json and test.json of data/kvasir_polyp/anns "
    "(github.com/naamiinepal/medvlsm) into the folder that --from names"
)


def prepare_kvasir(source: Path, target: Path, progress: Progress | None = None) -> Prepared:
    """Prepare Kvasir-SEG/{images,masks}/*.jpg.

    Without annotations the images are split by name, 80 : 10 : 10, and have no text. The masks are
    JPEG: cut at "> 0" their area would be 3.4 % larger than at 128.

    Args:
        source: the folder that the download was unpacked into, with MedVLSM's
            anns/{train,val,test}.json if present, anywhere below it.
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
    folder = find_with(source, ["images", "masks"], IMAGES_REMEDY)
    images = by_stem(folder / "images")
    masks = by_stem(folder / "masks")
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
    warnings += total_warnings(len(cases), sum(PUBLISHED.values()))
    warnings.append(no_annotations(TEXT_REMEDY, BY_NAME))
    return write_set(source, target, cases, {}, warnings, progress)
