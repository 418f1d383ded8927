"""Any folder of images and masks of equal stems: what a user has at hand."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from saywhere.data.file_checks import Progress
from saywhere.data.folds import COLUMN, role
from saywhere.datasets.folder_files import PARTS, FolderFiles, files_of, place_of
from saywhere.datasets.folder_texts import Text, read_folder_texts
from saywhere.datasets.label_rows import Labels, rows_per_label
from saywhere.datasets.layout import NO_TEXT, SetAside, first_of, has_all, paired
from saywhere.datasets.patients import group_of, grouped_by_patient
from saywhere.datasets.set_writer import Case, Prepared, write_set
from saywhere.datasets.splits import drawn_split, group_folds, group_splits
from saywhere.datasets.volumes import one_case_a_slice
from saywhere.errors import UsageError, counted
from saywhere.io.skipped import OTHER_SPLIT, Skipped, in_sentences

SPLITS = ("train", "val", "test")
_WITHOUT = {
    "train": "there is nothing to train on",
    "val": "a training would choose its best epoch on its own training images",
    "test": "`saywhere evaluate` has nothing to measure",
}


@dataclass(frozen=True)
class _Read:
    """What was found, before anything is written."""

    cases: list[Case]
    warnings: list[str]
    skipped: list[Skipped]


def prepare_folder(
    source: Path,
    target: Path,
    progress: Progress | None = None,
    *,
    seed: int = 0,
    labels: Labels | None = None,
    folds: int = 0,
) -> Prepared:
    """Prepare a folder of images and masks of equal names.

    Images may be DICOM or NIfTI, with masks of either or PNG: what is written of them is PNG. Of a
    volume each slice that its mask marks is a row. A DICOM SEG finds its images itself, whatever
    they are called: loose, in folders below images/, or in zip archives there; `source` may also be
    one folder or archive that holds both.

    {train,val,test}/{images,masks}/* where there is a train folder, else {images,masks}/*. An
    annotations.jsonl or a CSV beside them has the text. The table's split is taken, and its further
    columns are kept; images that it does not list are left out. Without a table there is no text.
    Without a split, 80 : 10 : 10 is drawn: whole groups where the table has a column `group` or
    `patient`, or DICOM headers say which images are of one patient (`p1`, `p2` …); else images.

    A mask of several labels is refused, unless `labels` says what its values mean: then each label
    that it holds is a row of its own.

    Args:
        source: the folder of images and masks, or an archive of DICOM images and their SEG.
        target: the folder to write to.
        progress: called with (done, total) after each case.
        seed: of a split or of folds that are drawn.
        labels: a label's name → the values that stand for it; None where masks have two values.
        folds: write a column `fold` of so many folds of whole groups; 0: none.

    Returns:
        What was written, with warnings.

    Raises:
        MissingFile: a folder is not there or empty.
        ManifestError: the table is broken, or no case is whole.
        UsageError: there are several tables, target is source, or there are too few groups for the
            folds, or a split beside them.
        LabelMap: a mask holds several values, and there are no labels.
        NotWritable: the target cannot be written.
    """
    is_split = (source / SPLITS[0]).is_dir()
    if is_split and folds:
        raise _own_split(source)
    read = _of_splits(source) if is_split else _of_one_folder(source, seed, folds)
    cases, of_volumes = one_case_a_slice(read.cases)
    warnings = [*read.warnings, *of_volumes]
    if labels:
        cases, of_labels = rows_per_label(cases, labels)
        warnings += of_labels
    if not any(case.prompts for case in cases):
        warnings.append(NO_TEXT)
    if not is_split:
        warnings += _empty_splits(cases)
    warnings = [*in_sentences(read.skipped), *warnings]
    prepared = write_set(source, target, cases, {}, warnings, progress, refuses_label_maps=True)
    return replace(prepared, skipped=read.skipped)


def _empty_splits(cases: list[Case]) -> list[str]:
    """What each split without a row will cost, before somebody trains for an hour."""
    present = {case.split for case in cases}
    lacking = [split for split in SPLITS if split not in present]
    return [
        f"of {counted(len(cases), 'row')} none is in split {split}: {_WITHOUT[split]}; "
        "a table beside the images may name the splits (column split)"
        for split in lacking
    ]


def _other_splits(source: Path) -> list[Skipped]:
    """Folders that are laid out as a split, but called otherwise: valid/, testing/ …"""
    others = [child for child in sorted(source.iterdir()) if child.name not in SPLITS]
    return [Skipped(child, OTHER_SPLIT) for child in others if has_all(child, PARTS)]


def _of_splits(source: Path) -> _Read:
    cases: list[Case] = []
    warnings: list[str] = []
    skipped: list[Skipped] = []
    texts = read_folder_texts(source, by_split=True)
    for split in SPLITS:
        if not (source / split).is_dir():
            warnings.append(f"there is no folder {split}")
            continue
        files = files_of(place_of(source / split))
        of_split, absent = _cases(files, split, texts)
        cases += of_split
        warnings += absent
        skipped += files.skipped
    # Of all splits together, so that `check` finds a patient who stands in two.
    cases, of_patients = grouped_by_patient(cases)
    warnings += [*of_patients, *_nowhere(texts, cases)]
    return _Read(cases, warnings, [*skipped, *_other_splits(source)])


def _of_one_folder(source: Path, seed: int, n_folds: int) -> _Read:
    folder = place_of(source)
    files = files_of(folder)
    texts = read_folder_texts(folder, by_split=False) if folder.is_dir() else {}
    cases, warnings = _cases(files, "", texts)
    cases, of_patients = grouped_by_patient(cases)
    warnings += of_patients
    # The table's own split stands.
    if any(text.split for text in texts.values()):
        if n_folds:
            raise _own_split(folder)
        return _Read(cases, warnings, files.skipped)
    cases, of_split = _drawn(cases, seed, n_folds)
    return _Read(cases, [*warnings, *of_split], files.skipped)


def _drawn(cases: list[Case], seed: int, n_folds: int) -> tuple[list[Case], list[str]]:
    """Draw splits, or folds."""
    has_groups = any(map(group_of, cases))
    # An image without a group is one of its own.
    sizes = Counter(group_of(case) or case.stem for case in cases)
    if n_folds:
        drawn = _folds_drawn("group" if has_groups else "image", n_folds, seed)
        return _in_folds(cases, sizes, n_folds, seed), [drawn]
    splits = group_splits(sizes, seed)
    warnings = []
    if has_groups:
        drawn = f"the split was drawn by group, 80 : 10 : 10, seed {seed}"
        warnings.append(f"{drawn}: {_counted(splits)} groups")
    # By group and not by image: images of one patient in two splits would flatter the test.
    return [replace(case, split=splits[group_of(case) or case.stem]) for case in cases], warnings


def _in_folds(cases: list[Case], sizes: Counter[str], n_folds: int, seed: int) -> list[Case]:
    if len(sizes) < n_folds:
        raise UsageError(
            f"--folds {n_folds} of {counted(len(sizes), 'group')}",
            allowed="a fold holds whole groups, one at least",
            remedy="ask for fewer folds",
        )
    folds = group_folds(sizes, n_folds, seed)
    numbered = [(case, folds[group_of(case) or case.stem]) for case in cases]
    # The splits are those of `data.fold = 1`, for whoever names no fold.
    return [
        replace(case, split=role(fold, 1, n_folds), columns={**case.columns, COLUMN: fold})
        for case, fold in numbered
    ]


def _folds_drawn(what: str, n_folds: int, seed: int) -> str:
    return (
        f"{n_folds} folds were drawn by {what}, seed {seed}: fold 1 is split test, fold 2 val; "
        "data.fold chooses another"
    )


def _own_split(where: Path) -> UsageError:
    return UsageError(
        "--folds of a set that has a split of its own",
        where=where,
        allowed="folds are drawn where nothing says what is tested",
        remedy="leave --folds out, or the split",
    )


def _counted(splits: dict[str, str]) -> str:
    counts = Counter(splits.values())
    return ", ".join(f"{split} {counts[split]:,}" for split in SPLITS)


def _nowhere(texts: dict[tuple[str, str], Text], cases: list[Case]) -> list[str]:
    """A table without splits, beside folders that have them: what it lists and no folder has."""
    present = {case.stem for case in cases}
    lacking = [stem for split, stem in texts if not split and stem not in present]
    if not lacking:
        return []
    return [
        SetAside(
            f"{len(lacking):,} of {len(texts):,} listed cases are in no folder {first_of(lacking)}"
        )
    ]


def _cases(
    files: FolderFiles, split: str, texts: dict[tuple[str, str], Text]
) -> tuple[list[Case], list[str]]:
    """Of one folder; `split` "" where the folders do not tell."""
    images, masks = files.images, files.masks
    text_of = {stem: text for (of_split, stem), text in texts.items() if of_split in ("", split)}
    # A table without splits lists the cases of all folders: no single one need have them all.
    listed = {stem for of_split, stem in texts if of_split == split}
    present, warnings = paired(sorted({*images, *listed}), images, masks)
    alone = sorted(masks.keys() - images.keys() - listed)
    if alone:
        subject = counted(
            len(alone),
            "mask has no image and is left out",
            "masks have no image and are left out",
        )
        warnings.append(SetAside(f"{subject} {first_of(alone)}"))
    unlisted = sorted(present - text_of.keys()) if texts else []
    if unlisted:
        subject = counted(
            len(unlisted),
            "image is not listed in the table and is left out",
            "images are not listed in the table and are left out",
        )
        warnings.append(f"{subject} {first_of(unlisted)}")
    cases = []
    for stem in sorted(present - set(unlisted)):
        text = text_of.get(stem, Text("", {}, {}))
        # The folders count first, then the table; only where neither speaks it is drawn.
        of_case = split or text.split or drawn_split(stem)
        image, mask = images[stem], masks[stem]
        case = Case(stem, image.path, mask.path, of_case, text.prompts, text.columns)
        case = replace(case, member=image.member, mask_member=mask.member)
        cases.append(replace(case, series=files.series.get(stem, "")))
    return cases, [*files.warnings, *warnings]
