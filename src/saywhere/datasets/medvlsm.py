"""MedVLSM's annotations (naamiinepal/medvlsm, data/SET/anns): ten levels of prompts per image.

They were computed from the masks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from saywhere.data.records import Fields
from saywhere.datasets.layout import find_with, folders, stem_of
from saywhere.errors import ManifestError
from saywhere.io.decode import read_bytes

SPLITS = ("train", "val", "test")
FILES = [f"{split}.json" for split in SPLITS]


@dataclass(frozen=True)
class Listed:
    """One record of an annotation file."""

    stem: str
    """Of the image's file name."""
    split: str
    prompts: Fields
    """Level → a text or a list of texts, as they stand in the file."""


def read_annotations(root: Path, images: Mapping[str, Path], remedy: str) -> list[Listed]:
    """Read the nearest train.json, val.json and test.json that speak of some images.

    Args:
        root: the folder to search.
        images: stem → path.
        remedy: what to do where there are none.

    Returns:
        The records, in the order train, val, test.

    Raises:
        MissingFile: there are no such files.
        ManifestError: a file is broken, or all speak of other images.
    """
    # Looked for first, so that its error can say where the files should lie.
    nearest = find_with(root, FILES, remedy)
    for folder in folders(root):
        listed = _read_folder(folder) if _has_files(folder) else []
        # A download may hold annotations of several sets: those of our images count.
        if any(record.stem in images for record in listed):
            return listed
    raise ManifestError(
        "annotations of other images",
        where=nearest,
        allowed="img_name is a file of the images folder",
        remedy=remedy,
    )


def read_if_there(root: Path, images: Mapping[str, Path], remedy: str) -> list[Listed]:
    """Read the annotations of a set that can do without.

    Args:
        root: the folder to search.
        images: stem → path.
        remedy: what to do where they are of other images.

    Returns:
        The records, in the order train, val, test; none where there are no annotation files.

    Raises:
        ManifestError: a file is broken, or all speak of other images.
    """
    if not any(_has_files(folder) for folder in folders(root)):
        return []
    return read_annotations(root, images, remedy)


def _has_files(folder: Path) -> bool:
    return all((folder / name).is_file() for name in FILES)


def _read_folder(folder: Path) -> list[Listed]:
    return [record for split in SPLITS for record in _read_file(folder / f"{split}.json", split)]


def _read_file(path: Path, split: str) -> list[Listed]:
    try:
        # `read_bytes` holds every file from outside to the limit of size.
        records = json.loads(read_bytes(path).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ManifestError(
            f"not valid JSON ({str(error)[:80]})", where=path, remedy="take the published file"
        ) from None
    if not isinstance(records, list):
        raise ManifestError(
            f"a {type(records).__name__}",
            where=path,
            allowed="a list of records",
            remedy="take the published file",
        )
    return [_record(path, split, number, record) for number, record in enumerate(records, start=1)]


def _record(path: Path, split: str, number: int, record: object) -> Listed:
    prompts = record.get("prompts") if isinstance(record, dict) else None
    if not isinstance(record, dict) or not isinstance(prompts, dict) or "img_name" not in record:
        raise ManifestError(
            f"record {number} is incomplete",
            where=path,
            allowed="a record has img_name and prompts",
            remedy="take the published file",
        )
    return Listed(stem_of(record["img_name"], path), split, prompts)
