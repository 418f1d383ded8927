"""Kvasir-SEG (polyps, endoscopy; Jha et al., MMM 2020) with MedVLSM's prompts and split."""

from __future__ import annotations

from pathlib import Path

from saywhere.data.facts import Progress
from saywhere.data.prepare.layout import ORACLE, Case, Prepared, by_stem, find_with, missing, paired, write_set
from saywhere.data.prepare.medvlsm import read_annotations

PUBLISHED = {"train": 800, "val": 100, "test": 100}
IMAGES_REMEDY = "unpack Kvasir-SEG.zip (Kvasir-SEG/images and Kvasir-SEG/masks) into the folder that --from names"
TEXT_REMEDY = "put train.json, val.json and test.json of data/kvasir_polyp/anns (github.com/naamiinepal/medvlsm) into the folder that --from names"


def prepare_kvasir(source: Path, target: Path, progress: Progress | None = None) -> Prepared:
    """Kvasir-SEG/{images,masks}/*.jpg and anns/{train,val,test}.json, anywhere below `source`.

    The masks are JPEG: at "> 0" their area would be 3.4 % larger than at 128. Raises: MissingFile, ManifestError, UsageError, NotWritable.
    """
    folder = find_with(source, ["images", "masks"], IMAGES_REMEDY)
    images, masks = by_stem(folder / "images"), by_stem(folder / "masks")
    if not images or not masks:
        raise missing(folder, [f"{'masks' if images else 'images'}/*.jpg"], IMAGES_REMEDY)
    listed = read_annotations(source, images, TEXT_REMEDY)
    present, warnings = paired([record.stem for record in listed], images, masks)
    cases = [Case(r.stem, images[r.stem], masks[r.stem], r.split, r.prompts, ORACLE) for r in listed if r.stem in present]
    return write_set(source, target, cases, PUBLISHED, warnings, progress)
