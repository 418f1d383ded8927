"""COCO: a data set of one picture, as JSON, with the mask in compressed run lengths.

`pycocotools.coco.COCO(path)` opens it, and so do most annotation tools.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np

from saywhere.inference.answer import Answer
from saywhere.inference.writers.writer import Options, Paths, Writer, Written
from saywhere.io import files

# COCO joins its three tables by numbers; of one picture and one prompt, all of them are 1.
ONLY = 1


class RunLengths(TypedDict):
    """A mask as COCO compresses it."""

    size: list[int]
    """height and width, px"""
    counts: str


def write(answers: Sequence[Answer], paths: Paths, options: Options) -> Written:
    """Write an answer as a COCO data set.

    Args:
        answers: One. The prompt becomes the category's name, the confidence the annotation's
            score. An empty mask has no annotation.
        paths: Where "coco" goes.
        options: None matters to this format.

    Returns:
        That "coco" was written.

    Raises:
        NotWritable: Where the folder takes no file.
    """
    (answer,) = answers
    height, width = answer.mask.shape
    stem = paths["coco"].name.removesuffix(ENDING)
    files.write_json(
        paths["coco"],
        {
            "images": [{"id": ONLY, "file_name": stem, "height": height, "width": width}],
            "categories": [{"id": ONLY, "name": answer.prompt}],
            "annotations": [_annotation(answer)] if answer.mask.any() else [],
        },
    )
    return Written(("coco",))


def run_lengths(mask: np.ndarray) -> RunLengths:
    """Compress a mask as COCO does.

    Args:
        mask: bool (height, width).

    Returns:
        {"size": [height, width], "counts": compressed string}, as pycocotools reads it.
    """
    # It comes with an extra, so it is loaded only when it is used.
    from pycocotools import mask as coco

    # COCO counts pixels down the columns.
    encoded = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {
        "size": [int(side) for side in encoded["size"]],
        "counts": encoded["counts"].decode("ascii"),
    }


def _annotation(answer: Answer) -> dict[str, object]:
    rows = np.flatnonzero(answer.mask.any(axis=1))
    columns = np.flatnonzero(answer.mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    return {
        "id": ONLY,
        "image_id": ONLY,
        "category_id": ONLY,
        "segmentation": run_lengths(answer.mask),
        # Width and height, so the last row and column count.
        "bbox": [left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1],
        "area": int(answer.mask.sum()),
        "iscrowd": 0,
        "score": round(answer.confidence or 0.0, 4),
    }


ENDING = "-coco.json"
WRITER = Writer({"coco": ENDING}, write, packages=("pycocotools",), extra="serve")
