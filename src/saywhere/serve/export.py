"""What people kept, as a zip for other tools: a manifest that `train` takes, and the masks.

The pictures' own names are in it only where they were kept, and only if they are asked for.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict

import numpy as np

from saywhere.errors import UsageError
from saywhere.inference import writers
from saywhere.inference.answer import Answer
from saywhere.inference.writers.coco import RunLengths, run_lengths
from saywhere.inference.writers.geojson import polygons
from saywhere.io import images
from saywhere.serve.store import Store
from saywhere.serve.stored_row import StoredRow, stored_file

FORMATS = ("png", "coco", "yolo", "nifti")
README = """Masks that were kept with Saywhere. `saywhere train` takes manifest.jsonl as its
`data.manifest`, as it is.

images/ masks/   PNG; a mask is 0 and 255
coco.json        COCO, with compressed run lengths: one data set of all pictures
labels/ data.yaml  YOLO: polygons as shares of the picture; it knows no holes, so they are filled
nifti/           a volume of one slice for each mask, one voxel a pixel: no place in a patient
"""


class Annotation(TypedDict):
    """A mask as COCO has it."""

    id: int
    image_id: int
    category_id: int
    segmentation: RunLengths
    bbox: list[int]
    """left, top, width, height"""
    area: int
    iscrowd: int


def write_zip(store: Store, file: Path, formats: Sequence[str], *, with_names: bool) -> int:
    """Write all that is kept and was not replaced.

    Args:
        store: where it is kept.
        file: the zip to write.
        formats: names of FORMATS; PNG masks and the manifest are always there.
        with_names: call pictures by their own names where these were kept.

    Returns:
        How many masks there are.

    Raises:
        UsageError: nothing is kept.
    """
    rows = store.alive()
    if not rows:
        raise UsageError("nothing is kept yet", remedy="keep a mask, then export")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", README)
        stems = _stems(rows, with_names=with_names)
        lines = [_line(row, stem, with_names=with_names) for row, stem in zip(rows, stems)]
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        archive.writestr("manifest.jsonl", text)
        for row, stem in zip(rows, stems):
            archive.write(stored_file(store.folder, row, "image"), f"images/{stem}.png")
            archive.write(stored_file(store.folder, row, "mask"), f"masks/{stem}.png")
        _add_formats(archive, store, list(zip(rows, stems)), formats)
    return len(rows)


def _stems(rows: Sequence[StoredRow], *, with_names: bool) -> list[str]:
    """The files' names, each another: the digits of the row's key tell equal names apart."""
    named = [str(row.get("name", "")) if with_names else "" for row in rows]
    plain = [re.sub(r"[^\w.-]+", "_", Path(name).name)[:80].strip(".") for name in named]
    return [
        f"{Path(name).stem}-{row['key'][:8]}" if name else row["key"]
        for name, row in zip(plain, rows)
    ]


def _line(row: StoredRow, stem: str, *, with_names: bool) -> dict[str, object]:
    hidden = {"suggested", "replaces", *(() if with_names else ("name",))}
    shown = {key: value for key, value in row.items() if key not in hidden}
    return shown | {"image": f"images/{stem}.png", "mask": f"masks/{stem}.png"}


def _add_formats(
    archive: zipfile.ZipFile,
    store: Store,
    named: Sequence[tuple[StoredRow, str]],
    formats: Sequence[str],
) -> None:
    names = list(dict.fromkeys(row["prompt"] or "(no words)" for row, _ in named))
    annotations = []
    sizes = {}
    for number, (row, stem) in enumerate(named, 1):
        mask = images.read_mask(stored_file(store.folder, row, "mask"))
        sizes[stem] = mask.shape
        place = names.index(row["prompt"] or "(no words)")
        if "yolo" in formats:
            archive.writestr(f"labels/{stem}.txt", "".join(_yolo_lines(mask, place)))
        if "nifti" in formats:
            _add_nifti(archive, mask, row["prompt"], stem)
        if "coco" in formats and mask.any():
            annotations.append(_annotation(mask, number, place + 1))
    if "yolo" in formats:
        shown = "".join(f"  {i}: {json.dumps(name)}\n" for i, name in enumerate(names))
        archive.writestr("data.yaml", f"path: .\ntrain: images\nval: images\nnames:\n{shown}")
    if "coco" in formats:
        pictures = [
            {"id": i, "file_name": f"images/{stem}.png", "height": size[0], "width": size[1]}
            for i, (stem, size) in enumerate(sizes.items(), 1)
        ]
        categories = [{"id": i, "name": name} for i, name in enumerate(names, 1)]
        tables = {"images": pictures, "categories": categories, "annotations": annotations}
        archive.writestr("coco.json", json.dumps(tables))


def _annotation(mask: np.ndarray, number: int, category: int) -> Annotation:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    top, left = int(rows[0]), int(columns[0])
    return {
        "id": number,
        "image_id": number,
        "category_id": category,
        "segmentation": run_lengths(mask),
        "bbox": [left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1],
        "area": int(mask.sum()),
        "iscrowd": 0,
    }


def _yolo_lines(mask: np.ndarray, place: int) -> Iterator[str]:
    height, width = mask.shape
    for rings in polygons(mask):
        corners = " ".join(f"{x / width:.6f} {y / height:.6f}" for x, y in rings[0])
        yield f"{place} {corners}\n"


def _add_nifti(archive: zipfile.ZipFile, mask: np.ndarray, prompt: str, stem: str) -> None:
    answer = Answer(
        np.zeros((*mask.shape, 1), np.uint8), prompt, mask.astype(np.float32), mask, None, 0.0
    )
    with TemporaryDirectory(prefix="saywhere-export-") as folder:
        parts = writers.choose_parts("nifti", "mask")
        written, _ = writers.write([answer], Path(folder), "a", parts)
        archive.write(written[parts[0]], f"nifti/{stem}.nii.gz")
