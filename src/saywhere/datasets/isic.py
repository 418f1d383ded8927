"""Skin lesions in dermoscopy: task 1 of ISIC 2016 or of ISIC 2017.

2016 comes with MedVLSM's prompts and split, 2017 as published, without text.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from saywhere.data.file_checks import Progress
from saywhere.datasets.layout import by_stem, find_with, folders, missing, no_annotations, paired
from saywhere.datasets.medvlsm import read_if_there
from saywhere.datasets.set_writer import ORACLE, Case, Prepared, count_warnings, write_set
from saywhere.datasets.splits import drawn_split
from saywhere.errors import UsageError

# MedVLSM's 90 : 10 of the 900 training images.
PUBLISHED_2016 = {"train": 810, "val": 90, "test": 379}
PUBLISHED_2017 = {"train": 2000, "val": 150, "test": 600}
# MedVLSM parts the training archive; which image goes where stands in its lists.
PARTS_2016 = {"Training": ("train", "val"), "Test": ("test",)}
PARTS_2017 = {"Training": "train", "Validation": "val", "Test_v2": "test"}
FIRST_2016 = "ISBI2016_ISIC_Part1_Training_Data"
FIRST_2017 = "ISIC-2017_Training_Data"
TEXT_REMEDY = (
    "put train.json, val.json and test.json of data/isic/anns (github.com/naamiinepal/medvlsm) "
    "into the folder that --from names"
)
ARCHIVES = (
    "unpack the challenge's archives of task 1 (data and ground truth) into the folder that "
    "--from names, keeping their folders' names"
)
NO_TEXT_2017 = "ISIC 2017 has no text: `saywhere describe` can write prompts from the masks"
DRAWN = "a tenth of the training images, drawn by name, is val"
Files = dict[tuple[str, str], Path]
"""(split, stem) → path."""


def prepare_isic(source: Path, target: Path, progress: Progress | None = None) -> Prepared:
    """Prepare whichever year lies below the source.

    An image's id is its group, since the published split of 2016 has images in train and test.

    Args:
        source: the folder that the archives were unpacked into, with MedVLSM's anns/*.json if
            present.
        target: the folder to write to.
        progress: called with (done, total) after each case.

    Returns:
        What was written, with warnings.

    Raises:
        MissingFile: a folder is not there.
        ManifestError: an annotation file is broken, or no case is whole.
        UsageError: both years lie there, or target is source.
        NotWritable: the target cannot be written.
    """
    # The year is told by its folders, since both are unpacked from archives of fixed names.
    present: set[str] = set()
    for folder in folders(source):
        present |= {name for name in (FIRST_2016, FIRST_2017) if (folder / name).is_dir()}
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
    images: Files = {}
    masks: Files = {}
    for part, splits in PARTS_2016.items():
        name = f"ISBI2016_ISIC_Part1_{part}"
        part_images, part_masks = _part(source, f"{name}_Data", f"{name}_GroundTruth")
        for split in splits:
            images |= {(split, stem): path for stem, path in part_images.items()}
            masks |= {(split, stem): path for stem, path in part_masks.items()}
    listed = read_if_there(source, {stem: path for (_, stem), path in images.items()}, TEXT_REMEDY)
    if not listed:
        return _2016_without_text(source, target, images, masks, progress)
    present, warnings = paired([(record.split, record.stem) for record in listed], images, masks)
    cases = []
    for record in listed:
        key = (record.split, record.stem)
        if key in present:
            columns = {"group": record.stem, **ORACLE}
            cases.append(
                Case(record.stem, images[key], masks[key], record.split, record.prompts, columns)
            )
    return write_set(source, target, cases, PUBLISHED_2016, warnings, progress)


def _2016_without_text(
    source: Path, target: Path, images: Files, masks: Files, progress: Progress | None
) -> Prepared:
    """The published test split; of the training images, a tenth by name is val."""
    wanted = sorted(key for key in images if key[0] == _split_2016(*key))
    present, warnings = paired(wanted, images, masks)
    cases = [
        Case(stem, images[split, stem], masks[split, stem], split, columns={"group": stem})
        for split, stem in wanted
        if (split, stem) in present
    ]
    parts = Counter("Test" if case.split == "test" else "Training" for case in cases)
    warnings += count_warnings(parts, {"Training": 900, "Test": 379}, "part")
    warnings.append(no_annotations(TEXT_REMEDY, DRAWN))
    return write_set(source, target, cases, {}, warnings, progress)


def _split_2016(split: str, stem: str) -> str:
    """The split that an image is to be in; the archive's training images stand in two here."""
    if split == "test":
        return "test"
    return "val" if drawn_split(stem) == "val" else "train"


def _prepare_2017(source: Path, target: Path, progress: Progress | None) -> Prepared:
    cases: list[Case] = []
    warnings = [NO_TEXT_2017]
    for part, split in PARTS_2017.items():
        images, masks = _part(
            source, f"ISIC-2017_{part}_Data", f"ISIC-2017_{part}_Part1_GroundTruth"
        )
        # The archives of 2017 hold a picture of superpixels beside each image.
        images = {stem: path for stem, path in images.items() if not stem.endswith("_superpixels")}
        present, absent = paired(sorted(images), masks)
        warnings += absent
        cases += [
            Case(stem, images[stem], masks[stem], split, columns={"group": stem})
            for stem in sorted(present)
        ]
    return write_set(source, target, cases, PUBLISHED_2017, warnings, progress)


def _part(source: Path, images: str, masks: str) -> tuple[dict[str, Path], dict[str, Path]]:
    """One archive pair's files by image stem; the two folders may lie apart."""
    image_folder = find_with(source, [images], ARCHIVES) / images
    mask_folder = find_with(source, [masks], ARCHIVES) / masks
    image_files = by_stem(image_folder)
    mask_files = by_stem(mask_folder, "_segmentation")
    if not image_files:
        raise missing(image_folder, ["*.jpg"], ARCHIVES)
    if not mask_files:
        raise missing(mask_folder, ["*_segmentation.png"], ARCHIVES)
    return image_files, mask_files
