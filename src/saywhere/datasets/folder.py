"""Any folder of images and masks of equal stems: what a user has at hand."""

from __future__ import annotations

from pathlib import Path

from saywhere.data.file_checks import Progress
from saywhere.datasets.folder_texts import Text, read_folder_texts
from saywhere.datasets.layout import (
    NO_TEXT,
    Case,
    Prepared,
    by_stem,
    drawn_split,
    find_with,
    missing,
    paired,
    write_set,
)

SPLITS = ("train", "val", "test")
PARTS = ["images", "masks"]
REMEDY = "put images into images/ and their masks, of equal names, into masks/, or both into train/, val/ and test/"


def prepare_folder(source: Path, target: Path, progress: Progress | None = None) -> Prepared:
    """{train,val,test}/{images,masks}/* where there is a train folder, else {images,masks}/*; an annotations.jsonl or a CSV beside them has the text.

    The table's split is taken, and its further columns are kept; images that it does not list are left out. Without a table there is no text; without
    a split the images are split by name, 80 : 10 : 10. Raises: MissingFile, ManifestError, UsageError, NotWritable.
    """
    is_split = (source / SPLITS[0]).is_dir()
    cases: list[Case] = []
    warnings: list[str] = []
    texts = read_folder_texts(source, by_split=True) if is_split else {}
    for split in SPLITS if is_split else ("",):
        if is_split and not (source / split).is_dir():
            warnings.append(f"there is no folder {split}")
            continue
        folder = find_with(source / split, PARTS, REMEDY)
        images, masks = (by_stem(folder / name) for name in PARTS)
        if not images or not masks:
            raise missing(folder, [f"{PARTS[1] if images else PARTS[0]}/*"], REMEDY)
        if not is_split:
            texts = read_folder_texts(folder, by_split=False)
        found, told = _cases(images, masks, split, texts)
        cases += found
        warnings += told
    warnings += _nowhere(texts, cases) if is_split else []
    return write_set(
        source,
        target,
        cases,
        {},
        [*warnings, *([] if any(case.prompts for case in cases) else [NO_TEXT])],
        progress,
    )


def _nowhere(texts: dict[tuple[str, str], Text], cases: list[Case]) -> list[str]:
    """A table without splits, beside folders that have them: what it lists and no folder has."""
    found = {case.stem for case in cases}
    lacking = [stem for whose, stem in texts if not whose and stem not in found]
    return (
        [
            f"{len(lacking):,} of {len(texts):,} listed cases are in no folder (the first: {', '.join(lacking[:3])})"
        ]
        if lacking
        else []
    )


def _cases(
    images: dict[str, Path], masks: dict[str, Path], split: str, texts: dict[tuple[str, str], Text]
) -> tuple[list[Case], list[str]]:
    """Of one folder; `split` "" where the folders do not tell."""
    said = {stem: text for (whose, stem), text in texts.items() if whose in ("", split)}
    listed = {
        stem for whose, stem in texts if whose == split
    }  # of a table without splits, no folder need have all
    present, warnings = paired(sorted({*images, *listed}), images, masks)
    silent = sorted(present - said.keys()) if texts else []
    if silent:
        warnings.append(
            f"{len(silent):,} images are not listed in the table and are left out (the first: {', '.join(silent[:3])})"
        )
    cases = []
    for stem in sorted(present - set(silent)):
        text = said.get(stem, Text("", {}, {}))
        cases.append(
            Case(
                stem,
                images[stem],
                masks[stem],
                split or text.split or drawn_split(stem),
                text.prompts,
                text.columns,
            )
        )
    return cases, warnings
