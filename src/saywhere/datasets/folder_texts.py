"""The text beside a folder of images and masks: a manifest of theirs, as annotations.jsonl, manifest.jsonl or a CSV."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saywhere.data.manifest import NAMES, read_row
from saywhere.data.records import Record, read_records
from saywhere.errors import ManifestError, UsageError
from saywhere.io.decode import SUFFIXES

ELSEWHERE = frozenset({"id", "image", "mask", "prompt", "prompts", "split"})


@dataclass(frozen=True)
class Text:
    """What a row says of an image: `split` "" where the table has none; `columns` are the manifest's further columns."""

    split: str
    prompts: dict[str, Any]
    columns: dict[str, Any]


def read_folder_texts(folder: Path, *, by_split: bool) -> dict[tuple[str, str], Text]:
    """(split, stem of the image) → its row, in order; `by_split` false: ("", stem). Empty where no table lies in `folder`.

    Columns as of a manifest; where there is no `id` or no `image`, the other one names the image. Raises UsageError, ManifestError.
    """
    tables = [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and (path.name in NAMES or _has_text(path))
    ]
    if len(tables) > 1:
        raise UsageError(f"several tables ({', '.join(path.name for path in tables[:5])})", where=folder, allowed="one annotations.jsonl or CSV",
                         remedy="move the others elsewhere")  # fmt: skip
    found: dict[tuple[str, str], Text] = {}
    for path in tables:
        _, records, bad = read_records(path)
        if bad:
            raise bad[0].error
        has_split = any(record.text("split") for record in records)
        for record in records:
            stem, text = _text(record, has_split=has_split)
            key = (text.split if by_split else "", stem)
            if key in found:
                raise record.error("image", f"a second row of {stem!r}", allowed="one row an image",
                                   remedy="list its sentences in one row; several masks an image: the table is a manifest, train on it as it is")  # fmt: skip
            found[key] = text
    return found


def _has_text(path: Path) -> bool:
    """Of CSVs, only those with prompts: others may lie there, and need be no table of ours."""
    if path.suffix.lower() != ".csv":
        return False
    try:
        records = read_records(path)[1]
    except ManifestError:
        return False
    columns = {column for record in records for column in record.fields}
    return any(
        column in ("prompt", "prompts") or column.startswith("prompts.") for column in columns
    )


def _text(record: Record, *, has_split: bool) -> tuple[str, Text]:
    name = record.text("image") or record.required("id")
    row = read_row(Record(record.path, record.number, {**record.fields, "id": name, "image": name}))
    if has_split and not record.text("split"):
        raise record.error(
            "split",
            "no split, while other rows have one",
            allowed="all rows have a split or none",
            remedy="write train, val or test",
        )
    prompts = {
        level: texts[0] if len(texts) == 1 else list(texts) for level, texts in row.prompts.items()
    }
    columns = {
        key: value
        for key, value in record.fields.items()
        if key not in ELSEWHERE and not key.startswith("prompts.") and value not in (None, "")
    }
    return _stem(Path(name.replace("\\", "/")).name), Text(
        row.split if has_split else "", prompts, columns
    )


def _stem(name: str) -> str:
    """ "case 1.5" is a name without a suffix, "case 1.png" has one."""
    return Path(name).stem if Path(name).suffix.lower() in SUFFIXES else name
