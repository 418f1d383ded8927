"""Excel workbooks with the sentences of a set (LViT's)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from saywhere.datasets.layout import stem_of
from saywhere.errors import ManifestError, MissingExtra, SaywhereError, UnreadableFile
from saywhere.io.decode import read_bytes

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

MASK = "mask_"


def sentences(path: Path) -> dict[str, str]:
    """Stem → sentence, of the columns Image and Description. Raises as `columns`, and ManifestError where two sentences are given to one stem."""
    found: dict[str, str] = {}
    for image, sentence in columns(path, ["Image", "Description"]):
        if (
            sentence is not None
            and found.setdefault(image_stem(image, path), str(sentence).strip())
            != str(sentence).strip()
        ):
            raise ManifestError(
                f"two sentences of {image_stem(image, path)!r}",
                where=path,
                allowed="one row an image",
                remedy="remove the wrong one",
            )
    return found


def image_stem(name: object, path: Path) -> str:
    """Some lists name the image, some its mask (mask_NAME.png)."""
    return stem_of(name, path).removeprefix(MASK)


def columns(path: Path, names: list[str]) -> list[tuple[object, ...]]:
    """The named columns of a workbook's first sheet; rows without a first cell are left out. Raises ManifestError, UnreadableFile, MissingExtra."""
    try:
        rows = list(_open(path).worksheets[0].iter_rows(values_only=True))
    except SaywhereError:
        raise
    except Exception as error:  # openpyxl raises whatever zip, XML and its own parsers do
        raise UnreadableFile(
            f"no workbook that can be read ({type(error).__name__})",
            where=path,
            remedy="take the published file",
        ) from None
    header = [str(cell).strip() for cell in rows[0]] if rows else []
    absent = [name for name in names if name not in header]
    if absent:
        raise ManifestError(
            f"no column {absent[0]}",
            where=path,
            allowed=f"found {', '.join(header) or 'none'}",
            remedy="take the published file",
        )
    at = [header.index(name) for name in names]
    return [tuple(row[i] for i in at) for row in rows[1:] if row[at[0]] is not None]


def _open(path: Path) -> Workbook:
    try:
        import openpyxl
    except ImportError:
        raise MissingExtra(
            "reading Excel workbooks needs openpyxl", remedy="pip install 'saywhere[prepare]'"
        ) from None
    from io import BytesIO

    return openpyxl.load_workbook(BytesIO(read_bytes(path)), read_only=True, data_only=True)
