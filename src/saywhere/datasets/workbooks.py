"""Excel workbooks with the sentences of a set (LViT's)."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from saywhere.datasets.layout import stem_of
from saywhere.errors import ManifestError, MissingExtra, SaywhereError, UnreadableFile
from saywhere.io.decode import read_bytes

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook

MASK = "mask_"


def sentences(path: Path) -> dict[str, str]:
    """Read a workbook's columns Image and Description.

    Args:
        path: the workbook.

    Returns:
        The image's stem → its sentence; rows without a sentence are left out.

    Raises:
        ManifestError: a column is not there, or one image has two sentences.
        UnreadableFile: it is no workbook.
        MissingExtra: openpyxl is not installed.
    """
    texts: dict[str, str] = {}
    for image, cell in columns(path, ["Image", "Description"]):
        if cell is None:
            continue
        sentence = str(cell).strip()
        if texts.setdefault(image_stem(image, path), sentence) != sentence:
            raise ManifestError(
                f"two sentences of {image_stem(image, path)!r}",
                where=path,
                allowed="one row an image",
                remedy="remove the wrong one",
            )
    return texts


def image_stem(name: object, path: Path) -> str:
    """Read the name of an image; some lists name its mask (mask_NAME.png) instead.

    Args:
        name: the cell.
        path: the workbook, for the error.

    Returns:
        The image's stem.

    Raises:
        ManifestError: it is not a plain file name.
    """
    return stem_of(name, path).removeprefix(MASK)


def columns(path: Path, names: list[str]) -> list[tuple[object, ...]]:
    """Read some columns of a workbook's first sheet.

    Args:
        path: the workbook.
        names: the columns, as the first row calls them.

    Returns:
        One tuple per row, in the order of `names`; rows without a first cell are left out.

    Raises:
        ManifestError: a column is not there.
        UnreadableFile: it is no workbook.
        MissingExtra: openpyxl is not installed.
    """
    try:
        rows = list(_open(path).worksheets[0].iter_rows(values_only=True))
    except SaywhereError:
        raise
    # openpyxl raises whatever zip, XML and its own parsers do.
    except Exception as error:
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
    places = [header.index(name) for name in names]
    # A sheet goes on counting rows that were emptied.
    filled = [row for row in rows[1:] if row[places[0]] is not None]
    return [tuple(map(row.__getitem__, places)) for row in filled]


def _open(path: Path) -> Workbook:
    try:
        import openpyxl
    except ImportError:
        raise MissingExtra(
            "reading Excel workbooks needs openpyxl", remedy="pip install 'saywhere[prepare]'"
        ) from None
    # `data_only`: the values of formulas, not their text.
    return openpyxl.load_workbook(BytesIO(read_bytes(path)), read_only=True, data_only=True)
