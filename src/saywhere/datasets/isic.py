"""ISIC 2016 task 1 with MedVLSM's prompts and split, or ISIC 2017 task 1 as published, without text (skin lesions, dermoscopy)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from saywhere.data.file_checks import Progress
from saywhere.datasets.layout import (
    ORACLE,
    Case,
    Prepared,
    by_stem,
    count_warnings,
    drawn_split,
    find_with,
    folders,
    missing,
    no_annotations,
    paired,
    write_set,
)
from saywhere.datasets.medvlsm import read_if_there
from saywhere.errors import UsageError

PUBLISHED_2016 = {
    "train": 810,
    "val": 90,
    "test": 379,
}  # MedVLSM's 90 : 10 of the 900 training images
PUBLISHED_2017 = {"train": 2000, "val": 150, "test": 600}
PARTS_2016 = {"Training": ("train", "val"), "Test": ("test",)}
PARTS_2017 = {"Training": "train", "Validation": "val", "Test_v2": "test"}
FIRST_2016, FIRST_2017 = "ISBI2016_ISIC_Part1_Training_Data", "ISIC-2017_Training_Data"
TEXT_REMEDY = "put train.json, val.json and test.json of data/isic/anns (github.com/naamiinepal/medvlsm) into the folder that --from names"
ARCHIVES = "unpack the challenge's archives of task 1 (data and ground truth) into the folder that --from names, keeping their folders' names"


def prepare_isic(source: Path, target: Path, progress: Progress | None = None) -> Prepared:
    """Whichever year lies below `source`. An image's id is its group, since 2016's published split has images in train and test.

    Raises: MissingFile, ManifestError, UsageError, NotWritable.
    """
    present = {
        name
        for folder in folders(source)
        for name in (FIRST_2016, FIRST_2017)
        if (folder / name).is_dir()
    }
    if len(present) > 1:
        raise UsageError(
            "both ISIC 2016 and ISIC 2017",
            where=source,
            allowed="one set at a time",
            remedy="name the folder of one year with --from",
        )
    if not present:
        raise missing(source, [FIRST_2016, FIRST_2017], ARCHIVES)
    return (_prepare_2016 if FIRST_2016 in present else _prepare_2017)(source, target, progress)


def _prepare_2016(source: Path, target: Path, progress: Progress | None) -> Prepared:
    images: dict[tuple[str, str], Path] = {}
    masks: dict[tuple[str, str], Path] = {}
    for part, splits in PARTS_2016.items():
        part_images, part_masks = _part(
            source, f"ISBI2016_ISIC_Part1_{part}_Data", f"ISBI2016_ISIC_Part1_{part}_GroundTruth"
        )
        images |= {(split, stem): path for split in splits for stem, path in part_images.items()}
        masks |= {(split, stem): path for split in splits for stem, path in part_masks.items()}
    listed = read_if_there(source, {stem: path for (_, stem), path in images.items()}, TEXT_REMEDY)
    if not listed:
        return _2016_without_text(source, target, images, masks, progress)
    present, warnings = paired([(record.split, record.stem) for record in listed], images, masks)
    there = [record for record in listed if (record.split, record.stem) in present]
    cases = [
        Case(
            r.stem,
            images[r.split, r.stem],
            masks[r.split, r.stem],
            r.split,
            r.prompts,
            {"group": r.stem, **ORACLE},
        )
        for r in there
    ]
    return write_set(source, target, cases, PUBLISHED_2016, warnings, progress)


def _2016_without_text(
    source: Path,
    target: Path,
    images: dict[tuple[str, str], Path],
    masks: dict[tuple[str, str], Path],
    progress: Progress | None,
) -> Prepared:
    """The published test split; of the training images, a tenth by name is val."""
    wanted = sorted(
        key
        for key in images
        if key[0]
        == ("test" if key[0] == "test" else "val" if drawn_split(key[1]) == "val" else "train")
    )
    present, warnings = paired(wanted, images, masks)
    cases = [
        Case(stem, images[split, stem], masks[split, stem], split, columns={"group": stem})
        for split, stem in wanted
        if (split, stem) in present
    ]
    parts = Counter("Test" if case.split == "test" else "Training" for case in cases)
    warnings += count_warnings(parts, {"Training": 900, "Test": 379}, "part")
    drawn = "a tenth of the training images, drawn by name, is val"
    return write_set(
        source, target, cases, {}, [*warnings, no_annotations(TEXT_REMEDY, drawn)], progress
    )


def _prepare_2017(source: Path, target: Path, progress: Progress | None) -> Prepared:
    cases: list[Case] = []
    warnings = ["ISIC 2017 has no text: `saywhere describe` can write prompts from the masks"]
    for part, split in PARTS_2017.items():
        images, masks = _part(
            source, f"ISIC-2017_{part}_Data", f"ISIC-2017_{part}_Part1_GroundTruth"
        )
        images = {stem: path for stem, path in images.items() if not stem.endswith("_superpixels")}
        present, absent = paired(sorted(images), masks)
        warnings += absent
        cases += [
            Case(stem, images[stem], masks[stem], split, columns={"group": stem})
            for stem in sorted(present)
        ]
    return write_set(source, target, cases, PUBLISHED_2017, warnings, progress)


def _part(source: Path, images: str, masks: str) -> tuple[dict[str, Path], dict[str, Path]]:
    """One archive pair's files by image stem (the two folders may lie apart). Raises MissingFile."""
    image_folder, mask_folder = (
        find_with(source, [name], ARCHIVES) / name for name in (images, masks)
    )
    found = by_stem(image_folder), by_stem(mask_folder, "_segmentation")
    if not all(found):
        raise missing(
            image_folder if not found[0] else mask_folder,
            ["*.jpg" if not found[0] else "*_segmentation.png"],
            ARCHIVES,
        )
    return found
