"""Which sentence belongs to which case of LViT's folders: a name may stand in train, val and test, with another image each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from saywhere.datasets.layout import folders, missing
from saywhere.datasets.workbooks import columns, sentences
from saywhere.errors import ManifestError

SPLITS = ("train", "val", "test")
REMEDY = "put LViT's workbooks (columns Image and Description) into the folder that --from names"


def read_texts(
    source: Path, images: Mapping[str, Mapping[str, Path]]
) -> dict[tuple[str, str], str]:
    """(split, stem) → sentence, of every workbook below `source` that has both columns; `images`: of each split, by stem.

    A workbook whose name, or whose folder's, begins with Train, Val or Test speaks of that split first; where a split's own say nothing of a case,
    others may (Train's of val), as long as one split only has an image of that name.
    Raises MissingFile where there is no workbook, ManifestError where nothing says whose a sentence is.
    """
    books = [(_split(path, source), path, sentences(path)) for path in _books(source)]
    if not books:
        raise missing(source, ["*_text*.xlsx"], REMEDY)
    found: dict[tuple[str, str], str] = {}
    for split, stems in images.items():
        own = [(path, said) for whose, path, said in books if whose == split]
        for stem in stems:
            named = [(path, said[stem]) for path, said in own if stem in said]
            others = [
                (path, said[stem]) for whose, path, said in books if whose != split and stem in said
            ]
            if not named and others and sum(stem in every for every in images.values()) > 1:
                if own:  # they leave this one out
                    continue
                raise _ambiguous(stem, split, others[0][0])
            for path, text in named or others:
                if found.setdefault((split, stem), text) != text:
                    raise ManifestError(
                        f"another sentence of {stem!r}",
                        where=path,
                        allowed=f"one a case of {split}",
                        remedy="keep one of the workbooks",
                    )
    return found


def _ambiguous(stem: str, split: str, path: Path) -> ManifestError:
    return ManifestError(f"images named {stem!r} in {split} and in another split, and a sentence that may be of either", where=path,
                         allowed="where a name stands twice, each split has a workbook whose name or folder begins with Train, Val or Test",
                         remedy=f"name the workbooks so ({split.capitalize()}_text.xlsx)")  # fmt: skip


def _books(source: Path) -> list[Path]:
    """Their names differ from set to set; a workbook without both columns is a list of names only."""
    paths = [
        path
        for folder in folders(source)
        for path in sorted(folder.glob("*.xlsx"))
        if not path.name.startswith(("~", "."))
    ]
    return [path for path in paths if _speaks(path)]


def _speaks(path: Path) -> bool:
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
