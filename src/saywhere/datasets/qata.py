"""QaTa-COV19-v2 (lung infection, chest X-ray; Degerli et al. 2022).

With LViT's sentences and split (Li et al. 2023).
"""

from __future__ import annotations

from pathlib import Path

from saywhere.data.file_checks import Progress
from saywhere.datasets.layout import SetAside, by_stem, find_with, first_of, missing, paired
from saywhere.datasets.set_writer import ORACLE, Case, Prepared, write_set
from saywhere.datasets.workbooks import MASK, columns, image_stem, sentences
from saywhere.errors import counted

# LViT's split: it parts the publishers' training set into train and val.
PUBLISHED = {"train": 5716, "val": 1429, "test": 2113}
TEXTS = {"train": "Train_text_for_Covid19.xlsx", "test": "Test_text_for_Covid19.xlsx"}
LISTS = {"train": "Train_ID.xlsx", "val": "Val_ID.xlsx"}
FOLDERS = ["Train Set", "Test Set"]
IMAGES_REMEDY = (
    "unpack QaTa-COV19 so that QaTa-COV19-v2/Train Set/Images, …/Ground-truths and the same of "
    "Test Set lie in the folder that --from names"
)
TEXT_REMEDY = (
    "put LViT's four workbooks (github.com/HUANGLIZI/LViT) together into the folder that "
    "--from names"
)


def prepare_qata(source: Path, target: Path, progress: Progress | None = None) -> Prepared:
    """Prepare QaTa-COV19-v2/{Train Set,Test Set}/{Images,Ground-truths}/*.png and four workbooks.

    "Left lung" in the sentences is the left of the image.

    Args:
        source: the folder that the download was unpacked into, with the workbooks anywhere below.
        target: the folder to write to.
        progress: called with (done, total) after each case.

    Returns:
        What was written, with warnings.

    Raises:
        MissingExtra: openpyxl is not installed.
        MissingFile: a folder or a workbook is not there.
        ManifestError: a workbook lacks a column, or no case is whole.
        UnreadableFile: a workbook cannot be read.
        UsageError: target is source.
        NotWritable: the target cannot be written.
    """
    folder = find_with(source, FOLDERS, IMAGES_REMEDY)
    images = _files(folder, "Images")
    labels = _files(folder, "Ground-truths")
    # A mask is called mask_NAME.
    masks = {stem.removeprefix(MASK): path for stem, path in labels.items()}
    books = find_with(source, [*TEXTS.values(), *LISTS.values()], TEXT_REMEDY)
    listed, texts = _listed(books)
    present, warnings = paired([stem for stem, _ in listed if stem in texts], images, masks)
    silent = [stem for stem, _ in listed if stem not in texts]
    if silent:
        warnings.append(
            SetAside(
                counted(
                    len(silent),
                    "listed case has no sentence and is left out",
                    "listed cases have no sentence and are left out",
                )
                + f" {first_of(silent)}"
            )
        )
    cases = [
        Case(stem, images[stem], masks[stem], split, {"text": texts[stem]}, ORACLE)
        for stem, split in listed
        if stem in present
    ]
    return write_set(source, target, cases, PUBLISHED, warnings, progress)


def _listed(books: Path) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """(stem, split) of every case, and stem → sentence."""
    texts = {split: sentences(books / name) for split, name in TEXTS.items()}
    stems = {split: _stems(books / name) for split, name in LISTS.items()}
    # The test set has no list of its own: its sentences name its images.
    stems["test"] = list(texts["test"])
    listed = [(stem, split) for split in PUBLISHED for stem in stems[split]]
    # The workbook of train holds the sentences of val as well.
    return listed, texts["train"] | texts["test"]


def _stems(book: Path) -> list[str]:
    return [image_stem(name, book) for (name,) in columns(book, ["Image"])]


def _files(folder: Path, kind: str) -> dict[str, Path]:
    """The image files of one kind of both sets, by stem."""
    files: dict[str, Path] = {}
    for part in FOLDERS:
        if not (folder / part / kind).is_dir():
            raise missing(folder / part, [kind], IMAGES_REMEDY)
        files |= by_stem(folder / part / kind)
    return files
