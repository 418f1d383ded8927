"""The text beside a folder of images and masks.

It is a manifest of theirs: annotations.jsonl, manifest.jsonl or a CSV.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from saywhere.data.manifest import NAMES
from saywhere.data.manifest_row import read_row, written_prompts
from saywhere.data.records import Fields, Record, read_records
from saywhere.errors import ManifestError, UsageError
from saywhere.io.decode import SUFFIXES
from saywhere.io.names import comparable
from saywhere.io.sources import CLINIC_SUFFIXES, stem_of

ELSEWHERE = frozenset({"id", "image", "mask", "prompt", "prompts", "split"})


@dataclass(frozen=True)
class Text:
    """What a row of the table says of an image."""

    split: str
    """Empty where the table has none."""
    prompts: Fields
    """Level → a text or a list of texts."""
    columns: Fields
    """The manifest's further columns."""


def read_folder_texts(folder: Path, *, by_split: bool) -> dict[tuple[str, str], Text]:
    """Read the table of a folder.

    Its columns are those of a manifest. Where there is no `id` or no `image`, the other one names
    the image.

    Args:
        folder: where to look; not below it.
        by_split: whether an image's name may stand in several splits.

    Returns:
        (split, stem of the image) → its row, in order; ("", stem) where not `by_split`. Empty where
        no table lies in the folder.

    Raises:
        UsageError: there are several tables.
        ManifestError: the table is broken, or lists an image twice.
    """
    texts: dict[tuple[str, str], Text] = {}
    for path in _tables(folder):
        records, bad = read_records(path)
        if bad:
            # No row is passed over: its image would be left out without a word.
            raise bad[0].error
        has_split = any(record.text("split") for record in records)
        for record in records:
            stem, text = _text(record, has_split=has_split)
            key = (text.split if by_split else "", stem)
            if key in texts:
                raise record.error(
                    "image",
                    f"a second row of {stem!r}",
                    allowed="one row an image",
                    remedy="list its sentences in one row; several masks an image: the table is a "
                    "manifest, train on it as it is",
                )
            texts[key] = text
    return texts


def _tables(folder: Path) -> list[Path]:
    """None or one."""
    files = [path for path in sorted(folder.iterdir()) if path.is_file()]
    # Of two tables nobody knows which one is meant.
    tables = [path for path in files if path.name in NAMES or _has_text(path)]
    if len(tables) > 1:
        raise UsageError(
            f"several tables ({', '.join(path.name for path in tables[:5])})",
            where=folder,
            allowed="one annotations.jsonl or CSV",
            remedy="move the others elsewhere",
        )
    return tables


def _has_text(path: Path) -> bool:
    """Of CSVs, only those with prompts: others may lie there, and need be no table of ours."""
    if path.suffix.lower() != ".csv":
        return False
    try:
        records, _ = read_records(path)
    except ManifestError:
        return False
    columns = {column for record in records for column in record.fields}
    return any(map(_is_prompt, columns))


def _is_prompt(column: str) -> bool:
    return column in ("prompt", "prompts") or column.startswith("prompts.")


def _text(record: Record, *, has_split: bool) -> tuple[str, Text]:
    """(stem of the image, its text)."""
    name = record.text("image") or record.required("id")
    row = read_row(Record(record.path, record.number, {**record.fields, "id": name, "image": name}))
    if has_split and not record.text("split"):
        raise record.error(
            "split",
            "no split, while other rows have one",
            allowed="all rows have a split or none",
            remedy="write train, val or test",
        )
    columns = {
        key: value
        for key, value in record.fields.items()
        if key not in ELSEWHERE and not key.startswith("prompts.") and value not in (None, "")
    }
    split = row.split if has_split else ""
    # A table of another system may name images by Windows paths.
    file_name = Path(name.replace("\\", "/")).name
    return _stem(file_name), Text(split, written_prompts(row), columns)


def _stem(name: str) -> str:
    """ "case 1.5" is a name without a suffix, "case 1.png" has one."""
    is_file = name.lower().endswith((*SUFFIXES, *CLINIC_SUFFIXES))
    return comparable(stem_of(name) if is_file else name)
