"""A label map: all prompts of one picture in one PNG, and a JSON that says which value is which.

Value 0 is background, 1 the first prompt, 2 the second …
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from saywhere.errors import UsageError
from saywhere.inference.answer import Answer
from saywhere.inference.writers.writer import Options, Paths, Scope, Writer, Written
from saywhere.io import files, images

MOST = 255
"""Labels of one map: a value is one byte."""


def write(answers: Sequence[Answer], paths: Paths, options: Options) -> Written:
    """Write the answers to several prompts as one label map with a legend.

    Where masks overlap, the surer answer has the pixel: the one of greater probability there. Of
    equal ones it is the first.

    Args:
        answers: Of one picture, one per prompt.
        paths: Where "labels" (PNG) and "legend" (JSON) go.
        options: None matters to this format.

    Returns:
        The parts, with a note where masks overlap.

    Raises:
        NotWritable: Where the folder takes no file.
        UsageError: For more prompts than a byte counts.
    """
    if len(answers) > MOST:
        raise UsageError(
            f"{len(answers):,} prompts for one label map",
            allowed=f"at most {MOST}",
            remedy="write fewer prompts in a call, or another format",
        )
    labels = join(answers)
    n_overlapping = int((np.sum([answer.mask for answer in answers], axis=0) > 1).sum())
    images.write_image(paths["labels"], labels)
    files.write_json(paths["legend"], _legend(answers, labels, n_overlapping))
    return Written(("labels", "legend"), _notes(n_overlapping))


def join(answers: Sequence[Answer]) -> NDArray[np.uint8]:
    """Join masks to one map.

    Args:
        answers: Of one picture, 255 at most.

    Returns:
        uint8 (height, width): 0 for background, else the place of the answer, from 1.
    """
    labels = np.zeros(answers[0].mask.shape, np.uint8)
    surest = np.full(labels.shape, -1.0, np.float32)
    # One after the other: all probabilities at once would take a stack of the picture's size.
    for number, answer in enumerate(answers, start=1):
        wins = answer.mask & (answer.probability > surest)
        labels[wins] = number
        surest[wins] = answer.probability[wins]
    return labels


def _legend(
    answers: Sequence[Answer], labels: NDArray[np.uint8], n_overlapping: int
) -> dict[str, object]:
    # With a place for each: a label that lost all of its pixels keeps its line.
    counts = np.bincount(labels.ravel(), minlength=len(answers) + 1)
    return {
        "labels": [
            {
                "value": number,
                "prompt": answer.prompt,
                "area_px": int(counts[number]),
                "mask_area_px": int(answer.mask.sum()),
                "confidence": answer.to_json()["confidence"],
            }
            for number, answer in enumerate(answers, start=1)
        ],
        "background": 0,
        "overlap_px": n_overlapping,
        "rule": "where masks overlap, the answer of greater probability has the pixel",
    }


def _notes(n_overlapping: int) -> tuple[str, ...]:
    if not n_overlapping:
        return ()
    pixels = "1 pixel is" if n_overlapping == 1 else f"{n_overlapping:,} pixels are"
    return (f"{pixels} in the masks of several prompts; the surer answer has each",)


WRITER = Writer({"labels": "-labels.png", "legend": "-labels.json"}, write, scope=Scope.INPUT)
