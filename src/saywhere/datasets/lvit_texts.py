"""Which sentence belongs to which case of LViT's folders.

A name may stand in train, val and test, with another image each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from saywhere.datasets.layout import folders, missing
from saywhere.datasets.workbooks import columns, sentences
from saywhere.errors import ManifestError

SPLITS = ("train", "val", "test")
REMEDY = "put LViT's workbooks (columns Image and Description) into the folder that --from names"


@dataclass(frozen=True)
class _Book:
    split: str | None
    """The split that its name, or its folder's, speaks of; None where neither says."""
    path: Path
    sentences: dict[str, str]
    """By the image's stem."""


def read_texts(
    source: Path, images: Mapping[str, Mapping[str, Path]]
) -> dict[tuple[str, str], str]:
    """Match the sentences of every workbook with the images.

    A workbook whose name, or whose folder's, begins with Train, Val or Test speaks of that split
    first. Where a split's own workbooks do not name a case, others may (Train's of val), as long
    as only one split has an image of that name.

    Args:
        source: the download; workbooks are searched below it.
        images: of each split, stem → path.

    Returns:
        (split, stem) → sentence.

    Raises:
        MissingFile: there is no workbook.
        ManifestError: nothing says to which image a sentence belongs, or two sentences do.
    """
    books = [_Book(_split(path, source), path, sentences(path)) for path in _books(source)]
    if not books:
        raise missing(source, ["*_text*.xlsx"], REMEDY)
    texts: dict[tuple[str, str], str] = {}
    for split, stems in images.items():
        own = [book for book in books if book.split == split]
        others = [book for book in books if book.split != split]
        for stem in stems:
            is_twice = sum(stem in of_split for of_split in images.values()) > 1
            for book in _books_of(stem, split, own, others, is_twice):
                text = book.sentences[stem]
                # Two workbooks may hold the same sentence; only another one contradicts.
                if texts.setdefault((split, stem), text) != text:
                    raise _contradiction(stem, split, book.path)
    return texts


def _books_of(
    stem: str, split: str, own: list[_Book], others: list[_Book], is_twice: bool
) -> list[_Book]:
    """The workbooks whose sentence of this name is meant for this split."""
    naming = [book for book in own if stem in book.sentences]
    if naming:
        return naming
    elsewhere = [book for book in others if stem in book.sentences]
    if not elsewhere or not is_twice:
        return elsewhere
    # The split has workbooks of its own, and they leave this case out.
    if own:
        return []
    raise _ambiguous(stem, split, elsewhere[0].path)


def _contradiction(stem: str, split: str, path: Path) -> ManifestError:
    return ManifestError(
        f"another sentence of {stem!r}",
        where=path,
        allowed=f"one a case of {split}",
        remedy="keep one of the workbooks",
    )


def _ambiguous(stem: str, split: str, path: Path) -> ManifestError:
    return ManifestError(
        f"images named {stem!r} in {split} and in another split, "
        "and a sentence that may be of either",
        where=path,
        allowed="where a name stands twice, each split has a workbook whose name or folder begins "
        "with Train, Val or Test",
        remedy=f"name the workbooks so ({split.capitalize()}_text.xlsx)",
    )


def _books(source: Path) -> list[Path]:
    """Their names differ from set to set; one without both columns is a list of names only."""
    paths: list[Path] = []
    for folder in folders(source):
        # Office programs write "~$NAME.xlsx" beside a workbook that is open.
        paths += [
            path for path in sorted(folder.glob("*.xlsx")) if not path.name.startswith(("~", "."))
        ]
    return [path for path in paths if _has_sentences(path)]


def _has_sentences(path: Path) -> bool:
    try:
        columns(path, ["Image", "Description"])
    except ManifestError:
        return False
    return True


def _split(path: Path, source: Path) -> str | None:
    """Of the workbook's name, else of the nearest folder's; None where neither says."""
    for name in path.relative_to(source).parts[::-1]:
        for split in SPLITS:
            if name.lower().startswith(split):
                return split
    return None
