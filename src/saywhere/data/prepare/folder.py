"""Any folder of images and masks of equal stems: what a user has at hand."""

from __future__ import annotations

from pathlib import Path

from saywhere.data.facts import Progress
from saywhere.data.prepare.layout import NO_TEXT, Case, Prepared, by_stem, drawn_split, find_with, missing, paired, write_set

SPLITS = ("train", "val", "test")
PARTS = ["images", "masks"]
REMEDY = "put images into images/ and their masks, of equal names, into masks/, or both into train/, val/ and test/"


def prepare_folder(source: Path, target: Path, progress: Progress | None = None) -> Prepared:
    """{train,val,test}/{images,masks}/* where there is a train folder, else {images,masks}/* split by name, 80 : 10 : 10; no text.

    Raises: MissingFile, ManifestError, UsageError, NotWritable.
    """
    is_split = (source / SPLITS[0]).is_dir()
    cases: list[Case] = []
    warnings: list[str] = []
    for split in SPLITS if is_split else ("",):
        if is_split and not (source / split).is_dir():
            warnings.append(f"there is no folder {split}")
            continue
        folder = find_with(source / split, PARTS, REMEDY)
        images, masks = (by_stem(folder / name) for name in PARTS)
        if not images or not masks:
            raise missing(folder, [f"{PARTS[1] if images else PARTS[0]}/*"], REMEDY)
        present, absent = paired(sorted(images), masks)
        warnings += absent
        cases += [Case(stem, images[stem], masks[stem], split or drawn_split(stem)) for stem in sorted(present)]
    return write_set(source, target, cases, {}, [*warnings, NO_TEXT], progress)
