"""QaTa-COV19-v2 (lung infection, chest X-ray; Degerli et al. 2022) with LViT's sentences and split (Li et al. 2023)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from saywhere.data.facts import Progress
from saywhere.data.prepare.layout import Case, Prepared, by_stem, find_with, missing, paired, stem_of, write_set
from saywhere.errors import ManifestError, MissingExtra, SaywhereError, UnreadableFile
from saywhere.io.decode import read_bytes

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

PUBLISHED = {"train": 5716, "val": 1429, "test": 2113}
TEXTS = {"train": "Train_text_for_Covid19.xlsx", "test": "Test_text_for_Covid19.xlsx"}
LISTS = {"train": "Train_ID.xlsx", "val": "Val_ID.xlsx"}
FOLDERS = ["Train Set", "Test Set"]
MASK = "mask_"
IMAGES_REMEDY = "unpack QaTa-COV19 so that QaTa-COV19-v2/Train Set/Images, …/Ground-truths and the same of Test Set lie in the folder that --from names"
TEXT_REMEDY = "put LViT's four workbooks (github.com/HUANGLIZI/LViT) together into the folder that --from names"


def prepare_qata(source: Path, target: Path, progress: Progress | None = None) -> Prepared:
    """QaTa-COV19-v2/{Train Set,Test Set}/{Images,Ground-truths}/*.png and four workbooks, anywhere below `source`.

    "Left lung" in the sentences is the left of the image. Raises: MissingExtra, MissingFile, ManifestError, UnreadableFile, UsageError, NotWritable.
    """
    folder = find_with(source, FOLDERS, IMAGES_REMEDY)
    images, masks = _files(folder, "Images"), {stem.removeprefix(MASK): path for stem, path in _files(folder, "Ground-truths").items()}
    books = find_with(source, [*TEXTS.values(), *LISTS.values()], TEXT_REMEDY)
    listed, sentences = _listed(books)
    silent = [stem for stem, _ in listed if stem not in sentences]
    present, warnings = paired([stem for stem, _ in listed if stem in sentences], images, masks)
    if silent:
        warnings.append(f"{len(silent):,} listed cases have no sentence and are left out (the first: {', '.join(silent[:3])})")
    cases = [Case(stem, images[stem], masks[stem], split, {"text": sentences[stem]}) for stem, split in listed if stem in present]
    return write_set(source, target, cases, PUBLISHED, warnings, progress)


def _listed(books: Path) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """(stem, split) of every case, and stem → sentence."""
    texts = {split: _sentences(books / name) for split, name in TEXTS.items()}
    stems = {split: [_stem(cells[0], books / name) for cells in _columns(books / name, ["Image"])] for split, name in LISTS.items()}
    stems["test"] = list(texts["test"])
    return [(stem, split) for split in PUBLISHED for stem in stems[split]], texts["train"] | texts["test"]


def _files(folder: Path, name: str) -> dict[str, Path]:
    """The image files of one kind of both sets, by stem. Raises MissingFile."""
    for part in FOLDERS:
        if not (folder / part / name).is_dir():
            raise missing(folder / part, [name], IMAGES_REMEDY)
    return {stem: path for part in FOLDERS for stem, path in by_stem(folder / part / name).items()}


def _sentences(path: Path) -> dict[str, str]:
    return {_stem(image, path): str(sentence).strip() for image, sentence in _columns(path, ["Image", "Description"]) if sentence is not None}


def _stem(name: object, path: Path) -> str:
    """The training lists name the mask (mask_NAME.png), the test list the image."""
    return stem_of(name, path).removeprefix(MASK)


def _columns(path: Path, names: list[str]) -> list[tuple[object, ...]]:
    """The named columns of a workbook's first sheet; rows without a first cell are left out. Raises ManifestError, UnreadableFile, MissingExtra."""
    try:
        rows = list(_open(path).worksheets[0].iter_rows(values_only=True))
    except SaywhereError:
        raise
    except Exception as error:  # openpyxl raises whatever zip, XML and its own parsers do
        raise UnreadableFile(f"no workbook that can be read ({type(error).__name__})", where=path, remedy="take the published file") from None
    header = [str(cell).strip() for cell in rows[0]] if rows else []
    absent = [name for name in names if name not in header]
    if absent:
        raise ManifestError(f"no column {absent[0]}", where=path, allowed=f"found {', '.join(header) or 'none'}", remedy="take the published file")
    at = [header.index(name) for name in names]
    return [tuple(row[i] for i in at) for row in rows[1:] if row[at[0]] is not None]


def _open(path: Path) -> Workbook:
    try:
        import openpyxl
    except ImportError:
        raise MissingExtra("reading Excel workbooks needs openpyxl", remedy="pip install 'saywhere[prepare]'") from None
    from io import BytesIO

    return openpyxl.load_workbook(BytesIO(read_bytes(path)), read_only=True, data_only=True)
