"""QaTa-COV19-v2 (lung infection, chest X-ray; Degerli et al. 2022) with LViT's sentences and split (Li et al. 2023)."""

from __future__ import annotations

from pathlib import Path

from saywhere.data.file_checks import Progress
from saywhere.datasets.layout import (
    ORACLE,
    Case,
    Prepared,
    by_stem,
    find_with,
    missing,
    paired,
    write_set,
)
from saywhere.datasets.workbooks import MASK, columns, image_stem, sentences

PUBLISHED = {"train": 5716, "val": 1429, "test": 2113}
TEXTS = {"train": "Train_text_for_Covid19.xlsx", "test": "Test_text_for_Covid19.xlsx"}
LISTS = {"train": "Train_ID.xlsx", "val": "Val_ID.xlsx"}
FOLDERS = ["Train Set", "Test Set"]
IMAGES_REMEDY = "unpack QaTa-COV19 so that QaTa-COV19-v2/Train Set/Images, …/Ground-truths and the same of Test Set lie in the folder that --from names"
TEXT_REMEDY = "put LViT's four workbooks (github.com/HUANGLIZI/LViT) together into the folder that --from names"


def prepare_qata(source: Path, target: Path, progress: Progress | None = None) -> Prepared:
    """QaTa-COV19-v2/{Train Set,Test Set}/{Images,Ground-truths}/*.png and four workbooks, anywhere below `source`.

    "Left lung" in the sentences is the left of the image. Raises: MissingExtra, MissingFile, ManifestError, UnreadableFile, UsageError, NotWritable.
    """
    folder = find_with(source, FOLDERS, IMAGES_REMEDY)
    images, masks = (
        _files(folder, "Images"),
        {stem.removeprefix(MASK): path for stem, path in _files(folder, "Ground-truths").items()},
    )
    books = find_with(source, [*TEXTS.values(), *LISTS.values()], TEXT_REMEDY)
    listed, said = _listed(books)
    silent = [stem for stem, _ in listed if stem not in said]
    present, warnings = paired([stem for stem, _ in listed if stem in said], images, masks)
    if silent:
        warnings.append(
            f"{len(silent):,} listed cases have no sentence and are left out (the first: {', '.join(silent[:3])})"
        )
    cases = [
        Case(stem, images[stem], masks[stem], split, {"text": said[stem]}, ORACLE)
        for stem, split in listed
        if stem in present
    ]
    return write_set(source, target, cases, PUBLISHED, warnings, progress)


def _listed(books: Path) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """(stem, split) of every case, and stem → sentence."""
    texts = {split: sentences(books / name) for split, name in TEXTS.items()}
    stems = {
        split: [image_stem(cells[0], books / name) for cells in columns(books / name, ["Image"])]
        for split, name in LISTS.items()
    }
    stems["test"] = list(texts["test"])
    return [(stem, split) for split in PUBLISHED for stem in stems[split]], texts["train"] | texts[
        "test"
    ]


def _files(folder: Path, name: str) -> dict[str, Path]:
    """The image files of one kind of both sets, by stem. Raises MissingFile."""
    for part in FOLDERS:
        if not (folder / part / name).is_dir():
            raise missing(folder / part, [name], IMAGES_REMEDY)
    return {stem: path for part in FOLDERS for stem, path in by_stem(folder / part / name).items()}
